"""The wheel in a virtual environment that holds what its metadata asks for, and no more."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "embed"


def build_wheel(folder: Path) -> Path:
    """With the locked build backend, from the files of the checkout."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (wheel,) = folder.glob("*.whl")
    return wheel


class Environment:
    """
    A virtual environment with the wheel, without network: the other packages are links to those of this test run.

    Args:
        asked: What `pip install` would be given, such as "vocaqueue[admin]".
    """

    def __init__(self, folder: Path, wheel: Path, asked: Iterable[str]) -> None:
        self.folder = folder
        venv.create(folder, with_pip=False, symlinks=True)
        self.python = folder / "bin" / "python"
        names = {"base": str(folder), "platbase": str(folder)}
        self.packages = Path(sysconfig.get_path("purelib", "venv", names))
        pip = [sys.executable, "-m", "pip", "--python", str(self.python), "--disable-pip-version-check"]
        subprocess.run(
            [*pip, "install", "-q", "--no-deps", "--no-index", str(wheel)], check=True, capture_output=True, timeout=60
        )
        (ours,) = self.packages.glob("vocaqueue-*.dist-info")
        self.distributions: set[str] = set()
        for wanted in asked:
            self._link(Requirement(wanted), {"vocaqueue": Distribution.at(ours)})

    def _link(self, wanted: Requirement, installed: dict[str, Distribution]) -> None:
        known = f"{wanted.name}[{','.join(sorted(wanted.extras))}]".lower()
        if known in self.distributions:
            return
        self.distributions.add(known)
        found = installed.get(wanted.name) or distribution(wanted.name)
        if wanted.name not in installed:
            for name in {file.parts[0] for file in found.files or () if file.parts[0] not in {"..", "__pycache__"}}:
                link = self.packages / name
                if not link.exists():
                    link.symlink_to(Path(str(found.locate_file(name))).resolve())
        for line in found.requires or ():
            needed = Requirement(line)
            extras = wanted.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                self._link(needed, installed)

    @property
    def variables(self) -> dict[str, str]:
        """Of a process in it: nothing that leads to the checkout."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("VOCAQUEUE", "PYTHON"))}
        path = os.pathsep.join([str(self.folder / "bin"), kept.get("PATH", os.defpath)])
        return kept | {"PATH": path, "VIRTUAL_ENV": str(self.folder), "PYTHONUNBUFFERED": "1", "C_FORCE_ROOT": "1"}

    def run(self, *arguments: str, cwd: Path, env: dict[str, str] | None = None, status: int = 0) -> str:
        """Run Python there; answers what it printed. Raises AssertionError for another exit status."""
        ran = subprocess.run(
            [str(self.python), *arguments], cwd=cwd, env=self.variables | (env or {}), capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        assert ran.returncode == status, f"{ran.stdout}\n{ran.stderr}"
        return ran.stdout


def copy_example(folder: Path) -> Path:
    """The example, away from the checkout."""
    return Path(shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", "var", ".env")))


def names_in(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())
