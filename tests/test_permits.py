"""Permits in a worker's child, and a chunk that needs them: without a ledger."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from vocaqueue import Context, Handler, Item, JobParams, Limits, Outcome
from vocaqueue.engine.chunk import Chunk
from vocaqueue.engine.permits import Permits
from vocaqueue.files import FileStore


def granted(*at_ms: float, late_ms: float = 25.0) -> dict[str, object]:
    return {"permits": list(at_ms), "late_ms": late_ms, "now": 0}


def test_a_permit_is_used_at_its_time_and_once() -> None:
    """Before it is due there is a wait, then one start; the next one needs the next."""
    permits = Permits(granted(0, 100), received_at=50.0)
    assert permits.take(50.0) == 0.0
    assert permits.take(50.02) == pytest.approx(0.08)
    assert permits.take(50.1) == 0.0
    assert permits.take(50.1) is None


def test_a_permit_that_passed_is_not_used_and_not_given_back() -> None:
    """What is later than it may be would come too close to the next; only what lies behind the last start goes back."""
    permits = Permits(granted(0, 100, 200, 300, 400), received_at=50.0)
    assert permits.take(50.024) == 0.0
    assert permits.take(50.19) == pytest.approx(0.01), "that of 100 ms is over"
    assert permits.take(50.2) == 0.0
    assert permits.unused == 2


def test_permits_that_all_passed_are_none() -> None:
    """The first one says whether others must be asked for."""
    permits = Permits(granted(0, 10), received_at=50.0)
    assert not permits.is_late(50.025)
    assert permits.is_late(50.026)
    assert permits.take(51.0) is None
    assert permits.unused == 2


class Called(Handler):
    """Answers what `act` does, and counts."""

    def __init__(self, act: Callable[[Item], Outcome]) -> None:
        self.act, self.items = act, list[str]()

    def run(self, item: Item, ctx: Context) -> Outcome:
        self.items.append(item.id)
        return self.act(item)


def chunk_of(handler: Handler, count: int, permits: Permits | None = None, at_once: int = 1) -> Chunk:
    ctx = Context("a", "toy", 1, 1, "t", JobParams(), None, {}, {}, FileStore.from_url("file:///nowhere"))
    limits = Limits(item_concurrency=at_once)
    items = [Item(n, f"i{n}", None, "") for n in range(count)]
    return Chunk(handler, items, ctx, limits, permits)


def until_over(chunk: Chunk) -> list[str]:
    chunk.start()
    end = time.monotonic() + 20
    while not chunk.is_over:
        assert time.monotonic() < end
        chunk.wait(0.05)
    return [outcome.kind.value for _, outcome in chunk.drain(1000)]


def test_a_chunk_begins_as_many_as_it_has_permits() -> None:
    """The items without one are left."""
    handler = Called(lambda _item: Outcome.done())
    chunk = chunk_of(handler, 5, Permits(granted(0, 30, 60, late_ms=5000), time.monotonic()))
    assert until_over(chunk) == ["done"] * 3
    assert (chunk.begun, handler.items) == (3, ["i0", "i1", "i2"])


def test_a_chunk_begins_nothing_more_after_a_refusal() -> None:
    """The provider said to slow down: the rest is left for when it may be called again."""
    handler = Called(lambda item: Outcome.limited() if item.id == "i1" else Outcome.done())
    assert until_over(chunk_of(handler, 5)) == ["done", "limited"]


def test_the_time_in_which_all_wait_counts_once_and_not_as_work() -> None:
    """Several threads that wait for one permit take nothing from the time that was worked."""
    together = threading.Barrier(4, timeout=10)

    class Slow(Called):
        def run(self, item: Item, ctx: Context) -> Outcome:
            together.wait()
            return super().run(item, ctx)

    handler = Slow(lambda _item: Outcome.done())
    chunk = chunk_of(handler, 4, Permits(granted(300, 300, 300, 300, late_ms=9000), time.monotonic()), at_once=4)
    until_over(chunk)
    assert chunk.elapsed_s >= 0
