"""A queue whose history of jobs is kept by the pass itself, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.removal.conftest import Removing
from tests.secret.toys import JOB_TYPES as GUARDED
from tests.toys import JOB_TYPES
from vocaqueue.archive.history import job_table
from vocaqueue.engine.job_history import FOLLOW, JobHistoryPass, Position, cursors
from vocaqueue.store.job_states import read_states
from vocaqueue.store.ledger import Ledger

COMPARED = ("id", "type", "status", "priority", "created_by", "created_at_ms", "finished_at_ms", "failed", "name")


class Kept(Removing):
    """A QueueManager, and the history that a relay would keep of it."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.keeper = self.new_keeper()

    def new_keeper(self) -> JobHistoryPass:
        """As of a relay that has just been started."""
        return JobHistoryPass(self.ledger, self.archive)

    def position(self) -> Position:
        with self.archive.reading() as connection:
            return Position.read(*(cursor.read(connection) for cursor in cursors(self.settings.namespace)))

    def keep(self) -> None:
        """Run the pass until it has caught up."""
        while self.keeper() or self.position().phase != FOLLOW:
            pass

    def found(self, **wanted: Any) -> list[str]:
        """Names of the jobs that a list shows, or their ids."""
        return [job.name or job.id for job in self.jobs(**{"limit": 100, **wanted}).items]

    def rows(self) -> list[tuple[Any, ...]]:
        from sqlalchemy import select

        columns = [job_table.c[name] for name in COMPARED]
        with self.archive.reading() as connection:
            mine = job_table.c.namespace == self.settings.namespace
            return [tuple(row) for row in connection.execute(select(*columns).where(mine).order_by(job_table.c.id))]

    def texts(self) -> list[str]:
        """What of the jobs is searched."""
        from sqlalchemy import select

        with self.archive.reading() as connection:
            mine = job_table.c.namespace == self.settings.namespace
            return list(connection.execute(select(job_table.c.text).where(mine)).scalars())

    def truth(self) -> list[tuple[Any, ...]]:
        """What the rows must be: as the ledger has the jobs now."""
        ids = sorted(i.decode() for i in self.ledger.client.zrange(self.ledger.keys("jobs"), 0, -1))
        return [
            tuple(getattr(job.progress if name == "failed" else job, name) for name in COMPARED)
            for job in (state.job for state in read_states(self.ledger, ids).values())
        ]


@pytest.fixture(params=["sqlite", "postgresql"])
def queue(request: pytest.FixtureRequest, make_ledger: Callable[..., Ledger], tmp_path: Path) -> Iterator[Kept]:
    is_lite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/queue.db" if is_lite else request.getfixturevalue("postgres")
    settings = make_ledger(storage_url=f"file://{tmp_path}/files", database_url=url).settings
    made = Kept(settings, (*JOB_TYPES, *GUARDED))
    yield made
    made.close()
