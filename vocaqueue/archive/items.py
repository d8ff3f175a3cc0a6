"""
Which jobs have an item: an index of packed segments, as log-structured stores have it.

Jobs that come together add one segment of their items, not a row for each item. A segment holds pairs of an item's hash
(64 bits) and a job's number (32 bits), sorted and cut by the first bits of the hash into rows of about ROW_PAIRS, so
that a question reads one row of each segment. MERGE_AT small segments of about one size become one.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

ROW_PAIRS = 4096
MERGE_AT = 8
SIZE_BITS = 3  #: segments of one size differ by less than 2 ** 3
MERGED_BITS_MOST = 5  #: larger ones are not merged again: a merge holds the database's writers up
BITS_MOST = 16
NUMBER = 0xFFFF_FFFF


def hash_of(item_id: str) -> int:
    return int.from_bytes(blake2b(item_id.encode(errors="replace"), digest_size=8).digest(), "big")


def hashes_of(item_ids: Iterable[str]) -> array[int]:
    """Sorted, which takes its time for a million and is better done before a transaction."""
    return array("Q", sorted(map(hash_of, item_ids)))


class ItemIndex:
    """One namespace's index. Every method works within the caller's transaction."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace

    def add(self, connection: Connection, jobs: Iterable[tuple[int, Sequence[int]]]) -> None:
        """Add jobs by number, each with `hashes_of` its items, as one segment."""
        pairs = sorted((item << 32) | nr for nr, hashes in jobs for item in hashes)
        if pairs:
            bits = _bits(len(pairs))
            numbers = [pair & NUMBER for pair in pairs]
            segment = self._new_segment(connection, bits, min(numbers), max(numbers))
            self._write(connection, segment, bits, pairs)

    def find(self, connection: Connection, item_id: str) -> list[int]:
        """Numbers of the jobs that have the item; some may have been removed."""
        from sqlalchemy import select

        from .history import segment_table

        wanted, sizes = hash_of(item_id), segment_table.c
        all_bits = connection.execute(select(sizes.bits).where(sizes.namespace == self.namespace).distinct()).scalars()
        found: set[int] = set()
        for hashes, numbers in self._parts_of_all(connection, {bits: wanted >> (64 - bits) for bits in all_bits}):
            place = bisect_left(hashes, wanted)
            while place < len(hashes) and hashes[place] == wanted:
                found.add(numbers[place])
                place += 1
        return sorted(found)

    def merge(self, connection: Connection) -> int:
        """Make one of the small segments of one size, where there are many. Answers how many there were."""
        from sqlalchemy import select

        from .history import segment_table

        columns = segment_table.c
        small = connection.execute(
            select(columns.segment, columns.bits, columns.first_nr, columns.last_nr)
            .where(columns.namespace == self.namespace, columns.bits <= MERGED_BITS_MOST)
            .order_by(columns.segment)
        ).all()
        for size in range(MERGED_BITS_MOST // SIZE_BITS + 1):
            alike = [segment for segment in small if segment.bits // SIZE_BITS == size][:MERGE_AT]
            if len(alike) == MERGE_AT:
                self._merge(connection, alike)
                return MERGE_AT
        return 0

    def sweep(self, connection: Connection) -> int:
        """Take away segments whose jobs have all been removed. Answers how many."""
        from sqlalchemy import exists, select

        from .history import job_table, segment_table

        columns = segment_table.c
        has_jobs = exists().where(job_table.c.nr.between(columns.first_nr, columns.last_nr))
        empty = connection.execute(
            select(columns.segment).where(columns.namespace == self.namespace, ~has_jobs)
        ).scalars()
        found = list(empty)
        self._delete(connection, found)
        return len(found)

    def _merge(self, connection: Connection, segments: Sequence[Any]) -> None:
        """A part at a time, so that never all of it is in memory."""
        from sqlalchemy import func, select

        from .history import item_table

        columns = item_table.c
        old = [segment.segment for segment in segments]
        mine = (columns.namespace == self.namespace, columns.segment.in_(old))
        total_bytes = connection.execute(select(func.sum(func.length(columns.pairs))).where(*mine)).scalar() or 0
        bits, coarse = _bits(total_bytes // 12), min(segment.bits for segment in segments)
        span = min(s.first_nr for s in segments), max(s.last_nr for s in segments)
        made = self._new_segment(connection, bits, *span)
        gone = _Gone(connection, self.namespace)
        for part in range(1 << coarse):
            pairs: list[int] = []
            for b in {segment.bits for segment in segments}:
                finer = b - coarse
                for hashes, numbers in self._parts(connection, b, part << finer, ((part + 1) << finer) - 1, old):
                    pairs += [(item << 32) | nr for item, nr in zip(hashes, numbers, strict=True)]
            pairs.sort()
            self._write(connection, made, bits, gone.without(pairs))
        self._delete(connection, old)

    def _parts(
        self, connection: Connection, bits: int, first: int, last: int | None = None, segments: Sequence[int] = ()
    ) -> Iterator[tuple[array[int], array[int]]]:
        """Of these parts (one, if `last` is left out) of all, or of these, segments of so many bits."""
        from sqlalchemy import select

        from .history import item_table

        columns = item_table.c
        which = [columns.namespace == self.namespace, columns.bits == bits]
        which += [columns.part == first] if last is None else [columns.part.between(first, last)]
        which += [columns.segment.in_(segments)] if segments else []
        for packed in connection.execute(select(columns.pairs).where(*which)).scalars():
            yield _unpack(packed)

    def _parts_of_all(
        self, connection: Connection, parts: Mapping[int, int]
    ) -> Iterator[tuple[array[int], array[int]]]:
        """Of all segments, one part each, by how many bits they have."""
        from sqlalchemy import select, union_all

        from .history import item_table

        columns = item_table.c
        asked = [
            select(columns.pairs).where(columns.namespace == self.namespace, columns.bits == bits, columns.part == part)
            for bits, part in parts.items()
        ]
        for packed in connection.execute(union_all(*asked)).scalars() if asked else ():
            yield _unpack(packed)

    def _new_segment(self, connection: Connection, bits: int, first_nr: int, last_nr: int) -> int:
        from sqlalchemy import func, select

        from .history import segment_table

        columns = segment_table.c
        last = connection.execute(select(func.max(columns.segment)).where(columns.namespace == self.namespace)).scalar()
        segment = (last or 0) + 1
        row = {"namespace": self.namespace, "segment": segment, "bits": bits, "first_nr": first_nr, "last_nr": last_nr}
        connection.execute(segment_table.insert(), [row])
        return segment

    def _write(self, connection: Connection, segment: int, bits: int, pairs: Sequence[int]) -> None:
        """Store sorted pairs, cut into rows."""
        from .history import item_table

        rows: list[dict[str, object]] = []
        first = 0
        while first < len(pairs):
            part = pairs[first] >> (96 - bits)
            stop = bisect_left(pairs, (part + 1) << (96 - bits), first)
            key = {"namespace": self.namespace, "bits": bits, "part": part, "segment": segment}
            rows.append(key | {"pairs": _pack(pairs[first:stop])})
            first = stop
        if rows:
            connection.execute(item_table.insert(), rows)

    def _delete(self, connection: Connection, segments: Sequence[int]) -> None:
        from .history import item_table, segment_table

        for table in (item_table, segment_table) if segments else ():
            mine: tuple[ColumnElement[bool], ...] = (
                table.c.namespace == self.namespace,
                table.c.segment.in_(segments),
            )
            connection.execute(table.delete().where(*mine))


class _Gone:
    """Knows which of a namespace's jobs are not there any more; asks once for each."""

    def __init__(self, connection: Connection, namespace: str) -> None:
        self._connection, self._namespace = connection, namespace
        self._is_there: dict[int, bool] = {}

    def without(self, pairs: Sequence[int]) -> list[int]:
        from sqlalchemy import select

        from .history import job_table

        new = sorted({pair & NUMBER for pair in pairs} - self._is_there.keys())
        for first in range(0, len(new), 500):
            asked = new[first : first + 500]
            mine = (job_table.c.namespace == self._namespace, job_table.c.nr.in_(asked))
            there = set(self._connection.execute(select(job_table.c.nr).where(*mine)).scalars())
            self._is_there |= {nr: nr in there for nr in asked}
        return [pair for pair in pairs if self._is_there[pair & NUMBER]]


def _bits(pairs: int) -> int:
    return min(BITS_MOST, max(0, (-(-pairs // ROW_PAIRS) - 1).bit_length()))


def _pack(pairs: Sequence[int]) -> bytes:
    """All hashes, then all numbers, little-endian."""
    hashes, numbers = array("Q", [pair >> 32 for pair in pairs]), array("I", [pair & NUMBER for pair in pairs])
    if sys.byteorder == "big":
        hashes.byteswap()
        numbers.byteswap()
    return hashes.tobytes() + numbers.tobytes()


def _unpack(packed: bytes) -> tuple[array[int], array[int]]:
    hashes, numbers = array("Q"), array("I")
    count = len(packed) // 12
    hashes.frombytes(packed[: count * 8])
    numbers.frombytes(packed[count * 8 :])
    if sys.byteorder == "big":
        hashes.byteswap()
        numbers.byteswap()
    return hashes, numbers
