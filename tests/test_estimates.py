"""What a job would come to, asked before it is made."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.toys import JOB_TYPES, Noop, Parallel, Rated, Toy, ToyParams
from vocaqueue import (
    BadSettings,
    DuplicateJob,
    Estimate,
    IdempotencyConflict,
    InvalidParams,
    JobType,
    NoItems,
    QueueManager,
)
from vocaqueue.store.ledger import Ledger


class Guessed(ToyParams):
    pass


class Misguessed(ToyParams):
    pass


def guess(params: Guessed) -> Estimate:
    return Estimate(items=7, seconds=3.5, cost_usd=0.07)


def misguess(params: Misguessed) -> dict[str, int]:
    return {"items": 7}


TYPES = (
    *JOB_TYPES,
    JobType(name="guessed", params=Guessed, handler="tests.toys:NoopHandler", estimate="tests.test_estimates:guess"),
    JobType(
        name="misguessed", params=Misguessed, handler="tests.toys:NoopHandler", estimate="tests.test_estimates:misguess"
    ),
)


@pytest.fixture
def queue(make_ledger: Callable[..., Ledger], tmp_path: Path) -> Iterator[QueueManager]:
    settings = make_ledger(
        storage_url=f"file://{tmp_path}/files", database_url=f"sqlite:///{tmp_path}/queue.db"
    ).settings
    made = QueueManager(settings, TYPES)
    yield made
    made.close()


def have_slots(queue: QueueManager, type_name: str, slots: int) -> None:
    """As a worker says it."""
    ledger = queue.ledger
    ledger.client.hset(ledger.keys("slots", type_name), f"{type_name}@here", f"{slots}:{ledger.now_ms()}")


def run_a_job(
    queue: QueueManager, *, items: int, elapsed_ms: int, skipped: int = 0, cost_nano: int | None = None
) -> None:
    """A whole job of `toy`, worked on by one slot for so long, chunk by chunk, as a worker tells it to the ledger."""
    job_id = queue.add(Toy(ids=[f"i{n}" for n in range(items)])).record.id
    ledger = queue.ledger
    while not queue.get(job_id).record.status.is_final:
        token, ticket = secrets.token_hex(8), int(ledger.client.hget(ledger.keys("job", job_id), "line"))
        claim = ledger.step(
            "lease_claim", job=job_id, type="toy", ticket=ticket, token=token, hard_ms=60_000, finishes=False,
            first=items, chunk_ms=100_000, chunk_max=items,
        )  # fmt: skip
        [[start, end]] = claim.data["ranges"]
        done_from = min(max(start, skipped), end)
        ledger.step(
            "lease_commit", token=token, seq=1, skipped=[[start, done_from]], done=[[done_from, end]], jitter=0,
            close=True, begun=end - start, elapsed_ms=elapsed_ms * (end - start) / items, cost_nano=cost_nano,
        )  # fmt: skip
        cost_nano = None


def test_without_any_history_only_what_is_counted_is_known(queue: QueueManager) -> None:
    """Ids are counted once each; of time and money nothing is invented; a plan's items are not known either."""
    found = queue.estimate(Toy(ids=["a", "b", "a"]))
    assert (found.items, found.total, found.seconds, found.cost_usd) == (2, 2, None, None)
    assert found.basis == {"items": "counted", "seconds": "none", "costUsd": "none"}
    planned = queue.estimate(Noop(total=5))
    assert (planned.items, planned.total, planned.seconds) == (None, None, None)
    assert planned.basis["items"] == "none"


def test_time_is_measured_of_the_newest_jobs_and_shared_by_the_slots(queue: QueueManager) -> None:
    """Twice as long for twice the items, half as long with twice the slots, and never more slots than items."""
    run_a_job(queue, items=10, elapsed_ms=5000)
    have_slots(queue, "toy", 2)
    ids = [str(n) for n in range(100)]
    found = queue.estimate(Toy(ids=ids))
    assert (found.seconds, found.basis["seconds"], found.slots) == (25.0, "measured", 2)
    assert queue.estimate(Toy(ids=ids * 2)).seconds == 25.0
    assert queue.estimate(Toy(ids=[*ids, *(f"x{n}" for n in ids)])).seconds == 50.0
    have_slots(queue, "toy", 4)
    assert queue.estimate(Toy(ids=ids)).seconds == 12.5
    assert queue.estimate(Toy(ids=["a", "b"])).seconds == 0.5
    queue.limits.set("toy", max_running_chunks=1)
    assert queue.estimate(Toy(ids=ids)).seconds == 50.0


def test_a_job_counts_by_its_items_and_one_that_skipped_them_not_at_all(queue: QueueManager) -> None:
    """A tiny job does not outweigh a large one; skipping is not work."""
    run_a_job(queue, items=90, elapsed_ms=9000)
    run_a_job(queue, items=10, elapsed_ms=11_000)
    have_slots(queue, "toy", 1)
    assert queue.estimate(Toy(ids=["a", "b"])).seconds == 0.4
    run_a_job(queue, items=100, elapsed_ms=1, skipped=99)
    assert queue.estimate(Toy(ids=["a", "b"])).seconds == 0.4


def test_money_is_measured_where_items_cost_some(queue: QueueManager) -> None:
    """The mean of what items cost."""
    run_a_job(queue, items=10, elapsed_ms=1000, cost_nano=250_000_000)
    found = queue.estimate(Toy(ids=["a", "b"]))
    assert (found.cost_usd, found.basis["costUsd"]) == (0.05, "measured")


def test_a_rate_is_the_least_that_a_job_takes(queue: QueueManager) -> None:
    """Of a type that never ran, its rate says how long; it is named as declared."""
    found = queue.estimate(Rated(ids=[str(n) for n in range(97)]))
    assert (found.seconds, found.basis["seconds"]) == (10.0, "declared")


def test_what_the_type_says_itself_counts_first(queue: QueueManager) -> None:
    """Items, seconds and dollars of its own function, which must answer an Estimate."""
    found = queue.estimate(Guessed())
    assert (found.items, found.seconds, found.cost_usd, found.total) == (7, 3.5, 0.07, None)
    assert set(found.basis.values()) == {"declared"}
    with pytest.raises(BadSettings, match="must answer an Estimate"):
        queue.estimate(Misguessed())
    for nonsense in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="seconds"):
            Estimate(seconds=nonsense)


def test_what_is_wrong_is_wrong_as_when_it_is_made(queue: QueueManager) -> None:
    """Empty, doubled, conflicting and senseless requests raise what `add` raises."""
    queue.add(Toy(ids=["a"]), unique=True)
    queue.add(Toy(ids=["b"]), idempotency_key="k")
    with pytest.raises(NoItems):
        queue.estimate(Toy(ids=[]))
    with pytest.raises(DuplicateJob):
        queue.estimate(Toy(ids=["a"]), unique=True)
    with pytest.raises(IdempotencyConflict):
        queue.estimate(Toy(ids=["c"]), idempotency_key="k")
    with pytest.raises(InvalidParams):
        queue.estimate(Toy(ids=["c"]), priority="urgent")


def test_the_same_request_again_would_make_nothing(queue: QueueManager) -> None:
    """With an idempotency key that has its job, that job is named, and nothing would be run."""
    made = queue.add(Toy(ids=["a"]), idempotency_key="k")
    found = queue.estimate(Toy(ids=["a"]), idempotency_key="k")
    assert (found.job_id, found.items, found.seconds, found.cost_usd) == (made.record.id, 0, 0, 0)


def test_what_stands_in_the_way_is_said(queue: QueueManager) -> None:
    """No worker, a hold, a deadline that is too short, and the work that comes first."""
    run_a_job(queue, items=10, elapsed_ms=10_000)
    ids = [str(n) for n in range(100)]
    assert [warning["code"] for warning in queue.estimate(Toy(ids=ids)).warnings] == ["no_worker"]
    have_slots(queue, "toy", 1)
    assert queue.estimate(Toy(ids=ids)).warnings == ()
    queue.pause_all("toy")
    queue.add(Toy(ids=["a", "b", "c"]))
    found = queue.estimate(Toy(ids=ids), deadline_s=5)
    assert [warning["code"] for warning in found.warnings] == ["type_paused", "deadline_too_short"]
    assert all(warning["message"].endswith(".") for warning in found.warnings)
    assert found.items_ahead == 3


def test_nothing_is_written(queue: QueueManager) -> None:
    """Not a key of the namespace changes, whatever is asked."""
    run_a_job(queue, items=3, elapsed_ms=100)
    queue.limits.types()  # makes the declared limits known, as any reading of them does
    client, prefix = queue.ledger.client, queue.ledger.keys.prefix

    def everything() -> dict[bytes, bytes | None]:
        return {key: client.dump(key) for key in client.keys(prefix + "*")}

    before = everything()
    queue.estimate(Toy(ids=["a"]), idempotency_key="k", unique=True, delay_s=5)
    queue.estimate(Parallel(ids=["a"]))
    queue.estimate(Guessed())
    assert everything() == before


def test_it_can_be_printed_as_json(queue: QueueManager) -> None:
    """`as_dict` is JSON, camelCase."""
    shown = json.loads(json.dumps(queue.estimate(Toy(ids=["a"])).as_dict()))
    assert shown["estimate"]["basis"] == {"items": "counted", "seconds": "none", "costUsd": "none"}
    assert (shown["jobId"], shown["itemsAhead"], shown["slots"]) == (None, 0, 0)
