"""Finding words: what a filter selects, and pages of it. The order is always by word, then part of speech."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Select, exists, func, or_, select

from .contents import UNAVAILABLE
from .database import reading
from .models import Content, Image
from .records import TABLE, WordRecord, as_record

ORDER = (TABLE.c.word, TABLE.c.pos, TABLE.c.id)
AT_ONCE = 10_000  #: rows that a long reading fetches in one go


class Filter(Protocol):
    """Which words are meant; every part that is given narrows it. `job_types.WordFilter` is one."""

    @property
    def q(self) -> str | None: ...  #: part of the word or of its meaning, whatever the case

    @property
    def level(self) -> tuple[str, ...]: ...  #: any of these

    @property
    def pos(self) -> tuple[str, ...]: ...  #: any of these

    @property
    def missing(self) -> str | None: ...  #: "image": no picture; "content": no text that says something


@dataclass(frozen=True, slots=True)
class WordPage:
    items: list[WordRecord] = field(default_factory=list)
    total: int = 0


def ids(words: Filter) -> Iterator[str]:
    """Ids of the words selected, in the fixed order, in bounded memory."""
    query = _narrow(select(TABLE.c.id), words).order_by(*ORDER)
    with reading() as connection:
        yield from connection.execution_options(yield_per=AT_ONCE).execute(query).scalars()


def count(words: Filter) -> int:
    with reading() as connection:
        return connection.execute(_narrow(select(func.count()).select_from(TABLE), words)).scalar_one()


def search(words: Filter, *, page: int = 1, limit: int = 20) -> WordPage:
    """One page of the words selected, counted from 1, with the total of all pages."""
    query = _narrow(select(TABLE), words).order_by(*ORDER).limit(limit).offset((page - 1) * limit)
    with reading() as connection:
        total = connection.execute(_narrow(select(func.count()).select_from(TABLE), words)).scalar_one()
        return WordPage([as_record(row) for row in connection.execute(query)], total)


def _narrow(query: Select[Any], words: Filter) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = []
    if words.q:
        part = unicodedata.normalize("NFC", words.q.strip())
        conditions.append(
            or_(TABLE.c.word.icontains(part, autoescape=True), TABLE.c.meaning.icontains(part, autoescape=True))
        )
    if words.level:
        conditions.append(TABLE.c.level.in_(words.level))
    if words.pos:
        conditions.append(TABLE.c.pos.in_(words.pos))
    if words.missing == "image":
        conditions.append(~exists().where(Image.word_id == TABLE.c.id, Image.is_current))
    if words.missing == "content":
        conditions.append(
            ~exists().where(Content.word_id == TABLE.c.id, Content.is_current, Content.status != UNAVAILABLE)
        )
    return query.where(*conditions)
