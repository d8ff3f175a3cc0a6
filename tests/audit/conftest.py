"""A queue over toy job types with an archive of its own; `store` does what the relay's archivist does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.toys import JOB_TYPES
from vocaqueue import QueueManager
from vocaqueue.archive.audit import AuditLog
from vocaqueue.engine.audit import AuditPass
from vocaqueue.store.ledger import Ledger


@pytest.fixture
def queue(make_ledger: Callable[..., Ledger], tmp_path: Path) -> Iterator[QueueManager]:
    url = f"sqlite:///{tmp_path}/archive.db"
    settings = make_ledger(storage_url=f"file://{tmp_path}/files", database_url=url).settings
    made = QueueManager(settings, JOB_TYPES)
    yield made
    made.close()


@pytest.fixture
def store(queue: QueueManager) -> Callable[[], int]:
    """Stores what was done so far; answers how many entries of the stream that were."""
    return AuditPass(queue.ledger, AuditLog(queue.archive, queue.settings.namespace))
