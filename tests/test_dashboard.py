"""The built dashboard that is committed is what its sources give."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BUILT = Path("vocaqueue/admin/static")


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.skipif(shutil.which("npm") is None, reason="needs Node's npm")
def test_the_built_files_match_their_sources(tmp_path: Path) -> None:
    """Type check and build in a copy; each built file is the same to the byte as the committed one."""
    shutil.copytree(ROOT / "dashboard", tmp_path / "dashboard", ignore=shutil.ignore_patterns("node_modules"))
    (tmp_path / BUILT).mkdir(parents=True)
    for command in (["npm", "ci", "--no-audit", "--no-fund"], ["npm", "run", "types"], ["npm", "run", "build"]):
        ran = subprocess.run(command, cwd=tmp_path / "dashboard", capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
    built, committed = files(tmp_path / BUILT), files(ROOT / BUILT)
    assert built.keys() == committed.keys()
    assert [name for name in built if built[name] != committed[name]] == [], "run `make dashboard` and commit"
