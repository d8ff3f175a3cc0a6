"""The index of the searched text: which jobs have these grams. FTS5 on SQLite, an array with GIN on PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from .text import grams, number, token

if TYPE_CHECKING:
    from sqlalchemy import Connection


def add(connection: Connection, texts: Sequence[tuple[int, str]]) -> None:
    """Index spelled texts by the numbers of their jobs, which must not be in the index."""
    if not texts:
        return
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(
            "INSERT INTO vocaqueue_job_gram (rowid, grams) VALUES (?, ?)", [(nr, _tokens(text)) for nr, text in texts]
        )
    else:
        connection.exec_driver_sql(
            "INSERT INTO vocaqueue_job_gram (nr, grams) VALUES (%s, %s)",
            [(nr, [number(gram) for gram in grams(text)]) for nr, text in texts],
        )


def remove(connection: Connection, texts: Sequence[tuple[int, str]]) -> None:
    """Take jobs out, with the very texts that were indexed."""
    if not texts:
        return
    if connection.dialect.name == "sqlite":  # this index keeps no copy: it must be told what to forget
        connection.exec_driver_sql(
            "INSERT INTO vocaqueue_job_gram (vocaqueue_job_gram, rowid, grams) VALUES ('delete', ?, ?)",
            [(nr, _tokens(text)) for nr, text in texts],
        )
    else:
        connection.exec_driver_sql("DELETE FROM vocaqueue_job_gram WHERE nr = ANY(%s)", ([nr for nr, _ in texts],))


def find(connection: Connection, needed: Collection[str], most: int) -> list[int] | None:
    """Numbers of the jobs whose text has all these grams; None when there are more than `most`."""
    if connection.dialect.name == "sqlite":
        match = " AND ".join(f'"{token(gram)}"' for gram in sorted(needed))
        rows = connection.exec_driver_sql(
            "SELECT rowid FROM vocaqueue_job_gram WHERE vocaqueue_job_gram MATCH ? LIMIT ?", (match, most + 1)
        )
    else:
        rows = connection.exec_driver_sql(
            "SELECT nr FROM vocaqueue_job_gram WHERE grams @> %s::bigint[] LIMIT %s",
            ([number(gram) for gram in needed], most + 1),
        )
    found = [int(row[0]) for row in rows]
    return None if len(found) > most else found


def _tokens(text: str) -> str:
    return " ".join(map(token, sorted(grams(text))))
