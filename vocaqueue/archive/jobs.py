"""Writing the history of jobs: rows, the index of their texts, the index of their items, all in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from . import grams
from .items import ItemIndex

if TYPE_CHECKING:
    from sqlalchemy import Connection

IN_ONE_STATEMENT = 500  #: ids; SQLite takes 32,766 values, older ones 999


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as the history has it; times are milliseconds since the epoch."""

    id: str
    type: str
    status: str
    priority: int
    created_by: str | None
    created_at_ms: int
    started_at_ms: int | None
    finished_at_ms: int | None
    total: int | None
    completed: int
    failed: int
    skipped: int
    name: str | None
    labels: str | None  #: JSON
    error_code: str | None
    error_message: str | None
    text: str  #: what is searched, spelled as `text.spelled` does


class JobHistory:
    """One namespace's history, written. Every method works within the caller's transaction."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.items = ItemIndex(namespace)

    def known(self, connection: Connection, job_ids: Collection[str]) -> dict[str, tuple[int, str]]:
        """Number and text of those of these jobs that are in the history."""
        from sqlalchemy import select

        from .history import job_table

        columns, asked = job_table.c, list(job_ids)
        found: dict[str, tuple[int, str]] = {}
        for first in range(0, len(asked), IN_ONE_STATEMENT):
            these = columns.id.in_(asked[first : first + IN_ONE_STATEMENT])
            rows = connection.execute(
                select(columns.id, columns.nr, columns.text).where(columns.namespace == self.namespace, these)
            )
            found |= {row.id: (row.nr, row.text) for row in rows}
        return found

    def store(
        self,
        connection: Connection,
        rows: Sequence[JobRow],
        gone: Collection[str],
        *,
        walk: int,
        items: Mapping[str, Sequence[int]],
    ) -> None:
        """
        Bring the history up to what the ledger has.

        Args:
            rows: Jobs that are there.
            gone: Ids of jobs that are not there any more.
            walk: Number of the last walk through the ledger.
            items: By job id, the hashes of the items of jobs that may be new.
        """
        known = self.known(connection, [*(row.id for row in rows), *gone])
        new = [row for row in rows if row.id not in known]
        old = [row for row in rows if row.id in known]
        self._remove(connection, [known[job_id] for job_id in gone if job_id in known])
        self._insert(connection, new, walk, items)
        self._update(connection, old, walk, known)

    def sweep(self, connection: Connection, *, walk: int, most: int) -> int:
        """Take away jobs that the last walk did not see. Answers how many."""
        from sqlalchemy import select

        from .history import job_table

        columns = job_table.c
        unseen = connection.execute(
            select(columns.nr, columns.text)
            .where(columns.namespace == self.namespace, columns.walk != walk)
            .limit(most)
        ).all()
        self._remove(connection, [(row.nr, row.text) for row in unseen])
        return len(unseen)

    def _insert(
        self, connection: Connection, rows: Sequence[JobRow], walk: int, items: Mapping[str, Sequence[int]]
    ) -> None:
        from .history import job_table

        if not rows:
            return
        numbers = {row.id: nr for row, nr in zip(rows, _numbers(connection, len(rows)), strict=True)}
        own = {"namespace": self.namespace, "walk": walk}
        connection.execute(job_table.insert(), [_values(row) | own | {"nr": numbers[row.id]} for row in rows])
        grams.add(connection, [(numbers[row.id], row.text) for row in rows])
        self.items.add(connection, [(numbers[row.id], items[row.id]) for row in rows if items.get(row.id)])

    def _update(
        self, connection: Connection, rows: Sequence[JobRow], walk: int, known: Mapping[str, tuple[int, str]]
    ) -> None:
        from sqlalchemy import bindparam

        from .history import job_table

        if not rows:
            return
        connection.execute(
            job_table.update().where(job_table.c.nr == bindparam("of_nr")),
            [_values(row) | {"walk": walk, "of_nr": known[row.id][0]} for row in rows],
        )
        changed = [row for row in rows if row.text != known[row.id][1]]
        grams.remove(connection, [known[row.id] for row in changed])
        grams.add(connection, [(known[row.id][0], row.text) for row in changed])

    def _remove(self, connection: Connection, jobs: Sequence[tuple[int, str]]) -> None:
        from .history import job_table

        grams.remove(connection, jobs)
        numbers = [nr for nr, _ in jobs]
        for first in range(0, len(numbers), IN_ONE_STATEMENT):
            these = job_table.c.nr.in_(numbers[first : first + IN_ONE_STATEMENT])
            connection.execute(job_table.delete().where(these))


def _values(row: JobRow) -> dict[str, object]:
    return {field.name: getattr(row, field.name) for field in fields(row)}


def _numbers(connection: Connection, count: int) -> range:
    """Numbers for so many new jobs; whoever asks at the same time waits for this transaction."""
    from .history import number_table

    column = number_table.c.last
    last = connection.execute(number_table.update().values(last=column + count).returning(column)).scalar_one()
    return range(last - count + 1, last + 1)
