"""The words themselves: reading, importing and editing their rows."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from vocaqueue import Detail, InvalidParams

from ..tables.rows import MOST_CHARACTERS, WordRow
from .chunked import in_chunks
from .database import reading, writing
from .fence import WordNotFound, lock_word, persons_fence
from .models import Word, new_id, now_ms

TABLE = Word.__table__


class Change(StrEnum):
    """What an import did with one row."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"  #: the word said the same already
    SUPERSEDED = "superseded"  #: a person's edit, or a later job, is newer than this claim; it stays
    DUPLICATE = "duplicate"  #: an earlier row of the same file has this word; that one stays


@dataclass(frozen=True, slots=True)
class WordRecord:
    id: str
    word: str
    pos: str
    meaning: str
    level: str
    fence: int
    created_at_ms: int
    updated_at_ms: int
    edited_by: str | None = None
    job_id: str | None = None
    source_row: int | None = None
    job_change: str | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    change: Change
    word_id: str
    other_row: int | None = None  #: the row that a duplicate repeats


def get(word_id: str) -> WordRecord:
    """Raises WordNotFound."""
    try:
        return get_many([word_id])[word_id]
    except KeyError:
        raise WordNotFound(word_id) from None


def get_many(word_ids: Iterable[str]) -> dict[str, WordRecord]:
    """Those of the words that there are, by id."""
    found = {}
    with reading() as connection:
        for ids in in_chunks(word_ids):
            for row in connection.execute(select(TABLE).where(TABLE.c.id.in_(ids))):
                found[row.id] = as_record(row)
    return found


def count() -> int:
    with reading() as connection:
        return connection.execute(select(func.count()).select_from(TABLE)).scalar_one()


def edit(word_id: str, changes: Mapping[str, str], *, edited_by: str) -> WordRecord:
    """
    A person's change of `word`, `pos`, `meaning` or `level`.

    Raises:
        WordNotFound: No such word.
        InvalidParams: A field is not one of these, is empty or too long, or another word has this word and pos.
    """
    clean = _checked(changes)
    with writing() as connection:
        lock_word(connection, word_id)
        before = as_record(connection.execute(select(TABLE).where(TABLE.c.id == word_id)).one())
        after = replace(before, **clean)
        twin = select(TABLE.c.id).where(TABLE.c.word == after.word, TABLE.c.pos == after.pos, TABLE.c.id != word_id)
        if connection.execute(twin).first():
            message = f"There is another word “{after.word}” with the part of speech “{after.pos}”."
            raise InvalidParams(message, [Detail("word", "word_exists", message)])
        values = clean | {
            "fence": max(persons_fence(), before.fence + 1),
            "updated_at_ms": now_ms(),
            "edited_by": edited_by,
            "job_id": None,
            "source_row": None,
            "job_change": None,
        }
        connection.execute(update(TABLE).where(TABLE.c.id == word_id).values(**values))
        return as_record(connection.execute(select(TABLE).where(TABLE.c.id == word_id)).one())


def import_rows(rows: Sequence[WordRow], *, fence: int, job_id: str) -> list[Imported]:
    """
    Create or update the words of these rows, in one transaction; the answers are in the same order.

    A word is known by its text and part of speech. Of several rows of one file with the same word the first one in the
    file counts, in whatever order and however often the rows are tried.
    """
    with writing() as connection:
        known = _known(connection, {row.word for row in rows})
        answers: dict[int, Imported] = {}
        writes: dict[tuple[str, str], dict[str, Any]] = {}
        claim = _Claim(fence, job_id, now_ms())
        for row in sorted(rows, key=lambda row: row.number):
            before = known.get((row.word, row.pos))
            if before and not row.level:  # an empty cell takes nothing away
                row = replace(row, level=before.level)  # noqa: PLW2901
            answer = _decide(row, before, claim)
            answers[row.number] = answer
            if answer.change in {Change.SUPERSEDED, Change.DUPLICATE}:
                continue
            after = _written(row, before, answer, claim)
            known[row.word, row.pos] = replace(as_record(after), id=answer.word_id)
            writes[row.word, row.pos] = after
        if writes:
            connection.execute(_upsert(connection), [writes[key] for key in sorted(writes)])
        return [answers[row.number] for row in rows]


def changes_of_job(job_id: str) -> dict[str, int]:
    """How many words an import created, updated and found unchanged, counted in the database."""
    query = select(TABLE.c.job_change, func.count()).where(TABLE.c.job_id == job_id).group_by(TABLE.c.job_change)
    with reading() as connection:
        found = dict(connection.execute(query).all())
    return {change.value: found.get(change, 0) for change in (Change.CREATED, Change.UPDATED, Change.UNCHANGED)}


def as_record(row: Row[Any] | Mapping[str, Any]) -> WordRecord:
    columns = row._mapping if isinstance(row, Row) else row
    return WordRecord(**{name: columns[name] for name in WordRecord.__slots__})


def _known(connection: Connection, texts: set[str]) -> dict[tuple[str, str], WordRecord]:
    found = {}
    for chunk in in_chunks(sorted(texts)):
        query = select(TABLE).where(TABLE.c.word.in_(chunk)).order_by(TABLE.c.word, TABLE.c.pos).with_for_update()
        for row in connection.execute(query):
            found[row.word, row.pos] = as_record(row)
    return found


@dataclass(frozen=True, slots=True)
class _Claim:
    fence: int
    job_id: str
    now_ms: int


def _decide(row: WordRow, before: WordRecord | None, claim: _Claim) -> Imported:
    if before is None:
        return Imported(Change.CREATED, new_id())
    if before.job_id == claim.job_id and before.source_row is not None:
        return _decide_again(row, before, before.source_row)
    if (before.meaning, before.level) == (row.meaning, row.level):
        return Imported(Change.UNCHANGED, before.id)
    return Imported(Change.SUPERSEDED if before.fence >= claim.fence else Change.UPDATED, before.id)


def _decide_again(row: WordRow, before: WordRecord, row_before: int) -> Imported:
    """This job has written the word already: from an earlier row, from a later one, or from this very row."""
    if row_before < row.number:
        return Imported(Change.DUPLICATE, before.id, row_before)
    done = Change(before.job_change or Change.UPDATED)
    if row_before > row.number and done is Change.UNCHANGED:
        done = Change.UPDATED
    return Imported(done, before.id)


def _written(row: WordRow, before: WordRecord | None, answer: Imported, claim: _Claim) -> dict[str, Any]:
    unchanged = before is not None and answer.change is Change.UNCHANGED
    return {
        "id": new_id() if before else answer.word_id,  # a row that is there keeps its own
        "word": row.word,
        "pos": row.pos,
        "meaning": row.meaning,
        "level": row.level,
        "fence": max(claim.fence, before.fence if before else 0),
        "created_at_ms": before.created_at_ms if before else claim.now_ms,
        "updated_at_ms": before.updated_at_ms if before and unchanged else claim.now_ms,
        "edited_by": before.edited_by if before and unchanged else None,
        "job_id": claim.job_id,
        "source_row": row.number,
        "job_change": answer.change.value,
    }


def _upsert(connection: Connection) -> Any:
    """The decision was made on rows that we hold; the condition guards what PostgreSQL lets in beside us."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(TABLE)
    new = statement.excluded
    same_row_or_an_earlier_one = (TABLE.c.job_id == new.job_id) & (TABLE.c.source_row >= new.source_row)
    return statement.on_conflict_do_update(
        index_elements=["word", "pos"],
        set_={
            name: new[name]
            for name in (
                "meaning", "level", "fence", "updated_at_ms", "edited_by", "job_id", "source_row", "job_change",
            )
        },
        where=or_(TABLE.c.fence < new.fence, same_row_or_an_earlier_one, _says_the_same(new)),
    )  # fmt: skip


def _says_the_same(new: Any) -> Any:
    return (TABLE.c.meaning == new.meaning) & (TABLE.c.level == new.level)


def _checked(changes: Mapping[str, str]) -> dict[str, str]:
    clean, wrong = {}, []
    for name, value in changes.items():
        text = unicodedata.normalize("NFC", value).strip() if isinstance(value, str) else None
        if name not in MOST_CHARACTERS:
            message = f"{name} cannot be changed; choose from {', '.join(MOST_CHARACTERS)}."
            wrong.append(Detail(name, "unknown_field", message))
        elif text is None:
            wrong.append(Detail(name, "not_text", f"{name} must be text."))
        elif not text and name in {"word", "meaning"}:
            wrong.append(Detail(name, "empty", f"{name} must not be empty."))
        elif len(text) > MOST_CHARACTERS[name]:
            message = f"{name} may have {MOST_CHARACTERS[name]} characters, not {len(text)}."
            wrong.append(Detail(name, "too_long", message))
        else:
            clean[name] = text
    if wrong:
        raise InvalidParams(" ".join(detail.message for detail in wrong), wrong)
    if not clean:
        raise InvalidParams(f"Nothing to change: give at least one of {', '.join(MOST_CHARACTERS)}.")
    return clean
