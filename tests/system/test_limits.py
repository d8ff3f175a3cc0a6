"""Rates, caps and breakers with real workers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.toys import Capped, CappedToo, Paid, Rated, Toy, calls
from vocaqueue import JobFailed

from .systems import System, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]


def most_in_a_window(times: list[float], window_s: float) -> int:
    times = sorted(times)
    return max(sum(1 for other in times if at <= other < at + window_s) for at in times)


def test_four_workers_keep_one_rate(system: System, tmp_path: Path) -> None:
    """Ten per second, no burst: no window of a second, at any offset, has more starts, over all workers and jobs."""
    for n in range(4):
        system.worker(f"w{n}", ["rated"], children=1)
    system.reconciler()
    system.ready("w0", "w1", "w2", "w3")
    log = str(tmp_path / "calls")
    jobs = [
        system.queue.add(Rated(ids=[f"i{n}" for n in range(20)], seconds=0.05, log=log, tag=f"{tag}-")) for tag in "abc"
    ]
    until(lambda: len(calls(log)) > 5)
    stats = system.queue.stats()["types"]["rated"]
    assert stats["rate"] == {"max": 10, "durationSeconds": 1.0, "burst": 0}
    assert 0 <= stats["rateLeft"] <= 10
    for job in jobs:
        job.wait(60)
    starts = [at for _, _, at in calls(log)]
    assert len(starts) == 60
    assert most_in_a_window(starts, 1.0) <= 10
    print(f"\n60 starts at {59 / (max(starts) - min(starts)):.2f} per second")


def test_a_refusal_shuts_the_account_and_costs_no_try(system: System, tmp_path: Path) -> None:
    """A provider that says to wait is left alone by all jobs of the account for so long; no item loses a try by it."""
    system.worker("one", ["paid"], children=2)
    system.reconciler()
    system.ready("one")
    log = str(tmp_path / "calls")
    fail = {"i9": ["limited"] * 5 + ["ok"]}
    job = system.queue.add(Paid(ids=[f"i{n}" for n in range(60)], log=log, fail=fail))
    until(lambda: any(what == "i9" for what, _, _ in calls(log)))
    until(lambda: system.queue.limits.accounts()["maker"]["shutUntil"], 5)
    job.wait(60)
    assert (job.progress.completed, job.progress.failed) == (60, 0)
    refused = [at for what, _, at in calls(log) if what == "i9"][:-1]
    assert len(refused) == 5
    # What was in hand or on its way when the refusal came may still have been begun.
    for at in refused:
        assert not [other for _, _, other in calls(log) if at + 0.5 < other < at + 1.4]
    assert system.queue.limits.accounts()["maker"]["ratePerSecond"] < 48


def test_caps_hold_over_all_machines(system: System, tmp_path: Path) -> None:
    """With caps of three and five and twelve slots for each type, no more chunks run at once, and all jobs end."""
    for n in range(3):
        system.worker(f"w{n}", ["capped", "capped-too"], children=4)
    system.reconciler()
    system.ready("w0", "w1", "w2")
    queue = system.queue
    jobs = [
        queue.add(kind(ids=[f"i{n}" for n in range(4)], seconds=0.02))
        for _ in range(25)
        for kind in (Capped, CappedToo)
    ]
    seen: Counter[str] = Counter()

    def all_ended() -> bool:
        for name in ("capped", "capped-too"):
            seen[name] = max(seen[name], queue.ledger.client.zcard(queue.ledger.keys("type_leases", name)))
        return queue.stats()["completed"] == len(jobs)

    until(all_ended, 90, every_s=0.01)
    assert seen["capped"] <= 3
    assert seen["capped-too"] <= 5


def test_a_run_of_fatal_ends_holds_the_type(system: System, tmp_path: Path) -> None:
    """The third job in a row that ends with the same fatal cause holds the type; the others wait, with that reason."""
    system.worker("one", ["toy"], children=1)
    system.reconciler()
    system.ready("one")
    queue = system.queue
    log = str(tmp_path / "calls")
    jobs = [queue.add(Toy(ids=["a", "b"], log=log, tag=str(n), fail={"a": ["fatal"]})) for n in range(6)]
    until(lambda: queue.gates().names)
    for job in jobs[:3]:
        with pytest.raises(JobFailed):
            job.wait(20)
    waiting = queue.get(jobs[5].record.id).record
    assert waiting.status.value == "paused"
    assert waiting.wait_reason["code"] == "breaker"
    assert "no credit" in waiting.wait_reason["message"]
    assert len(calls(log)) == 3
    queue.resume_all("toy")
    for job in jobs[3:]:
        job.wait_until_ended(20)


def test_each_waiting_job_says_why(system: System, tmp_path: Path) -> None:
    """One code and one sentence: no worker, slots full, behind others, rate, scheduled, held."""
    queue = system.queue

    def reason(job: object) -> str:
        return queue.get(job.record.id).record.wait_reason["code"]  # type: ignore[attr-defined]

    first = queue.add(Toy(ids=["a"], seconds=2.5))
    assert reason(first) == "no_worker"
    held = queue.add(Toy(ids=["a"]))
    queue.pause(held.record.id)
    assert reason(held) == "paused"
    assert reason(queue.add(Toy(ids=["a"]), delay_s=60)) == "scheduled"
    system.worker("one", ["toy", "rated"], children=1)
    system.reconciler()
    until(lambda: queue.get(first.record.id).record.in_hand)
    second = queue.add(Toy(ids=["a"]))
    queue.limits.set("rated", max_running_chunks=1)
    assert reason(second) == "slots_full"
    assert "slot" in queue.get(second.record.id).record.wait_reason["message"]
    first.wait(30)
    second.wait(30)
    rated = [queue.add(Rated(ids=[f"i{n}" for n in range(30)])) for _ in range(2)]
    codes: set[str] = set()

    def seen() -> bool:
        codes.update((job.wait_reason or {"code": "none"})["code"] for job in queue.jobs(types=["rated"]).items)
        return bool(codes & {"rate", "cap"})

    until(seen, every_s=0.01)
    for job in rated:
        queue.cancel(job.record.id)
