"""The table of API keys. It holds no secret: see `vocaqueue.api_key.digest_of`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Column, Index, String, Table, Text, and_, func, or_, select

from ..api_key import ApiKey, KeyStatus
from .tables import metadata

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

    from .database import Archive

keys_table = Table(
    "vocaqueue_keys",
    metadata,
    Column("namespace", String(40), primary_key=True),
    Column("id", String(32), primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", String(20), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("created_by", Text),
    Column("expires_at_ms", BigInteger),
    Column("last_used_at_ms", BigInteger),
    Column("revoked_at_ms", BigInteger),
    Column("revoked_by", Text),
    Index("ix_vocaqueue_keys_created", "namespace", "created_at_ms"),
)
_c = keys_table.c
_FIELDS = tuple(ApiKey.__dataclass_fields__)


#: What is done in the same transaction, such as writing it down.
Also = Callable[["Connection"], Any]


def _nothing(_: Connection) -> None: ...


class KeyTable:
    """One namespace's keys. Every call may raise ArchiveUnavailable."""

    def __init__(self, archive: Archive, namespace: str) -> None:
        self.archive, self.namespace = archive, namespace

    def put(self, key: ApiKey, *, also: Also = _nothing) -> None:
        """`also` is done in the same transaction."""
        row = {"namespace": self.namespace, **{name: getattr(key, name) for name in _FIELDS}}
        with self.archive.writing() as connection:
            connection.execute(keys_table.insert().values(row))
            also(connection)

    def get(self, key_id: str) -> ApiKey | None:
        with self.archive.reading() as connection:
            row = connection.execute(_keys().where(*self._this(key_id))).first()
        return None if row is None else ApiKey(*row)

    def page(self, *, statuses: set[KeyStatus], page: int, limit: int, now_ms: int) -> tuple[list[ApiKey], int]:
        """The newest first, and how many there are in all; no statuses: of any."""
        which: list[ColumnElement[bool]] = [_c.namespace == self.namespace]
        if statuses:
            which.append(or_(*(_has(status, now_ms) for status in statuses)))
        with self.archive.reading() as connection:
            total = connection.execute(select(func.count()).select_from(keys_table).where(*which)).scalar_one()
            rows = connection.execute(
                _keys().where(*which).order_by(_c.created_at_ms.desc(), _c.id).limit(limit).offset((page - 1) * limit)
            ).all()
        return [ApiKey(*row) for row in rows], total

    def revoke(self, key_id: str, *, now_ms: int, by: str | None, also: Also = _nothing) -> ApiKey | None:
        """
        The key as it is now; one that was revoked before keeps its time. None: there is none.

        `also` is done in the same transaction, if this call revoked it.
        """
        with self.archive.writing() as connection:
            change = keys_table.update().where(*self._this(key_id), _c.revoked_at_ms.is_(None))
            if connection.execute(change.values(revoked_at_ms=now_ms, revoked_by=by)).rowcount:
                also(connection)
            row = connection.execute(_keys().where(*self._this(key_id))).first()
        return None if row is None else ApiKey(*row)

    def used(self, key_id: str, *, now_ms: int, at_most_every_ms: int) -> None:
        """Write when a key was last used, unless that was written a moment ago, by whichever process."""
        is_due = or_(_c.last_used_at_ms.is_(None), _c.last_used_at_ms <= now_ms - at_most_every_ms)
        with self.archive.writing() as connection:
            connection.execute(keys_table.update().where(*self._this(key_id), is_due).values(last_used_at_ms=now_ms))

    def _this(self, key_id: str) -> tuple[ColumnElement[bool], ...]:
        return _c.namespace == self.namespace, _c.id == key_id


def _keys() -> Any:
    return select(*(_c[name] for name in _FIELDS))


def _has(status: KeyStatus, now_ms: int) -> ColumnElement[bool]:
    is_over: ColumnElement[bool] = and_(_c.expires_at_ms.is_not(None), _c.expires_at_ms <= now_ms)
    match status:
        case KeyStatus.REVOKED:
            return _c.revoked_at_ms.is_not(None)
        case KeyStatus.EXPIRED:
            return and_(_c.revoked_at_ms.is_(None), is_over)
        case KeyStatus.ACTIVE:
            return and_(_c.revoked_at_ms.is_(None), ~is_over)
