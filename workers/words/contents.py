"""The texts of a word, field by field: definition, examples, mnemonic, etymology."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as default
from typing import Any

from sqlalchemy import Row, func, select

from .chunked import in_chunks
from .database import reading, writing
from .fence import Written, lock_word, persons_fence, put_version
from .models import Content

TABLE = Content.__table__
FIELDS = ("definition", "examples", "mnemonic", "etymology")
OK, PARTIAL, UNAVAILABLE = "ok", "partial", "unavailable"


@dataclass(frozen=True, slots=True)
class NewContent:
    """A field as a provider made it."""

    field: str
    value: Any  #: JSON; None when unavailable
    status: str  #: ok, partial, unavailable
    provider: str
    reason: str | None = None
    provenance: Mapping[str, Any] = default(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredContent:
    """A version of a field as the database has it."""

    word_id: str
    field: str
    version: int
    value: Any
    status: str
    reason: str | None
    provider: str
    provenance: dict[str, Any]
    job_id: str | None
    edited_by: str | None
    fence: int
    created_at_ms: int
    is_current: bool


def put(word_id: str, made: Sequence[NewContent], *, fence: int, job_id: str) -> list[Written]:
    """Write what a job made of a word, in one transaction; answers in the same order. Raises WordNotFound."""
    if not made:
        return []
    with writing() as connection:
        lock_word(connection, word_id)
        return [
            put_version(
                connection,
                TABLE,
                {"word_id": word_id, "field": content.field},
                {
                    "value": content.value,
                    "status": content.status,
                    "reason": content.reason,
                    "provider": content.provider,
                    "provenance": dict(content.provenance),
                },
                fence=fence,
                job_id=job_id,
            )
            for content in made
        ]


def edit(word_id: str, field_name: str, value: Any, *, edited_by: str) -> Written:
    """A person's own text; it becomes current whatever was there. Raises WordNotFound."""
    with writing() as connection:
        lock_word(connection, word_id)
        seen = select(func.max(TABLE.c.fence)).where(TABLE.c.word_id == word_id, TABLE.c.field == field_name)
        # Clocks differ: the edit is newer than all that the person can have seen.
        fence = max(persons_fence(), (connection.execute(seen).scalar() or 0) + 1)
        return put_version(
            connection,
            TABLE,
            {"word_id": word_id, "field": field_name},
            {"value": value, "status": OK, "provider": "person", "provenance": {}, "edited_by": edited_by},
            fence=fence,
            job_id=None,
        )


def current(word_id: str) -> dict[str, StoredContent]:
    """The current version of each field that has one, by field."""
    return current_of([word_id]).get(word_id, {})


def current_of(word_ids: Iterable[str]) -> dict[str, dict[str, StoredContent]]:
    """The same for many words, by word id; words without any are left out."""
    found: dict[str, dict[str, StoredContent]] = defaultdict(dict)
    with reading() as connection:
        for ids in in_chunks(word_ids):
            for row in connection.execute(select(TABLE).where(TABLE.c.word_id.in_(ids), TABLE.c.is_current)):
                found[row.word_id][row.field] = _stored(row)
    return dict(found)


def versions(word_id: str, field_name: str | None = None) -> list[StoredContent]:
    """All versions, by field, newest first."""
    query = select(TABLE).where(TABLE.c.word_id == word_id).order_by(TABLE.c.field, TABLE.c.version.desc())
    if field_name is not None:
        query = query.where(TABLE.c.field == field_name)
    with reading() as connection:
        return [_stored(row) for row in connection.execute(query)]


def summary_of_job(job_id: str) -> dict[str, Any]:
    """
    What a job made, counted in the database, each word and field once.

    Returns:
        `{"fields": {field: {status: n}}, "reasons": {reason: n}}`.
    """
    latest = (
        select(func.max(TABLE.c.fence).label("fence"), TABLE.c.word_id, TABLE.c.field)
        .where(TABLE.c.job_id == job_id)
        .group_by(TABLE.c.word_id, TABLE.c.field)
        .subquery()
    )
    query = (
        select(TABLE.c.field, TABLE.c.status, TABLE.c.reason, func.count().label("n"))
        .where(TABLE.c.job_id == job_id)
        .join(
            latest,
            (TABLE.c.word_id == latest.c.word_id)
            & (TABLE.c.field == latest.c.field)
            & (TABLE.c.fence == latest.c.fence),
        )
        .group_by(TABLE.c.field, TABLE.c.status, TABLE.c.reason)
    )
    fields: dict[str, Counter[str]] = defaultdict(Counter)
    reasons: Counter[str] = Counter()
    with reading() as connection:
        for row in connection.execute(query):
            fields[row.field][row.status] += row.n
            if row.reason:
                reasons[row.reason] += row.n
    return {"fields": {name: dict(counts) for name, counts in sorted(fields.items())}, "reasons": dict(reasons)}


def _stored(row: Row[Any]) -> StoredContent:
    columns = row._mapping
    return StoredContent(**{name: columns[name] for name in StoredContent.__slots__})
