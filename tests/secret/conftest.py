"""A queue whose job type has secret parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vocaqueue import QueueManager
from vocaqueue.store.ledger import Ledger

from .toys import JOB_TYPES


@pytest.fixture
def queue(
    make_ledger: Callable[..., Ledger], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[QueueManager]:
    monkeypatch.setenv("VOCAQUEUE_SECRET_KEY", "the-key")
    url = f"sqlite:///{tmp_path}/archive.db"
    settings = make_ledger(storage_url=f"file://{tmp_path}/files", database_url=url).settings
    made = QueueManager(settings, JOB_TYPES)
    yield made
    made.close()
