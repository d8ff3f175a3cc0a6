"""Queue managers that stand for the processes of one system."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vocaqueue import QueueManager
from vocaqueue.store.ledger import Ledger


@pytest.fixture
def make_queue(make_ledger: Callable[..., Ledger], tmp_path: Path) -> Iterator[Callable[..., QueueManager]]:
    """Several with the same arguments are several processes of one system."""
    made: list[QueueManager] = []

    def make(**options: object) -> QueueManager:
        given = {
            "namespace": "keys-test",
            "database_url": f"sqlite:///{tmp_path}/a.db",
            "storage_url": f"file://{tmp_path}/f",
        }
        made.append(QueueManager(make_ledger(**(given | options)).settings, []))
        return made[-1]

    yield make
    for queue in made:
        queue.close()
