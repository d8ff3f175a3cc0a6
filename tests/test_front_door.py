"""What others rely on: the public names, and that lists which exist twice agree."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import vocaqueue
from vocaqueue.cli.main import main
from vocaqueue.cli.start import parse_procfile
from workers.job_types import JOB_TYPES

ROOT = Path(__file__).parents[1]


def test_every_public_name_is_there() -> None:
    """`__all__` is complete and each name can be imported."""
    for name in vocaqueue.__all__:
        assert getattr(vocaqueue, name) is not None
    with pytest.raises(AttributeError):
        _ = vocaqueue.nothing_of_that_name


def test_declaring_job_types_loads_no_heavy_library() -> None:
    """A module of job types imports neither Celery nor Redis nor a database."""
    heavy = "('celery', 'redis', 'sqlalchemy', 'PIL')"
    code = f"import sys, workers.job_types; print([m for m in {heavy} if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_the_procfile_and_the_job_types_agree() -> None:
    """Each type has one worker line with its queue, its name and its concurrency, on the prefork pool."""
    lines = parse_procfile((ROOT / "Procfile").read_text())
    assert {job_type.name for job_type in JOB_TYPES} <= lines.keys()
    for job_type in JOB_TYPES:
        line = lines[job_type.name]
        assert f"-Q {job_type.name} " in line
        assert f"-c {job_type.limits.concurrency} " in line
        assert f"-n {job_type.name}@%h" in line
        assert "-P prefork" in line


def test_every_command_has_an_example_or_says_what_it_does() -> None:
    """The help of each command is there, and those that people type show an example."""
    for name, command in main.commands.items():
        assert command.help, name
        if name not in {"relay", "reconciler", "worker", "start", "beat"}:
            assert "Example:" in command.help, name


def test_locked_packages_have_hashes_and_no_address() -> None:
    """The lock files pin every package by hash and name no index."""
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text()
        assert "://" not in text
        assert len(re.findall(r"^[a-z0-9].*==", text, re.M)) <= text.count("--hash=sha256:")


def test_every_setting_is_documented_and_shown() -> None:
    """Each name that is read from the environment is in docs/settings.md, and in what `doctor` prints."""
    from vocaqueue.cli.doctor import FIELDS
    from vocaqueue.settings import NAMES, SECRETS

    page = (ROOT / "docs" / "settings.md").read_text()
    for name in (*NAMES, *SECRETS):
        assert f"`{name}`" in page, name
    assert set(NAMES) - set(FIELDS) == {"REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD", "REDIS_DB"}
