"""
Fixtures for a host's tests. In its conftest.py:

    pytest_plugins = ["vocaqueue.testing.plugin"]

`vocaqueue_job_types` is for the host to override where VOCAQUEUE_JOB_TYPES does not name its types.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..engine.queue import QueueManager
from ..registry import Registry, load_registry
from ..settings import Settings
from .inline import InlineWorker
from .valkey import PrivateValkey


@pytest.fixture(scope="session")
def vocaqueue_server() -> Iterator[PrivateValkey]:
    """A Valkey of the test run's own, without a file; it goes with the run."""
    with PrivateValkey() as server:
        yield server


@pytest.fixture
def vocaqueue_settings(vocaqueue_server: PrivateValkey, tmp_path: Path) -> Settings:
    """A namespace of the test's own on that server, with files and archive in the test's folder."""
    return Settings.from_env(
        redis_url=vocaqueue_server.url,
        broker_url=vocaqueue_server.url,
        namespace=f"test-{secrets.token_hex(6)}",
        storage_url=f"file://{tmp_path / 'vocaqueue-files'}",
        database_url=f"sqlite:///{tmp_path / 'vocaqueue.db'}",
        sse_heartbeat_s=0.2,
    )


@pytest.fixture
def vocaqueue_job_types() -> Registry:
    """The types of VOCAQUEUE_JOB_TYPES; override it to name others: a Registry or a tuple of job types."""
    return load_registry(Settings.from_env().job_types)


@pytest.fixture
def vocaqueue_queue(vocaqueue_settings: Settings, vocaqueue_job_types: Registry) -> Iterator[QueueManager]:
    """A QueueManager of these types."""
    made = QueueManager(vocaqueue_settings, vocaqueue_job_types)
    yield made
    made.close()


@pytest.fixture
def inline_worker(vocaqueue_queue: QueueManager) -> InlineWorker:
    """`inline_worker.run()` runs the queue's jobs in this process."""
    return InlineWorker(vocaqueue_queue)
