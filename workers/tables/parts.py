"""A long list kept in files of equal length, so that any few of its entries are read without the others."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import IO, Any

from vocaqueue import FileStore, JobFatal

PER_PART = 1000
LONGEST_CELL = 1_000_000  #: characters; beyond it a quote was surely never closed


def spool(entries: Iterable[Any], files: FileStore, folder: str) -> int:
    """
    Write the entries (JSON values) as `{folder}/{number}.jsonl`, 1,000 in each, and answer how many there are.

    One part is in memory at a time. A repeat writes the same files again.
    """
    rest, total = iter(entries), 0
    while part := list(islice(rest, PER_PART)):
        with files.write(_part(folder, total // PER_PART)) as out:
            out.writelines(json.dumps(entry, ensure_ascii=True).encode() + b"\n" for entry in part)
        total += len(part)
    return total


def pick(indexes: Sequence[int], files: FileStore, folder: str) -> list[Any]:
    """
    The entries at these positions, in the same order.

    Raises:
        JobFatal: The parts are gone, as after a cleanup.
    """
    wanted: dict[int, list[int]] = defaultdict(list)
    for index in indexes:
        wanted[index // PER_PART].append(index)
    found: dict[int, Any] = {}
    for number, inside in wanted.items():
        try:
            with files.open(_part(folder, number)) as part:
                lines = part.readlines()
        except FileNotFoundError:
            raise JobFatal(
                "working_files_gone", "The job's working files were cleaned up meanwhile; submit it again as a new job."
            ) from None
        for index in inside:
            found[index] = json.loads(lines[index % PER_PART])
    return [found[index] for index in indexes]


def read_table(stream: IO[bytes]) -> Iterator[tuple[int, list[str]]]:
    """
    The rows of a UTF-8 CSV file with their numbers, counted from 1; rows without any text are left out.

    Bytes that are not UTF-8 come as lone surrogates, so that one bad row does not end the reading. Raises csv.Error
    where a quote is never closed.
    """
    csv.field_size_limit(LONGEST_CELL)
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    for number, cells in enumerate(csv.reader(text), start=1):
        if any(cell.strip() for cell in cells):
            yield number, cells


def _part(folder: str, number: int) -> str:
    return f"{folder}/{number:06d}.jsonl"
