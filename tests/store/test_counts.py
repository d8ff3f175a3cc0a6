"""Counts for charts, as a process that remembers closed buckets answers them."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from vocaqueue.store import counts
from vocaqueue.store.counts import RANGES, CountHistory
from vocaqueue.store.ledger import Ledger

START = 1_800_000_000_000


class Clock:
    """The server's clock, set by hand, and what was made by it: (time, type) of each job."""

    def __init__(self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ledger, self.now = ledger, START
        self.made: list[tuple[int, str]] = []
        monkeypatch.setattr(ledger.client, "time", lambda: (self.now // 1000, self.now % 1000 * 1000))

    def create(self, kind: str) -> None:
        self.made.append((self.now, kind))
        self.ledger.step("job_create", now=self.now, id=f"{kind}-{len(self.made)}", type=kind, priority=3, params="{}",
                         total=1, attempts=1, backoff_ms=1)  # fmt: skip

    def truth(self, name: str, kind: str | None) -> list[int]:
        span = RANGES[name]
        last = self.now // span.bucket_ms
        found = Counter(at // span.bucket_ms for at, of in self.made if kind in {None, of})
        return [found[bucket] for bucket in range(last - span.buckets + 1, last + 1)]

    def check(self, history: CountHistory) -> None:
        for name in RANGES:
            answer = history.read(name, ["toy"])
            assert answer["jobs"]["created"] == self.truth(name, None), name
            for kind, of_kind in answer["types"].items():
                assert of_kind["jobs"]["created"] == self.truth(name, kind), (name, kind)
                assert not any(of_kind["items"]["failed"])
            assert {kind for _, kind in self.made if any(self.truth(name, kind))} <= set(answer["types"])


@pytest.fixture
def clock(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(ledger, monkeypatch)


def test_what_is_remembered_is_what_happened(ledger: Ledger, clock: Clock) -> None:
    """
    Through minutes, hours and days the same reader says what was made when, also of a type that is new.
    """
    dice, history = random.Random(2), CountHistory(ledger)
    for turn in range(60):
        for _ in range(dice.randrange(3)):
            clock.create(dice.choice(["toy", "noop"] + ["late"] * (turn > 30)))
        clock.check(history)
        clock.now += dice.choice([1, 20_000, 70_000, 1_000_000, 5_000_000, 30_000_000])
    clock.check(CountHistory(ledger))


def test_the_present_bucket_grows(ledger: Ledger, clock: Clock) -> None:
    """
    A question sees what was made a moment before, and reads no whole hash for that.
    """
    history = CountHistory(ledger)

    def hashes_read() -> int:
        stats: dict[str, Any] = ledger.client.info("commandstats")
        return int(stats.get("cmdstat_hgetall", {"calls": 0})["calls"])

    clock.create("toy")
    clock.check(history)
    for _ in range(3):
        clock.create("toy")
        before = hashes_read()
        clock.check(history)
        assert hashes_read() == before


def test_a_ledger_that_went_back_is_noticed(ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What was counted and is not there any more is no longer shown once the process looks again.
    """
    history = CountHistory(ledger)
    clock.create("toy")
    clock.now += 3 * 3_600_000
    clock.create("toy")
    clock.now += 60_000
    clock.check(history)
    for name in ("minute", "quarter"):
        ledger.client.delete(*ledger.client.keys(ledger.keys(name) + "*"))
    clock.made.clear()
    monkeypatch.setattr(counts, "LOOK_EVERY_S", 0.0)
    clock.check(history)
