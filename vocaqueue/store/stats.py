"""Counts of all jobs and of each type, with what limits the types: one round trip, however many jobs there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..job import JobStatus
from .gates import Gates, read_answers
from .ledger import Ledger
from .limits import TypeLimits, limits_of

STATUSES = tuple(status.value for status in JobStatus)
RATES_ADDED = 100  #: the newest active jobs of a type, whose speed is the type's


@dataclass(frozen=True, slots=True)
class TypeStats:
    total: int
    items_left: int  #: of jobs that have not ended
    counts: dict[str, int]  #: by status, as seen: what is held is `paused`
    limits: TypeLimits
    items_per_second: float


@dataclass(frozen=True, slots=True)
class Stats:
    counts: dict[str, int]  #: of all jobs, by status, as seen
    types: dict[str, TypeStats]
    gates: Gates


def read_stats(ledger: Ledger, types: Iterable[str], *, patience_s: float = 2.0) -> Stats:
    """The stats of these types; where something is held, a few more round trips. Raises StoreUnavailable."""
    names = list(types)
    now, all_counts, entries, held, reasons = ledger.ask(
        "stats_read", patience_s=patience_s, types=names, statuses=STATUSES, most=RATES_ADDED
    )
    gates = read_answers(ledger, held, _pairs(reasons), patience_s=patience_s)
    everything = _by_status(all_counts)
    by_type = {name: _type_stats(entry, int(now)) for name, entry in zip(names, entries, strict=True)}
    for name, of_type in by_type.items():
        if gates.is_shut(name):
            _hold(ledger, name, of_type.counts, everything, patience_s)
    return Stats(everything, by_type, gates)


def _type_stats(entry: Sequence[Any], now_ms: int) -> TypeStats:
    total, left, account, cap, running, cell, account_cell, rate, *counts = entry
    return TypeStats(
        total=total,
        items_left=int(left or 0),
        counts=_by_status(counts),
        limits=limits_of(account, cap, running, _pairs(cell), _pairs(account_cell), now_ms),
        items_per_second=float(rate),
    )


def _by_status(counts: Sequence[int]) -> dict[str, int]:
    return dict(zip(STATUSES, counts, strict=True))


def _pairs(flat: Sequence[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _hold(ledger: Ledger, name: str, counts: dict[str, int], everything: dict[str, int], patience_s: float) -> None:
    """Move what stands still from `waiting` and `active` to `paused`; jobs that still have a chunk in hand stay."""

    def read_leases() -> Any:
        tokens = ledger.client.zrange(ledger.keys("type_leases", name), 0, -1)
        pipe = ledger.client.pipeline(transaction=False)
        for token in tokens:
            pipe.hmget(ledger.keys("lease", token.decode()), "job", "left")
        return pipe.execute()

    leases = ledger.patiently(read_leases, patience_s)
    in_hand = {job for job, left in leases if job and int(left)}
    active = min(len(in_hand), counts["active"])
    for before, after in (("waiting", 0), ("active", active)):
        moved = counts[before] - after
        for shown in (counts, everything):
            shown[before] -= moved
            shown["paused"] += moved
