"""Long lists of ids, cut to what one statement may hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

#: Below SQLite's old limit of 999 parameters, with room for the others of the statement.
MOST_PARAMETERS = 900


def in_chunks(values: Iterable[str], size: int = MOST_PARAMETERS) -> Iterator[list[str]]:
    rest = iter(values)
    while chunk := list(islice(rest, size)):
        yield chunk
