"""Holding, hurrying and repeating jobs that real workers run."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.toys import Noop, Phased, Toy, calls
from vocaqueue import JobFailed, WrongStatus

from .systems import System, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture
def running(system: System) -> System:
    system.worker("one", ["toy", "noop", "phased"])
    system.reconciler()
    system.ready("one")
    return system


def test_a_held_job_goes_on_where_it_was(running: System, tmp_path: Path) -> None:
    """Pause ends what is in hand and shows `paused`; nothing starts until resume; each item is called once."""
    log = str(tmp_path / "calls")
    job = running.queue.add(Toy(ids=[f"i{n}" for n in range(400)], seconds=0.01, log=log))
    until(lambda: len(calls(log)) > 50)
    running.queue.pause(job.record.id)
    until(lambda: running.queue.get(job.record.id).record.status.value == "paused", 10)
    held = running.queue.get(job.record.id).record
    assert held.in_hand == 0
    assert held.progress.completed == len(calls(log)) < 400
    running.queue.add(Noop(total=5)).wait(20)  # others go on meanwhile
    assert len(calls(log)) == held.progress.completed
    running.queue.resume(job.record.id)
    job.wait(30)
    assert Counter(what for what, _, _ in calls(log)).most_common(1)[0][1] == 1


def test_a_waiting_job_is_held_and_cancelled(running: System) -> None:
    """A held job that never began can be cancelled at once; an ended one can be neither held nor resumed."""
    job = running.queue.add(Noop(total=5), delay_s=60)
    assert running.queue.pause(job.record.id).record.status.value == "delayed"
    assert running.queue.cancel(job.record.id).record.status.value == "cancelled"
    for act in (running.queue.pause, running.queue.resume):
        with pytest.raises(WrongStatus, match="is cancelled"):
            act(job.record.id)


def test_retry_runs_just_what_failed(running: System, tmp_path: Path) -> None:
    """Of a job with failures only those run again, with fresh tries; the counts are those of the whole job."""
    log = str(tmp_path / "calls")
    fail = {"i2": ["final", "ok"], "i5": ["final", "ok"], "i7": ["raise"] * 4 + ["final"]}
    job = running.queue.add(Toy(ids=[f"i{n}" for n in range(10)], log=log, fail=fail))
    job.wait(30)
    assert (job.progress.completed, job.progress.failed) == (7, 3)
    again = running.queue.retry(job.record.id, codes=["bad_item"])
    assert (again.progress.failed, again.record.run) == (1, 2)
    job.wait(30)
    assert (job.progress.completed, job.progress.failed, job.record.run) == (9, 1, 2)
    assert [e.item_id for e in job.progress.errors] == ["i7"]
    running.queue.retry(job.record.id)
    job.wait(30)
    assert (job.progress.completed, job.progress.failed, job.record.run) == (9, 1, 3)
    tries = Counter(what for what, _, _ in calls(log))
    assert (tries["i0"], tries["i2"], tries["i7"]) == (1, 2, 5)


def test_retry_after_a_cancel_and_of_a_failed_plan(running: System, tmp_path: Path) -> None:
    """What a cancel left undone runs on retry; a job whose plan failed plans again; one that is whole is refused."""
    log = str(tmp_path / "calls")
    job = running.queue.add(Toy(ids=[f"i{n}" for n in range(300)], seconds=0.01, log=log))
    until(lambda: len(calls(log)) > 30)
    running.queue.cancel(job.record.id)
    job.wait_until_ended(20)
    assert job.record.status.value == "cancelled"
    running.queue.retry(job.record.id)
    job.wait(30)
    assert job.progress.completed == 300
    assert len(calls(log)) == 300
    with pytest.raises(WrongStatus):
        running.queue.retry(job.record.id)

    plan_log = str(tmp_path / "plan")
    phased = running.queue.add(Phased(total=5, log=plan_log, plan=["fatal"]))
    with pytest.raises(JobFailed):
        phased.wait(30)
    running.queue.retry(phased.record.id)
    assert phased.wait(30) == {"rows": 5}


def test_priority_and_promote(system: System, tmp_path: Path) -> None:
    """A waiting job made critical starts first, though its first message still lies in the old line."""
    log = str(tmp_path / "calls")
    first = system.queue.add(Toy(ids=["a"], log=log))
    second = system.queue.add(Toy(ids=["b"], log=log))
    later = system.queue.add(Toy(ids=["c"], log=log), delay_s=600)
    assert system.queue.set_priority(second.record.id, "critical").record.priority.label == "critical"
    assert system.queue.promote(later.record.id).record.status.value == "waiting"
    with pytest.raises(WrongStatus):
        system.queue.promote(first.record.id)
    system.worker("one", ["toy"], children=1)
    for job in (first, second, later):
        job.wait(30)
    assert [what for what, _, _ in calls(log)] == ["b", "a", "c"]


def test_a_held_type_takes_one_write_and_no_tickets(system: System, tmp_path: Path) -> None:
    """While a type is held nothing of it starts, later workers obey too, no ticket spins, and turns are kept."""
    log = str(tmp_path / "calls")
    queue = system.queue
    jobs = [queue.add(Toy(ids=["a"], log=log, tag=f"{n:02}-")) for n in range(40)]
    assert queue.pause_all("toy") is True
    assert queue.pause_all("toy") is False
    stats = queue.stats()
    assert (stats["paused"], stats["waiting"], stats["types"]["toy"]["isPaused"], stats["isPaused"]) == (
        40,
        0,
        True,
        False,
    )
    assert queue.jobs(statuses=["paused"]).total == 40
    assert queue.jobs(statuses=["waiting"]).total == 0
    held = queue.get(jobs[0].record.id).record
    assert (held.status.value, held.wait_reason["code"]) == ("paused", "type_paused")
    system.worker("one", ["toy", "noop"], children=1)
    system.reconciler()
    queue.add(Noop(total=5)).wait(60)

    def received() -> int:
        return len(re.findall(r"Task toy\[\S+\] received", system.log("one")))

    until(lambda: received() == 16)
    assert calls(log) == []
    queue.add(Noop(total=5)).wait(30)
    assert received() == 16, "held jobs use no tickets"
    urgent = queue.add(Toy(ids=["a"], log=log, tag="urgent-"), priority="high")
    assert queue.resume_all("toy") is True
    for job in [*jobs, urgent]:
        job.wait(30)
    order = [what for what, _, _ in calls(log)]
    assert order[0] == "urgent-a"
    # Sixteen have a place in line at once; one that ends lets the next in while the first ones are still being sent.
    turns = [int(what[:2]) for what in order[1:]]
    assert sorted(turns) == list(range(40))
    assert [n for n in turns if n < 16] == list(range(16))
    assert [n for n in turns if n >= 16] == list(range(16, 40))
    assert queue.stats()["paused"] == 0


def test_everything_is_held_over_a_restart_of_the_store(running: System, tmp_path: Path) -> None:
    """A hold of everything survives kill -9 of Valkey; a running chunk ends first and its job goes on afterwards."""
    log = str(tmp_path / "calls")
    job = running.queue.add(Toy(ids=[f"i{n}" for n in range(500)], seconds=0.01, log=log))
    until(lambda: len(calls(log)) > 20)
    running.queue.pause_all()
    until(lambda: running.queue.get(job.record.id).record.status.value == "paused", 15)
    done = len(calls(log))
    running.valkey.restart()
    assert running.queue.stats()["isPaused"] is True
    other = running.queue.add(Noop(total=1))
    assert other.record.status.value == "paused"
    assert len(calls(log)) == done < 500
    running.queue.resume_all()
    job.wait(30)
    other.wait(30)
    assert len(calls(log)) == 500
