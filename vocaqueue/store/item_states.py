"""The items of a job with their states: a page of them, and every failed one. Read from bitmaps, never one by one."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import itemgetter
from typing import Any

from ..errors import JobNotFound
from ..job import JobStatus, iso
from ..pages import Page
from .items import read_ids
from .keys import ERRORS_KEPT
from .ledger import Ledger

SEGMENT_BYTES = 512  #: of a bitmap that are read at once, as in lua/job_items.lua
SEGMENT = SEGMENT_BYTES * 8  #: items
ERRORS_AT_ONCE = 1000
OTHER = "other"


class ItemStatus(StrEnum):
    WAITING = "waiting"  #: not begun, or handed back
    ACTIVE = "active"  #: in the hands of a worker
    RETRYING = "retrying"  #: failed, and waits for its next try
    COMPLETED = "completed"
    SKIPPED = "skipped"
    FAILED = "failed"  #: for good
    NOT_DONE = "not_done"  #: the job ended before it was done


SETTLED = {ItemStatus.COMPLETED, ItemStatus.SKIPPED, ItemStatus.FAILED}


@dataclass(frozen=True, slots=True)
class ItemState:
    """One item. What is not known is None: of failures beyond the newest 10,000 of a job only the code is."""

    position: int  #: in the job, from 0
    item_id: str  #: its position where the type plans its items
    status: ItemStatus
    item_name: str | None = None  #: of a failed one
    attempts: int | None = None  #: tries that failed
    next_try_at_ms: int | None = None
    code: str | None = None
    message: str | None = None
    at_ms: int | None = None  #: when it failed for good

    def as_dict(self) -> dict[str, Any]:
        return {
            "position": self.position,
            "itemId": self.item_id,
            "itemName": self.item_name,
            "status": self.status.value,
            "attempts": self.attempts,
            "nextTryAt": iso(self.next_try_at_ms),
            "code": self.code,
            "message": self.message,
            "timestamp": iso(self.at_ms),
        }


@dataclass(frozen=True)
class ItemPage(Page[ItemState]):
    """In the order of their positions."""

    counts: dict[str, int]  #: of all items, by status


class ItemStates:
    """The items of one namespace's jobs."""

    def __init__(self, ledger: Ledger, patience_s: float = 2.0) -> None:
        self.ledger, self.keys, self.patience_s = ledger, ledger.keys, patience_s

    def page(self, job_id: str, statuses: Sequence[ItemStatus], *, page: int, limit: int) -> ItemPage:
        """
        Items in these states (none named: all), by position; a job whose items are not known yet has none.

        Raises:
            JobNotFound
        """
        wanted = set(statuses) or set(ItemStatus)
        state, *found = self.ledger.ask(
            "job_items",
            patience_s=self.patience_s,
            id=job_id,
            wanted={status.value: True for status in wanted},
            skip=(page - 1) * limit,
            limit=limit,
        )
        if state == b"gone":
            raise JobNotFound(job_id)
        counters, spans, singles, retries, segments, skip = found
        counts = _counts(counters)
        left = _Open(
            sorted(zip(spans[::2], spans[1::2], strict=True)),
            singles,
            dict(zip(retries[::2], retries[1::2], strict=True)),
            JobStatus(counters[0].decode()).is_final,
        )
        total = int(counters[1] or 0)
        fitting = (pair for segment in segments for pair in _states(segment, total, left, wanted))
        chosen = [pair for n, pair in zip(range(skip + limit), fitting, strict=False) if n >= skip]
        shown = self._detailed(job_id, chosen, left.due)
        return ItemPage(shown, page, limit, sum(counts[status.value] for status in wanted), counts)

    def _detailed(self, job_id: str, chosen: list[tuple[int, ItemStatus]], due: dict[int, int]) -> list[ItemState]:
        positions = [position for position, _ in chosen]
        ids = self.names(job_id, positions)
        failures = self.failures_at(job_id, [p for p, status in chosen if status is ItemStatus.FAILED], ids)
        tries = self._tries(job_id, [p for p, status in chosen if status not in SETTLED])
        return [
            failures.get(position)
            or ItemState(position, ids[position], status, None, tries.get(position), due.get(position))
            for position, status in chosen
        ]

    def names(self, job_id: str, positions: Sequence[int]) -> dict[int, str]:
        """The ids of items by their positions; where the type plans its items they are the positions."""
        key = self.keys("items", job_id)
        if not positions or not self._ask(lambda: self.ledger.client.exists(key)):
            return {position: str(position) for position in positions}
        return dict(zip(positions, read_ids(self.ledger, job_id, positions, patience_s=self.patience_s), strict=True))

    def failures_at(self, job_id: str, positions: Sequence[int], ids: dict[int, str]) -> dict[int, ItemState]:
        """What is known of failed items."""
        if not positions:
            return {}
        errors, codes = self.ledger.ask("job_failures", patience_s=self.patience_s, id=job_id, items=list(positions))
        coded = {position: code.decode() for position, code in zip(codes[::2], codes[1::2], strict=True)}
        full = dict(map(_numbered, errors))
        return {p: _failure(p, ids[p], full.get(p), coded.get(p)) for p in positions}

    def _tries(self, job_id: str, positions: Sequence[int]) -> dict[int, int]:
        if not positions:
            return {}
        key = self.keys("tries", job_id)
        found = self._ask(lambda: self.ledger.client.hmget(key, list(map(str, positions))))
        return {position: int(n or 0) for position, n in zip(positions, found, strict=True)}

    def failures(self, job_id: str) -> Iterator[list[ItemState]]:
        """
        Every failed item by position, in batches of at most `SEGMENT`; memory does not grow with their number.

        A job that goes on meanwhile is shown as it is when each batch is read.

        Raises:
            JobNotFound: At the first batch; or later, when it was removed meanwhile.
        """
        client, failed_key = self.ledger.client, self.keys("failed", job_id)
        known_run: bytes | None = None
        full: dict[int, bytes] = {}
        codes: list[str] = []
        at = 0

        def read(byte: int) -> Any:
            pipe = client.pipeline(transaction=True)
            pipe.hget(self.keys("job", job_id), "run")
            pipe.hkeys(self.keys("codes", job_id))
            pipe.getrange(failed_key, byte, byte + SEGMENT_BYTES - 1)
            for code in codes:
                pipe.getrange(self.keys("failed_code", job_id, code), byte, byte + SEGMENT_BYTES - 1)
            pipe.exists(self.keys("items", job_id))
            return pipe.execute()

        while True:
            first = self._ask(lambda at=at: client.bitpos(failed_key, 1, at))
            at = max(first, 0) // 8 // SEGMENT_BYTES * SEGMENT_BYTES if first >= 0 else at
            run, now_codes, bits, *by_code, has_ids = self._ask(lambda at=at: read(at))
            if run is None:
                raise JobNotFound(job_id)
            if first < 0:
                return
            if run != known_run:  # also when it is run again meanwhile
                known_run, full = run, self._newest(job_id)
            if (named := [code.decode() for code in now_codes]) != codes:
                codes = named
                continue
            positions = _positions(bits, at * 8)
            ids = (
                read_ids(self.ledger, job_id, positions, patience_s=self.patience_s)
                if has_ids
                else list(map(str, positions))
            )
            code_of = {p: code for code, part in zip(codes, by_code, strict=True) for p in _positions(part, at * 8)}
            if positions:
                yield [_failure(p, i, full.get(p), code_of.get(p)) for p, i in zip(positions, ids, strict=True)]
            at += SEGMENT_BYTES

    def _newest(self, job_id: str) -> dict[int, bytes]:
        """The failures that are kept in full, as JSON, by position."""
        key = self.keys("errors", job_id)
        found: dict[int, bytes] = {}
        for start in range(0, ERRORS_KEPT, ERRORS_AT_ONCE):
            lines = self._ask(lambda start=start: self.ledger.client.lrange(key, start, start + ERRORS_AT_ONCE - 1))
            found.update(map(_numbered, lines))
            if len(lines) < ERRORS_AT_ONCE:
                break
        return found

    def not_failed(self, job_id: str, positions: Sequence[int]) -> set[int]:
        """Those of these items that have not failed."""
        key = self.keys("failed", job_id)
        wrong: set[int] = set()
        for start in range(0, len(positions), ERRORS_AT_ONCE):
            part = positions[start : start + ERRORS_AT_ONCE]
            ask = [word for position in part for word in ("GET", "u1", position)]
            bits = self._ask(lambda ask=ask: self.ledger.client.execute_command("BITFIELD_RO", key, *ask))
            wrong.update(position for position, bit in zip(part, bits, strict=True) if not bit)
        return wrong

    def _ask(self, call: Any) -> Any:
        return self.ledger.patiently(call, self.patience_s)


@dataclass(frozen=True, slots=True)
class _Open:
    """What is known of items that are not settled."""

    spans: list[
        tuple[int, int]
    ]  #: in the hands of leases but for what is away, in order; no two leases have the same item
    singles: list[int]  #: in the hands of leases, too; in order
    due: dict[int, int]  #: those that wait for their next try, with its time; in order of the items
    has_ended: bool  #: the job

    def spans_in(self, first: int, end: int) -> Iterator[tuple[int, int]]:
        """The parts of the spans between two positions."""
        for i in range(max(0, bisect_right(self.spans, first, key=itemgetter(0)) - 1), len(self.spans)):
            start, stop = self.spans[i]
            if start >= end:
                return
            if stop > first:
                yield max(first, start), min(end, stop)


def _counts(counters: list[Any]) -> dict[str, int]:
    """By status; from the job's counters, so that nothing is counted."""
    status, total, completed, failed, skipped, in_hand, retrying = counters
    left = int(total or 0) - completed - failed - skipped
    has_ended = JobStatus(status.decode()).is_final
    if has_ended:
        in_hand = retrying = 0
    waiting = max(0, left - in_hand - retrying)
    return {
        "waiting": 0 if has_ended else waiting,
        "active": in_hand,
        "retrying": retrying,
        "completed": completed,
        "skipped": skipped,
        "failed": failed,
        "not_done": waiting if has_ended else 0,
    }


def _states(segment: list[Any], total: int, left: _Open, wanted: set[ItemStatus]) -> Iterator[tuple[int, ItemStatus]]:
    """The items of a segment that are in the wanted states, by position. Only these are looked at one by one."""
    number, *bitmaps = segment
    first, end = number * SEGMENT, min((number + 1) * SEGMENT, total)
    settled, failed, skipped, away = map(_bits, bitmaps)
    masks = {
        ItemStatus.FAILED: failed,
        ItemStatus.SKIPPED: skipped,
        ItemStatus.COMPLETED: settled & ~failed & ~skipped,
    } | _open_masks(first, _range(first, first, end) & ~settled, away, left)
    fitting = 0
    for status in wanted:
        fitting |= masks.get(status, 0)
    for i in _set_in(fitting):
        bit = 1 << SEGMENT - 1 - i
        yield first + i, next(status for status, mask in masks.items() if mask & bit)


def _open_masks(first: int, unsettled: int, away: int, left: _Open) -> dict[ItemStatus, int]:
    if left.has_ended:
        return {ItemStatus.NOT_DONE: unsettled}
    retrying = active = 0
    for position in _between(list(left.due), first):
        retrying |= _range(first, position, position + 1)
    for start, stop in left.spans_in(first, first + SEGMENT):
        active |= _range(first, start, stop) & ~away
    for position in _between(left.singles, first):
        active |= _range(first, position, position + 1)
    retrying &= unsettled
    active &= unsettled & ~retrying
    return {
        ItemStatus.RETRYING: retrying,
        ItemStatus.ACTIVE: active,
        ItemStatus.WAITING: unsettled & ~retrying & ~active,
    }


def _between(positions: list[int], first: int) -> list[int]:
    """Those of a segment."""
    return positions[bisect_left(positions, first) : bisect_left(positions, first + SEGMENT)]


# The bits of a segment are one number; the first item is its highest bit, as in the server's bitmaps.


def _bits(raw: bytes) -> int:
    return int.from_bytes(raw.ljust(SEGMENT_BYTES, bytes(1)), "big")


def _range(first: int, start: int, stop: int) -> int:
    return ((1 << stop - start) - 1) << SEGMENT - (stop - first)


def _set_in(bits: int) -> Iterator[int]:
    text = f"{bits:0{SEGMENT}b}"
    i = text.find("1")
    while i >= 0:
        yield i
        i = text.find("1", i + 1)


def _positions(raw: bytes, first: int) -> list[int]:
    return [first + i for i in _set_in(_bits(raw))] if raw else []


def _numbered(line: bytes) -> tuple[int, bytes]:
    """A line of `errors`, with its item's position in front; its JSON is only read where it is shown."""
    return int(line[1 : line.index(b",")]), line


def _failure(position: int, item_id: str, line: bytes | None, code: str | None) -> ItemState:
    if line is None:
        return ItemState(position, item_id, ItemStatus.FAILED, code=code or OTHER)
    _item, _id, name, code, message, at_ms, tries = json.loads(line)
    return ItemState(position, item_id, ItemStatus.FAILED, name or item_id, int(tries), None, code, message, int(at_ms))
