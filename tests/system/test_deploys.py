"""New code beside old, and workers stopped in the middle of work: nothing is lost, nothing counts as a failure."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.toys import PATIENT_JOB_TYPES, Noop, Patient, Toy, calls
from vocaqueue import QueueManager, Settings
from vocaqueue.store.schema import SCHEMA

from .systems import System, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def test_sigterm_finishes_or_hands_back_what_is_in_hand(system: System, tmp_path: Path) -> None:
    """Short items end, one that hangs is handed back within the grace; another worker does the rest, none failed."""
    system.env["VOCAQUEUE_JOB_TYPES"] = "tests.toys:PATIENT_JOB_TYPES"
    queue = QueueManager(Settings.from_env(system.env), PATIENT_JOB_TYPES)
    system.worker("old", ["toy", "patient"], children=3)
    system.ready("old")
    logs = [tmp_path / "short", tmp_path / "long"]
    short = system.queue.add(Toy(ids=[f"i{n}" for n in range(120)], seconds=0.05, log=str(logs[0])))
    long = queue.add(Patient(ids=["x"], fail={"x": ["hang", "ok"]}, log=str(logs[1])))
    until(lambda: len(calls(logs[0])) > 20 and calls(logs[1]))
    system.kill("old", signal.SIGTERM)
    system.processes["old"].wait(20)
    assert system.processes["old"].returncode == 0
    for job in (short, long):
        record = system.queue.get(job.record.id).record
        assert (record.progress.failed, record.in_hand, record.status.is_final) == (0, 0, False)
    ledger = system.queue.ledger
    for name in ("tries", "suspects", "lapses"):
        assert not ledger.client.exists(ledger.keys(name, long.record.id), ledger.keys(name, short.record.id)), name

    system.worker("new", ["toy", "patient"])
    system.reconciler()
    for job in (short, long):
        job.wait(60)
    queue.close()
    assert Counter(Counter(what for what, _, _ in calls(logs[0])).values()) == {1: 120}
    assert len(calls(logs[1])) == 2, "what was handed back was begun again"
    assert system.queue.stats()["failed"] == 0


def test_old_workers_leave_new_jobs_alone(system: System, tmp_path: Path) -> None:
    """A job of a newer schema waits, with the reason, while others run; a worker that knows the schema takes it."""
    log = tmp_path / "calls"
    system.worker("old", ["toy"])
    system.reconciler()
    system.ready("old")
    system.queue.pause_all("toy")
    new = system.queue.add(Toy(ids=["a", "b"], log=str(log), tag="new-"))
    old = system.queue.add(Toy(ids=["a", "b"], log=str(log), tag="old-"))
    ledger = system.queue.ledger
    key = ledger.keys("job", new.record.id)
    ledger.client.hset(key, "schema", SCHEMA + 1)
    ledger.client.hdel(
        ledger.keys("job", old.record.id), "schema", "cost_nano", "min"
    )  # made before there was a schema
    system.queue.resume_all("toy")
    old.wait(30)
    until(lambda: int(ledger.client.hget(key, "resends") or 0) >= 2)
    record = system.queue.get(new.record.id).record
    assert (record.status.value, (record.wait_reason or {}).get("code")) == ("waiting", "newer_schema")
    assert {what for what, _, _ in calls(log)} == {"old-a", "old-b"}
    assert system.log("old").count(f"job {new.record.id} waits") == 1
    assert ledger.client.hget(ledger.keys("job", old.record.id), "schema") == str(SCHEMA).encode()

    ledger.client.hset(key, "schema", SCHEMA)  # what a worker of the newer code sees
    new.wait(60)
    assert system.queue.dead_letters().total == 0


def test_a_ticket_of_a_type_that_old_code_lacks_is_not_eaten(system: System) -> None:
    """It comes again, later each time, until a worker that knows the type takes it; a stranger's task is set aside."""
    system.worker("old", ["toy"], VOCAQUEUE_JOB_TYPES="tests.toys:OLD_JOB_TYPES")
    system.ready("old")
    job = system.queue.add(Noop(total=3))
    app = system.queue._office.app
    for _ in range(3):
        app.send_task("noop", (job.record.id, 1), task_id=job.record.id, queue="toy")
    app.send_task("nobody.knows", (job.record.id, 1), queue="toy")
    until(lambda: system.queue.dead_letters().total == 1)
    (letter,) = system.queue.dead_letters().items
    assert (letter.reason, letter.queue) == ("unknown_task", "toy")
    record = until(lambda: (r := system.queue.get(job.record.id).record).wait_reason and r)
    assert (record.status.value, record.wait_reason["code"]) == ("waiting", "unknown_type")
    assert system.log("old").count(f"job {job.record.id} waits") == 1
    assert "Traceback" not in system.log("old")

    system.worker("new", ["noop"])
    system.reconciler()
    job.wait(60)
    assert system.queue.dead_letters().total == 1
