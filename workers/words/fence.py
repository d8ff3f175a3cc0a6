"""
The rule that keeps an old owner from overwriting anything newer.

Every claim of a worker has a fence, a number that grows; a person's edit has one of its own. What is written becomes
current only if the current version's fence is lower, otherwise it is kept beside it, not current. A worker that slept
through the loss of its lease can therefore write whenever it wakes up.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select, update

from vocaqueue import VocaqueueError

from .models import Word, now_ms


class WordNotFound(VocaqueueError):
    code = "word_not_found"

    def __init__(self, word_id: str) -> None:
        self.word_id = word_id
        super().__init__(f"There is no word with the id “{word_id}”.")


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one write."""

    version: int
    is_current: bool  #: False: something newer was there; the result is kept as a version
    repeated: bool = False  #: the same job wrote it with the same fence before; nothing was written now


def persons_fence() -> int:
    """Claims take the server's time in microseconds for a fence, so a person's edit takes this machine's."""
    return time.time_ns() // 1000


def lock_word(connection: Connection, word_id: str) -> None:
    """Make other writers of this word's versions wait for our transaction. Raises WordNotFound."""
    found = connection.execute(select(Word.id).where(Word.id == word_id).with_for_update())
    if found.first() is None:
        raise WordNotFound(word_id)


def put_version(
    connection: Connection,
    table: Table,
    key: Mapping[str, Any],
    values: Mapping[str, Any],
    *,
    fence: int,
    job_id: str | None,
) -> Written:
    """
    Write one version under the fence rule; the caller has locked the word.

    Args:
        key: The columns that name the thing: word and field, or word, style and size.
        values: The other columns, without those that this function fills in.
        fence: Of the claim or the edit.
        job_id: None for a person's edit, which always counts as a new one.
    """
    columns = table.c
    same_thing = [columns[name] == value for name, value in key.items()]
    if job_id is not None:
        mine = select(columns.version, columns.is_current).where(
            *same_thing, columns.job_id == job_id, columns.fence == fence
        )
        if before := connection.execute(mine).first():
            return Written(before.version, before.is_current, repeated=True)
    connection.execute(
        update(table).where(*same_thing, columns.is_current, columns.fence < fence).values(is_current=False)
    )
    newer = connection.execute(select(columns.id).where(*same_thing, columns.is_current)).first()
    last = connection.execute(select(func.max(columns.version)).where(*same_thing)).scalar()
    written = Written(version=(last or 0) + 1, is_current=newer is None)
    connection.execute(
        insert(table).values(
            **key,
            **values,
            version=written.version,
            fence=fence,
            job_id=job_id,
            created_at_ms=now_ms(),
            is_current=written.is_current,
        )
    )
    return written
