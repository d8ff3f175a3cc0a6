"""What happened when: counts by minute or quarter of an hour, for charts. The steps of the ledger make them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..job import iso
from .ledger import Ledger, ms_of

JOBS = ("created", "completed", "failed", "cancelled")
ITEMS = ("completed", "failed", "skipped")


@dataclass(frozen=True, slots=True)
class Range:
    key: str
    bucket_ms: int
    hash_ms: int  #: a hash has the buckets of so long; as in lua/lib/base.lua
    buckets: int


MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
RANGES = {
    "1h": Range("minute", MINUTE_MS, HOUR_MS, 60),
    "24h": Range("minute", MINUTE_MS, HOUR_MS, 1440),
    "7d": Range("quarter", 15 * MINUTE_MS, DAY_MS, 672),
}


def read_counts(ledger: Ledger, name: str, types: list[str], *, patience_s: float = 2.0) -> dict[str, Any]:
    """
    The `/history` object, camelCase.

    Args:
        name: Of RANGES.
        types: That are shown also where nothing happened; all others of which something is known come after them.
    """
    span = RANGES[name]
    now_ms = ms_of(ledger.patiently(ledger.client.time, patience_s))
    end_ms = now_ms - now_ms % span.bucket_ms + span.bucket_ms  # the present bucket is the last one
    begin_ms = end_ms - span.buckets * span.bucket_ms
    hashes = range(begin_ms - begin_ms % span.hash_ms, end_ms, span.hash_ms)

    def read() -> Any:
        pipe = ledger.client.pipeline(transaction=False)
        for since in hashes:
            pipe.hgetall(ledger.keys(span.key, since))
        return pipe.execute()

    everything = _nothing(span.buckets)
    found = {kind: _nothing(span.buckets) for kind in types}
    for since, counted in zip(hashes, ledger.patiently(read, patience_s), strict=True):
        for field, count in counted.items():
            number, kind, what = field.decode().split(":")
            place = (since + int(number) * span.bucket_ms - begin_ms) // span.bucket_ms
            if not 0 <= place < span.buckets:
                continue
            group, what = ("items", what.removeprefix("items-")) if what.startswith("items-") else ("jobs", what)
            for counts in (everything, found.setdefault(kind, _nothing(span.buckets))):
                counts[group][what][place] += int(count)
    return {
        "range": name,
        "from": iso(begin_ms),
        "to": iso(end_ms),
        "bucketSeconds": span.bucket_ms // 1000,
        **everything,
        "types": found,
    }


def _nothing(buckets: int) -> dict[str, dict[str, list[int]]]:
    return {
        "jobs": {what: [0] * buckets for what in JOBS},
        "items": {what: [0] * buckets for what in ITEMS},
    }
