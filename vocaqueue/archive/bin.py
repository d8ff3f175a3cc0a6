"""The bin: jobs that were removed by hand, whole, until they expire."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..job import iso
from ..pages import Page
from .database import Archive

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

IN_ONE_STATEMENT = 500  #: ids; SQLite takes 32,766 values, older ones 999


@dataclass(frozen=True, slots=True)
class BinEntry:
    """A removed job. Times are milliseconds since the epoch, by the ledger's clock."""

    job_id: str
    type: str
    name: str | None
    status: str  #: that it had, and gets back
    action: str  #: delete, clean, empty
    removed_by: str | None
    removed_at_ms: int
    expires_at_ms: int  #: it can be restored before that
    act: str  #: one act's entries share it

    def as_dict(self) -> dict[str, Any]:
        return {
            "jobId": self.job_id,
            "type": self.type,
            "name": self.name,
            "status": self.status,
            "action": self.action,
            "removedBy": self.removed_by,
            "removedAt": iso(self.removed_at_ms),
            "restorableUntil": iso(self.expires_at_ms),
        }


@dataclass(frozen=True, slots=True)
class Binned:
    """An entry with all that is needed to put the job back; see `store.states.JobState`."""

    entry: BinEntry
    state: bytes
    blocks: bytes | None


#: The last removed first.
BinPage = Page[BinEntry]


class Bin:
    """One namespace's bin. Every call may raise ArchiveUnavailable."""

    def __init__(self, archive: Archive, namespace: str) -> None:
        self.archive, self.namespace = archive, namespace

    def put(self, entries: Iterable[Binned]) -> None:
        """Write entries before the ledger's step; `removed` or `forget` follows it."""
        from .tables import bin_table

        rows = [
            {
                "namespace": self.namespace,
                "is_removed": False,
                "state": binned.state,
                "blocks": binned.blocks,
                **{name: getattr(binned.entry, name) for name in BinEntry.__dataclass_fields__},
            }
            for binned in entries
        ]
        with self.archive.writing() as connection:
            connection.execute(bin_table.insert(), rows)

    def removed(self, act: str, job_ids: Iterable[str]) -> None:
        """The ledger has let go of these jobs."""
        from .tables import bin_table

        self._change(act, job_ids, lambda these: bin_table.update().where(*these).values(is_removed=True))

    def forget(self, act: str, job_ids: Iterable[str]) -> None:
        """Take this act's entries of these jobs away; those of another act stay."""
        from .tables import bin_table

        self._change(act, job_ids, lambda these: bin_table.delete().where(*these))

    def page(self, *, types: Sequence[str], page: int, limit: int, now_ms: int) -> BinPage:
        from sqlalchemy import func, select

        from .tables import bin_table

        columns = bin_table.c
        which: list[ColumnElement[bool]] = [
            columns.namespace == self.namespace,
            columns.is_removed.is_(True),
            columns.expires_at_ms > now_ms,
        ]
        if types:
            which.append(columns.type.in_(types))
        with self.archive.reading() as connection:
            total = connection.execute(select(func.count()).select_from(bin_table).where(*which)).scalar_one()
            rows = connection.execute(
                select(*_entry_columns())
                .where(*which)
                .order_by(columns.removed_at_ms.desc(), columns.job_id, columns.act)
                .limit(limit)
                .offset((page - 1) * limit)
            ).all()
        return BinPage([BinEntry(*row) for row in rows], page, limit, total)

    def find(self, job_id: str, now_ms: int) -> Binned | None:
        """The entry that a restore takes: one that is known to be removed, else the newest; None: there is none."""
        from sqlalchemy import select

        from .tables import bin_table

        columns = bin_table.c
        with self.archive.reading() as connection:
            row = connection.execute(
                select(*_entry_columns(), columns.state, columns.blocks)
                .where(columns.namespace == self.namespace, columns.job_id == job_id, columns.expires_at_ms > now_ms)
                .order_by(columns.is_removed.desc(), columns.removed_at_ms.desc())
                .limit(1)
            ).first()
        if row is None:
            return None
        *entry, state, blocks = row
        return Binned(BinEntry(*entry), bytes(state), None if blocks is None else bytes(blocks))

    def expired(self, before_ms: int, most: int) -> list[BinEntry]:
        from .tables import bin_table

        return self._some(most, bin_table.c.expires_at_ms <= before_ms)

    def unsure(self, before_ms: int, most: int) -> list[BinEntry]:
        """Entries whose act ended before it said whether the ledger let go of the job."""
        from .tables import bin_table

        return self._some(most, bin_table.c.is_removed.is_(False), bin_table.c.removed_at_ms <= before_ms)

    def holds(self, job_ids: Iterable[str], *, besides: str | None = None) -> set[str]:
        """Those of these jobs that are in the bin, expired or not; `besides`: by an entry of another act."""
        from sqlalchemy import select

        from .tables import bin_table

        columns, found = bin_table.c, set[str]()
        with self.archive.reading() as connection:
            for part in _parts(job_ids):
                which = [columns.namespace == self.namespace, columns.job_id.in_(part)]
                if besides is not None:
                    which += [columns.is_removed.is_(True), columns.act != besides]
                found.update(connection.execute(select(columns.job_id).where(*which)).scalars())
        return found

    def _some(self, most: int, *which: ColumnElement[bool]) -> list[BinEntry]:
        from sqlalchemy import select

        from .tables import bin_table

        with self.archive.reading() as connection:
            rows = connection.execute(
                select(*_entry_columns()).where(bin_table.c.namespace == self.namespace, *which).limit(most)
            ).all()
        return [BinEntry(*row) for row in rows]

    def _change(self, act: str, job_ids: Iterable[str], statement: Any) -> None:
        from .tables import bin_table

        columns = bin_table.c
        parts = list(_parts(job_ids))
        if not parts:
            return
        with self.archive.writing() as connection:
            for part in parts:
                these = (columns.namespace == self.namespace, columns.job_id.in_(part), columns.act == act)
                connection.execute(statement(these))


def _entry_columns() -> list[Any]:
    from .tables import bin_table

    return [bin_table.c[name] for name in BinEntry.__dataclass_fields__]


def _parts(job_ids: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(job_ids)
    while part := list(islice(rest, IN_ONE_STATEMENT)):
        yield part
