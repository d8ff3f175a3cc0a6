"""
The audit log as it is stored: append-only, each row chained to the one before it by a hash.

A row that is changed, taken out or put in breaks the chain from there on, and `verify` names the first one. Who can
write to the database could make the whole chain anew; so its head (`head`) is worth keeping elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..job import iso
from ..pages import Page
from .database import Archive

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

GENESIS = "0" * 64  #: what the first row is chained to
BATCH = 500  #: rows that are read or looked for at once


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntry:
    """An act that is to be stored."""

    entry: str  #: what tells it from every other one, for ever; storing it again does nothing
    at_ms: int
    action: str  #: job.submit, key.revoke …
    outcome: str = "done"  #: or why not: refused, duplicate, forbidden …
    kind: str  #: what the target is: job, type, account, queue, schedule, key, session …
    target: str = ""  #: its id
    type: str | None = None  #: job type
    actor_id: str
    actor_name: str
    actor_role: str | None = None
    via: str  #: http, cli, python, celery, system
    address: str | None = None
    before: str | None = None  #: JSON
    after: str | None = None  #: JSON
    act: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry(NewEntry):
    """A stored act."""

    seq: int
    previous: str
    hash: str

    def as_dict(self) -> dict[str, Any]:
        """camelCase, for the API."""
        return {
            "seq": self.seq,
            "timestamp": iso(self.at_ms),
            "action": self.action,
            "outcome": self.outcome,
            "target": {"kind": self.kind, "id": self.target, "type": self.type},
            "actor": {
                "id": self.actor_id,
                "name": self.actor_name,
                "role": self.actor_role,
                "via": self.via,
                "address": self.address,
            },
            "before": None if self.before is None else json.loads(self.before),
            "after": None if self.after is None else json.loads(self.after),
            "act": self.act,
            "previousHash": self.previous,
            "hash": self.hash,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Entries that fit all that is given."""

    actor: str | None = None  #: id or name
    action: str | None = None  #: job.cancel, or `job` for all of jobs
    outcome: str | None = None
    target: str | None = None  #: id
    type: str | None = None  #: job type
    from_ms: int | None = None  #: at or after
    to_ms: int | None = None  #: before
    q: str | None = None  #: part of a target, an actor, an address, or of what was before or after

    @classmethod
    def between(cls, since: datetime | None = None, until: datetime | None = None, **fields: str | None) -> AuditFilter:
        """Of a span of time: at or after `since`, before `until`."""
        return cls(from_ms=_ms(since), to_ms=_ms(until), **fields)


def _ms(time: datetime | None) -> int | None:
    return None if time is None else round(time.timestamp() * 1000)


#: Newest first.
AuditPage = Page[AuditEntry]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What checking the chain found."""

    rows: int  #: that are in order
    head: str  #: hash of the last of them
    broken: int | None = None  #: `seq` of the first row that is wrong, or missing
    why: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "head": self.head, "broken": self.broken, "why": self.why}


def row_hash(row: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON of everything in a row but its own hash."""
    text = json.dumps({name: row[name] for name in HASHED}, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


_NEW = tuple(NewEntry.__dataclass_fields__)
HASHED = ("namespace", "seq", "previous", *_NEW)


class AuditLog:
    """One namespace's log. Every call may raise ArchiveUnavailable."""

    def __init__(self, archive: Archive, namespace: str) -> None:
        self.archive, self.namespace = archive, namespace

    def store(self, entries: Sequence[NewEntry]) -> int:
        """Append what is not there yet. Answers how many those were."""
        if not entries:
            return 0
        with self.archive.writing() as connection:
            return self.append(connection, entries)

    def append(self, connection: Connection, entries: Sequence[NewEntry]) -> int:
        """
        The same in a transaction of the caller's (`Archive.writing`), so that an act on this database and its entry are
        both there or neither. Others who append wait for its end.
        """
        from .audit_tables import audit_table

        seq, previous = self._take_head(connection)
        known, rows = self._known(connection, entries), list[dict[str, Any]]()
        for entry in entries:
            if (name := _storable(entry.entry)) in known:
                continue
            known.add(name)
            seq += 1
            row = {name: _storable(getattr(entry, name)) for name in _NEW}
            row |= {"namespace": self.namespace, "seq": seq, "previous": previous}
            previous = row["hash"] = row_hash(row)
            rows.append(row)
        if rows:
            connection.execute(audit_table.insert(), rows)
            self._move_head(connection, seq, previous)
        return len(rows)

    def page(self, filter_: AuditFilter, *, page: int, limit: int) -> AuditPage:
        from sqlalchemy import func, select

        from .audit_tables import audit_table

        which = self._which(filter_)
        with self.archive.reading() as connection:
            total = connection.execute(select(func.count()).select_from(audit_table).where(*which)).scalar_one()
            chosen = select(*_columns()).where(*which).order_by(audit_table.c.seq.desc())
            rows = connection.execute(chosen.limit(limit).offset((page - 1) * limit)).all()
        return AuditPage([_entry(row) for row in rows], page, limit, total)

    def after(self, filter_: AuditFilter, before_seq: int | None, limit: int = BATCH) -> list[AuditEntry]:
        """The next entries, newest first, older than the one of that number."""
        from sqlalchemy import select

        from .audit_tables import audit_table

        which = self._which(filter_)
        if before_seq is not None:
            which.append(audit_table.c.seq < before_seq)
        with self.archive.reading() as connection:
            rows = connection.execute(
                select(*_columns()).where(*which).order_by(audit_table.c.seq.desc()).limit(limit)
            ).all()
        return [_entry(row) for row in rows]

    def head(self) -> tuple[int, str]:
        """Number and hash of the last row; (0, zeros) at first."""
        from sqlalchemy import select

        from .audit_tables import head_table

        chosen = select(head_table.c.seq, head_table.c.hash).where(head_table.c.namespace == self.namespace)
        with self.archive.reading() as connection:
            found = connection.execute(chosen).first()
        return (0, GENESIS) if found is None else (int(found[0]), str(found[1]))

    def verify(self, *, known: tuple[int, str] | None = None) -> Verdict:
        """
        Check every row.

        Args:
            known: A head that was kept elsewhere; it must be in the chain.
        """
        seq, previous = 0, GENESIS
        head = self.head()  # first: what is stored meanwhile only adds rows
        for row in self._all():
            seq += 1
            if why := _what_is_wrong(row, seq, previous, [head, known or head]):
                return Verdict(seq - 1, previous, seq, why)
            previous = row["hash"]
        expected = max(head[0], known[0] if known else 0)
        if seq < expected:
            return Verdict(seq, previous, seq + 1, f"the rows from {seq + 1} to {expected} are missing")
        return Verdict(seq, previous)

    def _all(self) -> Iterator[dict[str, Any]]:
        """Every row, oldest first."""
        from sqlalchemy import select

        from .audit_tables import audit_table

        seq: int | None = None
        while True:
            which = [audit_table.c.namespace == self.namespace]
            if seq is not None:
                which.append(audit_table.c.seq > seq)
            with self.archive.reading() as connection:
                chosen = select(audit_table).where(*which).order_by(audit_table.c.seq).limit(BATCH * 4)
                rows = connection.execute(chosen).mappings().all()
            if not rows:
                return
            yield from map(dict, rows)
            seq = rows[-1]["seq"]

    def _take_head(self, connection: Connection) -> tuple[int, str]:
        from sqlalchemy import select
        from sqlalchemy.dialects import postgresql, sqlite

        from .audit_tables import head_table

        made = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        new = {"namespace": self.namespace, "seq": 0, "hash": GENESIS}
        connection.execute(made(head_table).values(new).on_conflict_do_nothing())
        chosen = select(head_table.c.seq, head_table.c.hash).where(head_table.c.namespace == self.namespace)
        seq, previous = connection.execute(chosen.with_for_update()).one()
        return int(seq), str(previous)

    def _move_head(self, connection: Connection, seq: int, hash_: str) -> None:
        from .audit_tables import head_table

        this = head_table.c.namespace == self.namespace
        connection.execute(head_table.update().where(this).values(seq=seq, hash=hash_))

    def _known(self, connection: Connection, entries: Sequence[NewEntry]) -> set[str]:
        from sqlalchemy import select

        from .audit_tables import audit_table

        columns, found = audit_table.c, set[str]()
        names = iter([_storable(entry.entry) for entry in entries])
        while part := list(islice(names, BATCH)):
            which = (columns.namespace == self.namespace, columns.entry.in_(part))
            found.update(connection.execute(select(columns.entry).where(*which)).scalars())
        return found

    def _which(self, filter_: AuditFilter) -> list[ColumnElement[bool]]:
        from sqlalchemy import func, or_

        from .audit_tables import audit_table

        columns = audit_table.c
        which: list[ColumnElement[bool]] = [columns.namespace == self.namespace]
        if filter_.actor is not None:
            which.append(or_(columns.actor_id == filter_.actor, columns.actor_name == filter_.actor))
        if filter_.action is not None:
            of_kind = columns.action.startswith(f"{filter_.action}.", autoescape=True)
            which.append(or_(columns.action == filter_.action, of_kind))
        for column, wanted in (
            (columns.outcome, filter_.outcome),
            (columns.target, filter_.target),
            (columns.type, filter_.type),
        ):
            if wanted is not None:
                which.append(column == wanted)
        if filter_.from_ms is not None:
            which.append(columns.at_ms >= filter_.from_ms)
        if filter_.to_ms is not None:
            which.append(columns.at_ms < filter_.to_ms)
        if filter_.q is not None:
            part = filter_.q.lower()
            searched = (
                columns.target,
                columns.actor_id,
                columns.actor_name,
                columns.address,
                columns.before,
                columns.after,
            )
            which.append(or_(*(func.lower(column).contains(part, autoescape=True) for column in searched)))
        return which


def _what_is_wrong(row: Mapping[str, Any], seq: int, previous: str, heads: Sequence[tuple[int, str]]) -> str | None:
    if row["seq"] != seq:
        return f"row {seq} is missing; the next one is {row['seq']}"
    if row["previous"] != previous:
        return f"row {seq} is not chained to the row before it"
    if row["hash"] != row_hash(row):
        return f"row {seq} is not what was stored"
    if any(at == seq and hash_ != row["hash"] for at, hash_ in heads):
        return f"row {seq} is not the one whose hash was kept"
    return None


def _columns() -> list[Any]:
    from .audit_tables import audit_table

    return [audit_table.c[name] for name in AuditEntry.__dataclass_fields__]


def _entry(row: Any) -> AuditEntry:
    return AuditEntry(**dict(zip(AuditEntry.__dataclass_fields__, row, strict=True)))


def _storable(value: Any) -> Any:
    """Texts without what PostgreSQL does not take: NUL, half letters."""
    if not isinstance(value, str):
        return value
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
