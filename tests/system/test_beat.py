"""What fires when: single passes on a ledger without workers, and real `celery beat` processes."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.toys import JOB_TYPES, Noop, Toy
from vocaqueue import JobParams, JobType, QueueManager
from vocaqueue.engine.beat import GIVEN_UP_MS, LONGEST_SLEEP_S, Firing
from vocaqueue.errors import VocaqueueError
from vocaqueue.registry import Prepared
from vocaqueue.store.ledger import Ledger

from .systems import ROOT, System, until

problems: list[Exception] = []


class Picky(JobParams):
    ids: tuple[str, ...] | None = None


def prepare(params: Picky) -> Prepared:
    if problems:
        raise problems[0]
    return Prepared(Picky(ids=("a",)))


PICKY = JobType(name="picky", params=Picky, handler="x:Y", items="ids", prepare="tests.system.test_beat:prepare")


@pytest.fixture
def queue(make_ledger: Callable[..., Ledger], tmp_path: Path) -> Iterator[QueueManager]:
    settings = make_ledger(storage_url=f"file://{tmp_path}/files").settings
    made = QueueManager(settings, [*JOB_TYPES, PICKY])
    problems.clear()
    yield made
    made.close()


def make_due(queue: QueueManager, schedule_id: str, ago_ms: int) -> int:
    """Say that the schedule has been due for so long; answers when."""
    due, keys, client = queue.now_ms() - ago_ms, queue.ledger.keys, queue.ledger.client
    client.hset(keys("schedule", schedule_id), "next", due)
    client.zadd(keys("schedule_due"), {schedule_id: due})
    return due


def test_a_due_schedule_makes_one_job_and_moves_on(queue: QueueManager) -> None:
    """
    The job says which run it is; the schedule says which job, and is due at its next time.
    """
    made = queue.schedules.add(Toy(ids=["a"]), every_s=3600, name="hourly", priority="high", created_by="me")
    Firing(queue).once()
    assert queue.jobs().total == 0
    due = make_due(queue, made.id, 5)
    firing = Firing(queue)
    firing.once()
    firing.once()
    (job,) = queue.jobs().items
    assert (job.schedule_id, job.due_at_ms, job.name, job.priority.label) == (made.id, due, "hourly", "high")
    assert job.created_by == f"schedule:{made.id}"
    after = queue.schedules.get(made.id)
    assert after.next_ms == made.next_ms
    assert (after.last["job"], after.last["due"]) == (job.id, due)
    assert queue.ledger.client.zcard(queue.ledger.keys("firings")) == 0


def test_runs_missed_while_everything_was_down_are_made_up_for_by_one(queue: QueueManager) -> None:
    """
    After an hour away a schedule of every second fires once and is due next in the future; after a few seconds, each.
    """
    made = queue.schedules.add(Noop(total=1), every_s=1)
    firing = Firing(queue)
    make_due(queue, made.id, 3_600_000)
    firing.fire(made.id, queue.schedules.get(made.id).next_ms)
    assert queue.jobs().total == 1
    assert queue.schedules.get(made.id).next_ms > queue.now_ms() - 1000
    due = make_due(queue, made.id, 3000)
    firing.fire(made.id, due)
    assert queue.schedules.get(made.id).next_ms <= due + 1000


def test_a_run_that_was_decided_and_not_submitted_is_made_good(queue: QueueManager, monkeypatch) -> None:
    """
    Whoever looks after a while submits it; the one that decided it and wakes up late does nothing more.
    """
    made = queue.schedules.add(Noop(total=1), every_s=3600)
    due = make_due(queue, made.id, 0)
    dies, works = Firing(queue), Firing(queue)
    with monkeypatch.context() as patch:
        patch.setattr(dies, "submit", lambda *_: None)
        dies.once()
    works.once()
    assert queue.jobs().total == 0, "it is not late yet"
    name = f"{made.id}@{due}"
    queue.ledger.client.zadd(queue.ledger.keys("firings"), {name: queue.now_ms() - 6000})
    works.once()
    assert queue.jobs().total == 1
    queue.cancel(queue.jobs().items[0].id)
    queue.remove(queue.schedules.get(made.id).last["job"])
    dies.submit(made.id, due, queue.now_ms())
    assert queue.jobs().total == 0


def test_two_who_see_the_same_run_make_one_job(queue: QueueManager) -> None:
    """
    The decision is compare and advance, and the submission is one step: whatever overlaps, there is one job.
    """
    made = queue.schedules.add(Noop(total=1), every_s=3600)
    due = make_due(queue, made.id, 0)
    one, two = Firing(queue), Firing(queue)
    one.fire(made.id, due)
    two.fire(made.id, due)
    two.submit(made.id, due, queue.now_ms())
    assert queue.jobs().total == 1


def test_a_schedule_that_cannot_fire_is_said_once_and_keeps_nobody_busy(queue: QueueManager, caplog) -> None:
    """
    A time zone that this machine does not know: one line, a rest of a second between passes, and the others fire.
    """
    wrong, right = (queue.schedules.add(Noop(total=1), every_s=3600) for _ in range(2))
    key = queue.ledger.keys("schedule", wrong.id)
    data = json.loads(queue.ledger.client.hget(key, "data"))
    queue.ledger.client.hset(
        key, "data", json.dumps(data | {"every_s": None, "cron": "0 4 * * *", "time_zone": "No/Zone"})
    )
    make_due(queue, wrong.id, 2000)
    make_due(queue, right.id, 1000)
    firing = Firing(queue)
    assert [firing.once(), firing.once()] == [LONGEST_SLEEP_S] * 2
    assert [job.schedule_id for job in queue.jobs().items] == [right.id]
    assert len([record for record in caplog.records if "cannot fire" in record.message]) == 1


def test_a_schedule_that_cannot_be_submitted_says_why_and_goes_on(queue: QueueManager) -> None:
    """
    Parameters that do not fit any more, and a unique job that still runs, are the last run's error.
    """
    made = queue.schedules.add(Noop(total=1), every_s=3600)
    queue.ledger.client.hset(
        queue.ledger.keys("schedule", made.id), "data", made.stored().replace('"total": 1', '"total": "many"')
    )
    make_due(queue, made.id, 0)
    other = queue.schedules.add(Toy(ids=["a"]), every_s=3600)
    make_due(queue, other.id, 0)
    Firing(queue).once()
    failed = queue.schedules.get(made.id)
    assert failed.as_dict()["lastRun"]["error"]["code"] == "invalid_params"
    assert failed.next_ms > queue.now_ms()
    assert queue.jobs().total == 1, "the other one fired"
    assert queue.ledger.client.zcard(queue.ledger.keys("firings")) == 0


def test_what_passes_is_tried_again_and_given_up_at_last(queue: QueueManager) -> None:
    """
    A database that is away leaves the run owed; a surprise is recorded after ten minutes.
    """
    made = queue.schedules.add(Picky(), every_s=3600)
    due = make_due(queue, made.id, 0)
    away = VocaqueueError("The words database does not answer.")
    away.code = "database_unavailable"
    problems[:] = [away]
    firing = Firing(queue)
    firing.once()
    assert queue.schedules.get(made.id).last is None
    problems[:] = [RuntimeError("a surprise")]
    decided = int(queue.ledger.client.zscore(queue.ledger.keys("firings"), f"{made.id}@{due}"))
    firing.submit(made.id, due, decided)
    assert queue.schedules.get(made.id).last is None
    firing.submit(made.id, due, decided - GIVEN_UP_MS)
    assert queue.schedules.get(made.id).last["error"] == {
        "code": "unexpected_error", "message": "RuntimeError: a surprise",
    }  # fmt: skip
    problems.clear()
    firing.submit(made.id, due, decided)
    assert queue.jobs().total == 0


def test_a_removed_schedule_fires_no_more(queue: QueueManager) -> None:
    """
    What was decided and not submitted is dropped with it.
    """
    made = queue.schedules.add(Noop(total=1), every_s=3600)
    due = make_due(queue, made.id, 0)
    queue.ledger.step("schedule_fire", id=made.id, version=1, due=due, next=due + 1)
    queue.schedules.remove(made.id)
    firing = Firing(queue)
    firing.submit(made.id, due, due)
    firing.once()
    assert queue.jobs().total == 0
    for key in ("firings", "schedule_due", "schedules"):
        assert queue.ledger.client.zcard(queue.ledger.keys(key)) == 0


def runs(system: System, schedule_id: str) -> list[int]:
    """When each run was due that has a job, in order; doubles are in it twice."""
    found: list[int] = []
    page: Any = None
    number = 1
    while page is None or number <= page.total_pages:
        page = system.queue.jobs(types=["noop"], page=number, limit=100)
        found += [job.due_at_ms for job in page.items if job.schedule_id == schedule_id]
        number += 1
    return sorted(found)


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_two_beats_and_a_kill(system: System) -> None:
    """
    With two real `celery beat` processes and one of them killed and started again, each second has exactly one job.
    """
    command = [sys.executable, "-m", "celery", "-A", "workers", "-q", "beat", "-l", "INFO"]
    starts = Counter[str]()

    def begun(name: str) -> None:
        starts[name] += 1
        until(lambda: system.log(name).count("beat: Starting...") >= starts[name], 60)

    for name in ("one", "two"):
        system._run(name, command)
    for name in ("one", "two"):
        begun(name)
    made = system.queue.schedules.add(Noop(total=0), every_s=1)
    until(lambda: len(runs(system, made.id)) >= 3, 60)
    for _ in range(2):
        system.kill("one")
        enough = len(runs(system, made.id)) + 2
        until(lambda enough=enough: len(runs(system, made.id)) >= enough)
        system.again("one")
        begun("one")
    system.kill("two")
    enough = len(runs(system, made.id)) + 8  # what the other one owes when it dies is there five seconds later
    until(lambda: len(runs(system, made.id)) >= enough)
    system.queue.schedules.update(made.id, enabled=False)
    until(lambda: system.queue.ledger.client.zcard(system.queue.ledger.keys("firings")) == 0)
    found = runs(system, made.id)
    assert Counter(found).most_common(1)[0][1] == 1
    assert found == list(range(found[0], found[-1] + 1, 1000)), "no second was left out"
    assert not list(ROOT.glob("celerybeat-schedule*"))


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_a_beat_outlives_its_server(system: System) -> None:
    """
    While the server is away it waits, and goes on afterwards in the same process.
    """
    system._run("beat", [sys.executable, "-m", "vocaqueue.cli.main", "beat"])
    made = system.queue.schedules.add(Noop(total=0), every_s=1)
    until(lambda: runs(system, made.id), 60)
    system.valkey.kill()
    until(lambda: "schedules wait" in system.log("beat"))
    system.valkey.restart()
    enough = len(runs(system, made.id)) + 2
    until(lambda: len(runs(system, made.id)) >= enough)
    assert system.processes["beat"].poll() is None
