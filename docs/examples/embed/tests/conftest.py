"""The shop's tests: vocaqueue's fixtures give a private server, a queue, and a worker inside the test's process."""

from __future__ import annotations

import pytest
from bookshop import database
from bookshop.job_types import JOB_TYPES

pytest_plugins = ["vocaqueue.testing.plugin"]


@pytest.fixture
def vocaqueue_job_types():
    return JOB_TYPES


@pytest.fixture(autouse=True)
def shop(tmp_path, monkeypatch):
    """A shop of its own for each test; this process works for Seoul."""
    monkeypatch.setenv("BOOKSHOP_DATABASE", str(tmp_path / "bookshop.db"))
    monkeypatch.setenv("VOCAQUEUE_NAMESPACE", "seoul")
    database.fill()
