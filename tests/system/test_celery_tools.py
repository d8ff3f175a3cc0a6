"""Celery's own commands, each run as a subprocess against live workers, show and steer the same system."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.toys import Bulk, Noop, Parallel, Toy, calls

from .systems import ROOT, System, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def celery(system: System, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "workers", *words],
        cwd=ROOT,
        env=os.environ | system.env | {"PYTHONWARNINGS": "ignore", "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert not check or done.returncode == 0, (words, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr, (words, done.stderr)
    return done


def inspect(system: System, *words: str) -> dict[str, Any]:
    return json.loads(celery(system, "inspect", "--json", *words).stdout)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One worker for `toy`, `bulk` and `noop`, none for `parallel`; a reconciler."""
    system = System(tmp_path_factory.mktemp("tools"))
    system.worker("main", ["toy", "bulk", "noop"])
    system.reconciler()
    system.ready("main")
    yield system
    system.stop()


def _name(system: System, worker: str = "main") -> str:
    return f"{worker}@{os.uname().nodename}"


def _ticket_jobs(reply: dict[str, Any]) -> set[str]:
    return {task["id"].partition("/")[0] for tasks in reply.values() for task in tasks}


def test_inspect_status_and_report_show_the_running_system(running: System, tmp_path: Path) -> None:
    """Workers, their queues, tasks and slots, and the ticket being worked on, are there for all who look."""
    job = running.queue.add(Toy(ids=[f"i{n}" for n in range(20_000)], seconds=0.01))
    until(lambda: running.queue.get(job.record.id).record.status == "active")
    words = [("active",), ("reserved",), ("scheduled",), ("active_queues",), ("stats",), ("registered",), ("ping",)]
    with ThreadPoolExecutor(4) as pool:
        replies = dict(zip((w[0] for w in words), pool.map(lambda w: inspect(running, *w), words), strict=True))
        status, report = pool.map(lambda word: celery(running, word).stdout, ("status", "report"))
    name = _name(running)
    assert {reply for reply in replies.values() for reply in reply} == {name}
    assert _ticket_jobs(replies["active"]) == {job.record.id}
    assert replies["active"][name][0]["name"] == "toy"
    assert replies["scheduled"][name] == []
    assert {queue["name"] for queue in replies["active_queues"][name]} == {"toy", "bulk", "noop"}
    assert replies["stats"][name]["pool"]["max-concurrency"] == 2
    assert {"toy", "bulk", "noop", "parallel"} <= {task.partition(" ")[0] for task in replies["registered"][name]}
    assert replies["ping"][name] == {"ok": "pong"}
    assert name in status
    assert "1 node online" in status
    assert "software -> celery:5.7" in report
    running.queue.cancel(job.record.id)
    until(lambda: running.queue.get(job.record.id).record.status == "cancelled")


def test_purge_cancels_what_waits_and_nothing_else(running: System) -> None:
    """`purge -Q` cancels the type's waiting jobs; held, delayed and other types' jobs stay."""
    queue = running.queue
    waiting = [queue.add(Parallel(ids=["a"])).record.id for _ in range(40)]
    held = queue.add(Parallel(ids=["a"]))
    queue.pause(held.record.id)
    delayed = queue.add(Parallel(ids=["a"]), delay_s=3600)
    urgent = queue.add(Parallel(ids=["a"]), priority="critical").record.id
    other = queue.add(Noop(total=1), delay_s=3600)

    done = celery(running, "purge", "-f", "-Q", "parallel")
    purged = re.search(r"Purged (\d+) messages from 1 known task queue", done.stdout)
    assert purged, done.stdout
    assert int(purged[1]) >= 17, "sixteen of a line, the urgent one, and perhaps tickets that counted no more"
    assert "purged parallel: 41 waiting jobs cancelled" in done.stderr
    for job_id in (*waiting, urgent):
        record = queue.get(job_id).record
        assert (record.status.value, (record.error or {}).get("code")) == ("cancelled", "purged")
    assert [queue.get(job.record.id).record.status.value for job in (held, delayed, other)] == [
        "paused",
        "delayed",
        "delayed",
    ]
    again = celery(running, "purge", "-f", "-Q", "parallel")
    assert "No messages purged" in again.stdout
    for job in (held, delayed, other):
        running.queue.cancel(job.record.id)


def test_purge_of_everything_lets_active_jobs_go_on(running: System, tmp_path: Path) -> None:
    """Without -Q every queue is purged; a job that has begun works on to its end, each item once."""
    log = tmp_path / "calls"
    job = running.queue.add(Toy(ids=[f"i{n}" for n in range(300)], seconds=0.02, log=str(log)))
    waiting = running.queue.add(Parallel(ids=["a"]))
    until(lambda: running.queue.get(job.record.id).record.progress.completed > 10)
    celery(running, "purge", "-f")
    assert running.queue.get(waiting.record.id).record.status == "cancelled"
    job.wait(60)
    assert len(calls(log)) == 300


def test_a_held_type_keeps_its_jobs_through_a_purge(running: System) -> None:
    """What is held has no message in the broker and stays."""
    running.queue.pause_all("parallel")
    try:
        job = running.queue.add(Parallel(ids=["a"]))
        celery(running, "purge", "-f", "-Q", "parallel")
        assert running.queue.get(job.record.id).record.status == "paused"
        running.queue.cancel(job.record.id)
    finally:
        running.queue.resume_all("parallel")


def test_revoke_cancels_the_job_and_a_retry_runs(running: System) -> None:
    """`control revoke JOB_ID` cancels a running job and one that waits; a retry runs though the id is remembered."""
    job = running.queue.add(Toy(ids=[f"i{n}" for n in range(2000)], seconds=0.01))
    waits = running.queue.add(Parallel(ids=["a"]))
    until(lambda: running.queue.get(job.record.id).record.progress.completed > 0)
    # The number that its next ticket will have, also after the retry.
    coming = int(running.queue.ledger.client.hget(running.queue.ledger.keys("job", waits.record.id), "line")) + 1
    done = celery(running, "control", "revoke", job.record.id, f"{waits.record.id}/{coming}")
    assert f"cancelled: {', '.join(sorted([job.record.id, waits.record.id]))}" in done.stdout
    ended = until(lambda: (r := running.queue.get(job.record.id).record).status.is_final and r)
    assert (ended.status, ended.progress.failed) == ("cancelled", 0)
    assert running.queue.get(waits.record.id).record.status == "cancelled"
    assert ended.progress.completed < 2000

    running.queue.retry(job.record.id)
    until(lambda: running.queue.get(job.record.id).record.progress.completed > ended.progress.completed, 20)
    running.queue.cancel(job.record.id)
    running.queue.retry(waits.record.id)
    assert running.queue.ledger.client.hget(running.queue.ledger.keys("job", waits.record.id), "line") == b"%d" % coming
    celery(running, "control", "add_consumer", "parallel")
    running.queue.get(waits.record.id).wait(30)
    celery(running, "control", "cancel_consumer", "parallel")
    until(lambda: running.queue.get(job.record.id).record.status.is_final)


@pytest.mark.parametrize(("items", "times"), [(3, 1), (1, 3)])
def test_terminate_ends_the_child_at_once_and_blames_nobody(
    running: System, items: int, times: int, tmp_path: Path
) -> None:
    """Ended with a signal, three times alone in hand too, no item has failed, and the job can be retried."""
    log = tmp_path / "calls"
    job = running.queue.add(Toy(ids=[str(n) for n in range(items)], seconds=30.0, log=str(log)))
    for again in range(times):
        before = len(calls(log))
        until(lambda before=before: len(calls(log)) > before)
        celery(running, "control", "terminate", "KILL", job.record.id)
        ended = until(lambda: (r := running.queue.get(job.record.id).record).status.is_final and r, 8)
        assert (ended.status, ended.progress.failed, ended.progress.completed) == ("cancelled", 0, 0)
        if again < times - 1:
            running.queue.retry(job.record.id)
    assert not running.queue.ledger.client.exists(running.queue.ledger.keys("suspects", job.record.id))


def test_pool_grow_and_shrink_change_the_slots_that_the_ledger_knows(running: System) -> None:
    """One child more, one less; the size of claims follows."""

    def slots() -> int:
        return running.queue.slots()["bulk"][_name(running)][0]

    until(lambda: slots() == 2)
    assert "pool will grow" in celery(running, "control", "pool_grow", "1").stdout
    until(lambda: slots() == 3)
    running.queue.add(Bulk(ids=["a", "b"])).wait(30)
    assert "pool will shrink" in celery(running, "control", "pool_shrink", "1").stdout
    until(lambda: slots() == 2)


def test_remote_shutdown_is_graceful(running: System, tmp_path: Path) -> None:
    """The worker ends by itself, hands back what it had not begun, and nothing counts as a failure or twice."""
    log = tmp_path / "calls"
    running.worker("leaving", ["phased", "unloadable", "toy"])
    running.ready("leaving")
    job = running.queue.add(Toy(ids=[f"i{n}" for n in range(400)], seconds=0.02, log=str(log)))
    until(lambda: len({pid for _, pid, _ in calls(log)}) >= 3)
    celery(running, "control", "shutdown", "-d", _name(running, "leaving"), check=False)
    until(lambda: running.processes["leaving"].poll() is not None, 20)
    assert running.processes["leaving"].returncode == 0
    job.wait(60)
    record = running.queue.get(job.record.id).record
    assert (record.progress.completed, record.progress.failed, len(calls(log))) == (400, 0, 400)
    assert _name(running, "leaving") not in running.queue.slots()["toy"]
