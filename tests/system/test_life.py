"""Jobs run by real workers: outcomes, retries, phases, cancel, stop."""

from __future__ import annotations

import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.toys import Bulk, Noop, Parallel, Phased, Toy, Unloadable, calls
from vocaqueue import JobCancelled, JobFailed, WrongStatus

from .systems import System, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture
def running(system: System) -> System:
    system.worker("one", ["toy", "parallel", "noop", "phased", "bulk", "unloadable"])
    system.reconciler()
    system.ready("one")
    return system


def test_outcomes_are_counted_and_retried(running: System, tmp_path: Path) -> None:
    """Four tries for what is retryable, one for what is final, an exception is retryable, a skip is counted apart."""
    log = str(tmp_path / "calls")
    fail = {"i1": ["retry", "ok"], "i2": ["raise", "retry", "retry", "retry"], "i3": ["final"], "i4": ["skip"]}
    job = running.queue.add(Toy(ids=[f"i{n}" for n in range(8)], log=log, fail=fail))
    job.wait(60)
    progress = job.progress
    assert (progress.completed, progress.failed, progress.skipped) == (5, 2, 1)
    tries = Counter(what for what, _, _ in calls(log))
    assert (tries["i1"], tries["i2"], tries["i3"], tries["i4"]) == (2, 4, 1, 1)
    assert {e.item_id: (e.code, e.attempts) for e in progress.errors} == {"i2": ("flaky", 4), "i3": ("bad_item", 1)}
    with pytest.raises(WrongStatus, match="flakey would leave nothing to do"):
        running.queue.retry(job.id, codes=["flakey"])


def test_a_fatal_error_ends_the_job(running: System, tmp_path: Path) -> None:
    """A handler that says the job cannot go on ends it with its sentence, not with ten thousand failures."""
    log = str(tmp_path / "calls")
    job = running.queue.add(Toy(ids=[f"i{n}" for n in range(5000)], seconds=0.001, log=log, fail={"i9": ["fatal"]}))
    with pytest.raises(JobFailed, match="no credit"):
        job.wait(60)
    assert job.error["code"] == "no_credit"
    assert len(calls(log)) < 500


def test_async_items_run_at_once(running: System, tmp_path: Path) -> None:
    """Ten items of a chunk wait together: 100 items of 0.2 s on two slots take far less than one after the other."""
    log = str(tmp_path / "calls")
    running.queue.add(Parallel(ids=[f"i{n}" for n in range(100)], seconds=0.2, log=log)).wait(60)
    times = [at for _, _, at in calls(log)]
    assert max(times) - min(times) < 10.0


def test_what_cannot_be_kept_is_a_failure(running: System, tmp_path: Path) -> None:
    """Half a letter in an error, a wait without end, a result that is no JSON: each ends with a reason."""
    log = str(tmp_path / "calls")
    job = running.queue.add(Toy(ids=["odd", "nonsense", "ok"], log=log, fail={i: [i] for i in ("odd", "nonsense")}))
    job.wait(60)
    said = {error.item_id: (error.code, error.message) for error in job.progress.errors}
    assert said["odd"] == ("unexpected_error", "ValueError: half a letter: ?")
    assert said["nonsense"] == ("unexpected_error", "ValueError: retry_after_s must be a number of seconds, not inf")
    assert job.progress.completed == 1
    phased = running.queue.add(Phased(total=3, log=str(tmp_path / "phases"), finish=["nonsense"]))
    with pytest.raises(JobFailed, match="must be JSON"):
        phased.wait(60)
    below = running.queue.add(Noop(total=-1))
    with pytest.raises(JobFailed, match="the total of a Plan must be a whole number"):
        below.wait(60)


def test_plan_and_finish_are_tried_again(running: System, tmp_path: Path) -> None:
    """A plan that raises and a finish whose child dies are run again, and the result is adopted once."""
    log = str(tmp_path / "calls")
    job = running.queue.add(Phased(total=30, log=log, plan=["raise"], finish=["kill"]))
    assert job.wait(60) == {"rows": 30}
    tries = Counter(what for what, _, _ in calls(log))
    assert (tries["plan"], tries["finish"]) == (2, 2)


def test_an_empty_plan_completes(running: System) -> None:
    """A job without items is completed."""
    job = running.queue.add(Noop(total=0))
    job.wait(30)
    assert job.record.status.value == "completed"


def test_chunks_of_a_set_oriented_handler(running: System, tmp_path: Path) -> None:
    """`run_chunk` gets each item once and its outcomes are counted."""
    log = str(tmp_path / "calls")
    job = running.queue.add(Bulk(ids=[f"i{n}" for n in range(300)], log=log, fail={"i7": ["final"]}))
    job.wait(60)
    assert (job.progress.completed, job.progress.failed) == (299, 1)
    assert len(calls(log)) == 300


def test_cancel_stops_between_items(running: System, tmp_path: Path) -> None:
    """A cancelled job begins no further item, keeps what was done, and says so once."""
    log = str(tmp_path / "calls")
    job = running.queue.add(Toy(ids=[f"i{n}" for n in range(2000)], seconds=0.01, log=log))
    until(lambda: len(calls(log)) > 50)
    running.queue.cancel(job.record.id)
    with pytest.raises(JobCancelled):
        job.wait(30)
    assert 50 <= job.progress.completed == len(calls(log)) < 1000


def test_a_stopping_worker_hands_back(running: System, tmp_path: Path) -> None:
    """SIGTERM ends the chunk, gives the rest back, and another worker goes on with nothing called twice."""
    log = str(tmp_path / "calls")
    job = running.queue.add(Toy(ids=[f"i{n}" for n in range(600)], seconds=0.01, log=log))
    until(lambda: len(calls(log)) > 100)
    running.kill("one", signal.SIGTERM)
    stopped = time.monotonic()
    running.processes["one"].wait(15)
    assert time.monotonic() - stopped < 12
    settled = running.queue.get(job.record.id).record.progress.completed
    assert settled == len(calls(log)), "nothing in hand was dropped"
    running.worker("two", ["toy"])
    job.wait(60)
    assert Counter(what for what, _, _ in calls(log)).most_common(1)[0][1] == 1


def test_events_and_listeners(running: System) -> None:
    """`on` hears a job's life in order, each with its progress, and nothing after it was taken off."""
    heard: list[tuple[str, float]] = []
    off = running.queue.on("*", lambda e: heard.append((e.name, e.progress.percent if e.progress else 0)))
    job = running.queue.add(Noop(total=3000))
    job.wait(30)
    until(lambda: heard and heard[-1][0] == "job-completed")
    names = [name for name, _ in heard]
    assert names[:2] == ["job-created", "job-active"]
    assert heard[-1] == ("job-completed", 100.0)
    off()
    running.queue.add(Noop(total=1)).wait(30)
    assert [name for name, _ in heard] == names


def test_a_set_that_hangs_meets_the_chunks_limit(running: System, tmp_path: Path) -> None:
    """A `run_chunk` that never returns is given up after the type's time-out; its items take a try each."""
    log = str(tmp_path / "calls")
    job = running.queue.add(Bulk(ids=["i0", "i1"], log=log, fail={"i0": ["hang"], "i1": ["hang"]}))
    with pytest.raises(JobFailed):
        job.wait(60)
    assert {(e.code, e.attempts) for e in job.progress.errors} == {("timed_out", 2)}


def test_a_slow_item_costs_no_second_ticket(running: System, tmp_path: Path) -> None:
    """The ledger hears in time that a ticket was sent, so slow items do not make doubles of it."""
    log = str(tmp_path / "calls")
    running.queue.add(Toy(ids=[f"i{n}" for n in range(6)], seconds=2.9, log=log)).wait(60)
    tickets = running.log("one").count("received")
    assert tickets <= 6 + 2, running.log("one")[-2000:]


def test_a_delayed_job_waits_for_its_time(running: System) -> None:
    """A job with a delay is `delayed` with a reason, and runs when its time has come."""
    job = running.queue.add(Noop(total=3), delay_s=2.0)
    assert (job.record.status.value, job.record.wait_reason["code"]) == ("delayed", "scheduled")
    job.wait(30)
    assert job.record.started_at_ms - job.record.created_at_ms >= 2000


@pytest.mark.timeout(240)
def test_an_item_that_holds_the_interpreter_meets_the_hard_limit(running: System, tmp_path: Path) -> None:
    """A child that cannot even beat is killed at the hard limit; the item is tried alone and fails as timed_out."""
    log = str(tmp_path / "calls")
    job = running.queue.add(Bulk(ids=["i0", "i1", "i2"], log=log, fail={"i1": ["hog"]}))
    job.wait(150)
    assert (job.progress.completed, job.progress.failed) == (2, 1)
    assert [(e.item_id, e.code) for e in job.progress.errors] == [("i1", "timed_out")]


def test_a_handler_that_cannot_be_loaded_fails_its_job(running: System) -> None:
    """The job ends with a sentence that names what is missing; it does not wait for ever."""
    job = running.queue.add(Unloadable(ids=["a", "b"]))
    with pytest.raises(JobFailed, match="has no 'NoSuchHandler'"):
        job.wait(30)
    assert job.error["code"] == "cannot_run"


def test_a_time_out_of_the_handlers_own_keeps_its_words(running: System, tmp_path: Path) -> None:
    """A TimeoutError that an `async` handler raises is its own failure, not the item's time-out."""
    fail = {"a": ["timeout"] * 4}
    job = running.queue.add(Parallel(ids=["a"], log=str(tmp_path / "calls"), fail=fail))
    with pytest.raises(JobFailed):
        job.wait(30)
    assert [(e.code, e.message) for e in job.progress.errors] == [("unexpected_error", "TimeoutError: no answer")]
