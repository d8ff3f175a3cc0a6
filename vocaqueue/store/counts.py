"""What happened when: counts by minute or quarter of an hour, for charts. The steps of the ledger make them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..job import iso
from .ledger import Ledger, ms_of

JOBS = ("created", "completed", "failed", "cancelled")
ITEMS = ("completed", "failed", "skipped")
#: As the steps call them: (name in the ledger, group, name in the answer).
WHAT = (*((what, "jobs", what) for what in JOBS), *((f"items-{what}", "items", what) for what in ITEMS))
NAMES = tuple(name for name, _, _ in WHAT)
ALL = ""  #: all types together
LOOK_EVERY_S = 10.0  #: whether closed buckets are still what they were: the ledger may have gone back

#: By type, by name in the ledger: a number for each bucket.
Series = dict[str, dict[str, list[int]]]


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
#: How long a process remembers hashes: as long as the ledger has them.
KEPT_MS = {"minute": 26 * HOUR_MS, "quarter": 9 * DAY_MS}


@dataclass(frozen=True, slots=True)
class _Hash:
    """A hash whose buckets are all over."""

    fields: int
    series: Series


@dataclass(slots=True)
class _Closed:
    """The buckets of a range that are over: no step counts there any more."""

    end_ms: int  #: of the range, so the begin of the present bucket and one more
    read_at: float  #: time.monotonic()
    series: Series
    texts: dict[str, dict[str, str]] = field(default_factory=dict)  #: the same, as JSON has them


class CountHistory:
    """
    One namespace's counts. Safe for threads.

    Steps count in the present bucket only. So a process remembers the others, and reads one bucket for each question.
    """

    def __init__(self, ledger: Ledger, patience_s: float = 2.0) -> None:
        self.ledger, self.patience_s = ledger, patience_s
        self._hashes: dict[tuple[str, int], _Hash] = {}
        self._closed: dict[str, _Closed] = {}
        self._lock = threading.Lock()

    def read(self, name: str, types: Sequence[str]) -> dict[str, Any]:
        """
        The `/history` object, camelCase.

        Args:
            name: Of RANGES.
            types: That are shown also where nothing happened; all others of which something is known come after them.
        """
        answer: dict[str, Any] = json.loads(self.read_json(name, types))
        return answer

    def read_json(self, name: str, types: Sequence[str]) -> str:
        """The same as JSON, which is made of a hundred thousand numbers once a bucket and not for each question."""
        span = RANGES[name]
        now_ms = ms_of(self.ledger.patiently(self.ledger.client.time, self.patience_s))
        end_ms = now_ms - now_ms % span.bucket_ms + span.bucket_ms  # the present bucket is the last one
        closed = self._closed_of(name, span, end_ms)
        present = self._present(span, end_ms - span.bucket_ms, types)
        zeros = "0," * (span.buckets - 1)

        def counts(kind: str) -> str:
            now, before = present.get(kind, {}), closed.texts.get(kind, {})
            groups: dict[str, list[str]] = {"jobs": [], "items": []}
            for what, group, shown in WHAT:
                groups[group].append(f'"{shown}":[{before.get(what, zeros)}{now.get(what, 0)}]')
            return ",".join(f'"{group}":{{{",".join(lists)}}}' for group, lists in groups.items())

        head = {
            "range": name,
            "from": iso(end_ms - span.buckets * span.bucket_ms),
            "to": iso(end_ms),
            "bucketSeconds": span.bucket_ms // 1000,
        }
        shown = dict.fromkeys((*types, *sorted((present.keys() | closed.texts.keys()) - {ALL})))
        by_type = ",".join(f"{json.dumps(kind)}:{{{counts(kind)}}}" for kind in shown)
        return f'{json.dumps(head, separators=(",", ":"))[:-1]},{counts(ALL)},"types":{{{by_type}}}}}'

    def _present(self, span: Range, begin_ms: int, types: Sequence[str]) -> dict[str, dict[str, int]]:
        """By type, what the bucket counts that begins then."""
        since = begin_ms - begin_ms % span.hash_ms
        flat = self.ledger.ask(
            "counts_read",
            patience_s=self.patience_s,
            hash=self.ledger.keys(span.key, since),
            number=(begin_ms - since) // span.bucket_ms,
            types=types,
            what=NAMES,
        )
        found: dict[str, dict[str, int]] = {ALL: dict.fromkeys(NAMES, 0)}
        for kind, counts in zip(flat[::2], flat[1::2], strict=True):
            if any(counts):
                found[kind.decode()] = {what: int(count or 0) for what, count in zip(NAMES, counts, strict=True)}
        for what in NAMES:
            found[ALL][what] = sum(counts[what] for counts in found.values())
        return found

    def _closed_of(self, name: str, span: Range, end_ms: int) -> _Closed:
        with self._lock:  # who comes meanwhile takes what is read now
            known = self._closed.get(name)
            if known and known.end_ms == end_ms and time.monotonic() - known.read_at < LOOK_EVERY_S:
                return known
            series = self._series(span, end_ms)
            if known and known.end_ms == end_ms and known.series == series:
                known.read_at = time.monotonic()
                return known
            texts = {
                kind: {what: "".join([f"{count}," for count in counts]) for what, counts in of_kind.items()}
                for kind, of_kind in series.items()
            }
            made = self._closed[name] = _Closed(end_ms, time.monotonic(), series, texts)
            return made

    def _series(self, span: Range, end_ms: int) -> Series:
        """What the range counts without its last bucket; only what is not zero everywhere."""
        last_ms = end_ms - span.bucket_ms
        begin_ms = end_ms - span.buckets * span.bucket_ms
        parts = list(self._parts(span, range(begin_ms - begin_ms % span.hash_ms, end_ms, span.hash_ms), last_ms))
        width = span.hash_ms // span.bucket_ms
        kinds = {(kind, what) for part in parts for kind, of_kind in part.items() for what in of_kind}
        skip, nothing = (begin_ms % span.hash_ms) // span.bucket_ms, [0] * width
        found: Series = {}
        for kind, what in kinds:
            joined: list[int] = []
            for part in parts:
                joined += part.get(kind, {}).get(what, nothing)
            counts = joined[skip : skip + span.buckets - 1]
            if any(counts):
                found.setdefault(kind, {})[what] = counts
                mine = found.setdefault(ALL, {}).setdefault(what, [0] * len(counts))
                found[ALL][what] = [a + b for a, b in zip(mine, counts, strict=True)]
        return found

    def _parts(self, span: Range, hashes: range, last_ms: int) -> Iterator[Series]:
        """Of each hash the series; of one that is over only if it is not what it was."""
        client = self.ledger.client

        def read_sizes() -> Any:
            pipe = client.pipeline(transaction=False)
            for since in hashes:
                pipe.hlen(self.ledger.keys(span.key, since))
            return pipe.execute()

        sizes = self.ledger.patiently(read_sizes, self.patience_s)
        for since, size in zip(hashes, sizes, strict=True):
            known = self._hashes.get((span.key, since))
            if known is None or known.fields != size:
                # One after the other: reading all of them at once would keep a server with a loop from others.
                key = self.ledger.keys(span.key, since)
                raw = self.ledger.patiently(lambda key=key: client.hgetall(key), self.patience_s) if size else {}
                known = _Hash(size, _parsed(raw, span.hash_ms // span.bucket_ms))
            if since + span.hash_ms <= last_ms:
                self._hashes[span.key, since] = known
            yield known.series
        for key, since in list(self._hashes):
            if key == span.key and since < last_ms - KEPT_MS[key]:
                del self._hashes[key, since]


def _parsed(raw: dict[bytes, bytes], width: int) -> Series:
    found: Series = {}
    for name, count in raw.items():
        number, kind, what = name.decode().split(":")
        of_kind = found.setdefault(kind, {})
        if what not in of_kind:
            of_kind[what] = [0] * width
        of_kind[what][int(number)] = int(count)
    return found
