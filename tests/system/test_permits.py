"""What a child does with the permits of its lease: the runner and its ledger, in this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.toys import Noop, NoopHandler
from vocaqueue import Context, Item, JobFatal, JobType, Limits, Outcome, QueueManager, Rate, create_celery_app
from vocaqueue.engine import runner
from vocaqueue.engine.runtime import Runtime, StopFlag
from vocaqueue.store.ledger import Ledger

queues: list[QueueManager] = []


class SlowToLoad(NoopHandler):
    def load(self, indexes: Sequence[int], ctx: Context) -> list[Item]:
        time.sleep(0.3)  # ten times as long as a start may be late
        return super().load(indexes, ctx)


class Fatal(NoopHandler):
    def run(self, item: Item, ctx: Context) -> Outcome:
        raise JobFatal("no_credit", "Top it up.")


class Held(NoopHandler):
    def run(self, item: Item, ctx: Context) -> Outcome:
        queues[0].pause_all("noop")
        time.sleep(0.4)  # ten items would take twice as long as a chunk
        return Outcome.done()


def type_of(handler: str, rate: Rate | None, item_concurrency: int) -> JobType:
    limits = Limits(rate=rate, item_concurrency=item_concurrency)
    return JobType(name="noop", params=Noop, handler=f"tests.system.test_permits:{handler}", limits=limits)


@pytest.fixture
def begin(
    make_ledger: Callable[..., Ledger], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[JobType], QueueManager]]:
    def make(job_type: JobType) -> QueueManager:
        settings = make_ledger(storage_url=f"file://{tmp_path}/files", lease_s=1.0, heartbeat_s=0.1).settings
        queues[:] = [QueueManager(settings, [job_type])]
        monkeypatch.setattr(runner, "_runtime", None)
        app = create_celery_app(settings, queues[0].job_types)
        runner.use(Runtime(app, settings, queues[0].job_types, StopFlag()))
        return queues[0]

    yield make
    queues[0].close()


def test_permits_that_passed_while_the_items_were_read_are_replaced(
    begin: Callable[[JobType], QueueManager],
) -> None:
    """The chunk asks for others, and begins all that it has claimed."""
    job_type = type_of("SlowToLoad", Rate(100, 1.0), 4)
    job = begin(job_type).add(Noop(total=50))
    for number in (1, 2):  # plan, run
        assert runner.run_ticket(job_type, job.record.id, number, "here") == "worked"
    assert job.refresh().record.progress.completed == 4


def test_permits_that_a_chunk_does_not_use_go_back(begin: Callable[[JobType], QueueManager]) -> None:
    """The job ended with its first call: the next one of the type need not wait for those that were not made."""
    job_type = type_of("Fatal", Rate(10, 10.0), 1)
    queue = begin(job_type)
    job = queue.add(Noop(total=50))
    queue.ledger.client.hset(queue.ledger.keys("job", job.record.id), mapping={"pace": "100", "chunk": "100"})
    queue.limits.set("noop", rate=Rate(10, 1.0))
    for number in (1, 2):
        assert runner.run_ticket(job_type, job.record.id, number, "here") == "worked"
    key = queue.ledger.keys("cell", "type:noop")
    lease = next(
        lease for token in queue.ledger.client.scan_iter(queue.ledger.keys("lease", "*"))
        if (lease := queue.ledger.client.hgetall(token)).get(b"kind") == b"run"
    )  # fmt: skip
    assert int(lease[b"permits"]) > 5, "it was granted as many as a second allows"
    assert float(queue.ledger.client.hget(key, "tat")) - float(lease[b"since"]) < 250


def test_a_chunk_begins_nothing_more_once_its_type_is_held(begin: Callable[[JobType], QueueManager]) -> None:
    """It ends with what is in hand, long before its time is over."""
    job_type = type_of("Held", None, 1)
    job = begin(job_type).add(Noop(total=50))
    for number in (1, 2):
        assert runner.run_ticket(job_type, job.record.id, number, "here") == "worked"
    assert job.refresh().record.progress.completed <= 3
