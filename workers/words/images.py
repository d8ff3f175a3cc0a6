"""The pictures of a word, by the style and the size asked for."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, func, select

from .chunked import in_chunks
from .database import reading, writing
from .fence import Written, lock_word, put_version
from .models import Image

TABLE = Image.__table__


@dataclass(frozen=True, slots=True)
class NewImage:
    style: str  #: asked for
    size: str  #: "512x512"
    file: str  #: name in the file store; the file is there already
    style_applied: str
    provider: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredImage:
    word_id: str
    style: str
    size: str
    version: int
    file: str
    style_applied: str
    provider: str
    provenance: dict[str, Any]
    job_id: str | None
    fence: int
    created_at_ms: int
    is_current: bool


def put(word_id: str, made: NewImage, *, fence: int, job_id: str) -> Written:
    """Record a picture that a job drew. Raises WordNotFound."""
    with writing() as connection:
        lock_word(connection, word_id)
        return put_version(
            connection,
            TABLE,
            {"word_id": word_id, "style": made.style, "size": made.size},
            {
                "file": made.file,
                "style_applied": made.style_applied,
                "provider": made.provider,
                "provenance": dict(made.provenance),
            },
            fence=fence,
            job_id=job_id,
        )


def find(word_id: str, style: str | None = None, size: str | None = None) -> StoredImage | None:
    """The current picture; where style or size are left open, the newest that fits."""
    query = select(TABLE).where(TABLE.c.word_id == word_id, TABLE.c.is_current)
    if style is not None:
        query = query.where(TABLE.c.style == style)
    if size is not None:
        query = query.where(TABLE.c.size == size)
    with reading() as connection:
        row = connection.execute(query.order_by(TABLE.c.created_at_ms.desc(), TABLE.c.id.desc()).limit(1)).first()
    return None if row is None else _stored(row)


def current_of(word_ids: Iterable[str]) -> dict[str, list[StoredImage]]:
    """The current pictures of many words, newest first, by word id; words without any are left out."""
    found: dict[str, list[StoredImage]] = defaultdict(list)
    newest_first = (TABLE.c.created_at_ms.desc(), TABLE.c.id.desc())
    with reading() as connection:
        for ids in in_chunks(word_ids):
            query = select(TABLE).where(TABLE.c.word_id.in_(ids), TABLE.c.is_current).order_by(*newest_first)
            for row in connection.execute(query):
                found[row.word_id].append(_stored(row))
    return dict(found)


def known_files(names: Iterable[str]) -> set[str]:
    """Those of these file names that some version of some picture refers to."""
    known: set[str] = set()
    with reading() as connection:
        for chunk in in_chunks(names):
            known.update(connection.execute(select(TABLE.c.file).where(TABLE.c.file.in_(chunk))).scalars())
    return known


def summary_of_job(job_id: str) -> dict[str, Any]:
    """What a job drew, counted in the database, each word once: `{"images": n, "stylesApplied": {style: n}}`."""
    query = (
        select(TABLE.c.style_applied, func.count(TABLE.c.word_id.distinct()).label("n"))
        .where(TABLE.c.job_id == job_id)
        .group_by(TABLE.c.style_applied)
    )
    with reading() as connection:
        styles = Counter({row.style_applied: row.n for row in connection.execute(query)})
    return {"images": styles.total(), "stylesApplied": dict(styles)}


def _stored(row: Row[Any]) -> StoredImage:
    columns = row._mapping
    return StoredImage(**{name: columns[name] for name in StoredImage.__slots__})
