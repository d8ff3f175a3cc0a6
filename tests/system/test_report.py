"""The finish step of a job that was stopped: its report is wanted, so the stop does not hurry it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.toys import Noop, NoopHandler
from vocaqueue import Context, JobType, QueueManager, create_celery_app
from vocaqueue.engine import runner
from vocaqueue.engine.runtime import Runtime, StopFlag
from vocaqueue.store.ledger import Ledger

queues: list[QueueManager] = []


class SlowReport(NoopHandler):
    def finish(self, ctx: Context) -> dict[str, Any]:
        queues[0].cancel(ctx.job_id)
        time.sleep(1.5)  # several beats, which say that the job is being stopped, and more than the grace
        return {"report": "written"}


TYPE = JobType(name="noop", params=Noop, handler="tests.system.test_report:SlowReport")


def test_a_stop_does_not_hurry_the_report(
    make_ledger: Callable[..., Ledger], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A finish step that takes longer than the grace of a stop is not handed back, and its result is kept.
    """

    def retire(why: str) -> None:
        raise AssertionError(why)

    settings = make_ledger(storage_url=f"file://{tmp_path}/files", lease_s=1.0, heartbeat_s=0.1).settings
    queue = QueueManager(settings, [TYPE])
    queues[:] = [queue]
    monkeypatch.setattr(runner, "CANCEL_GRACE_S", 0.3)
    monkeypatch.setattr(runner, "_runtime", None)
    runtime = Runtime(create_celery_app(settings, queue.job_types), settings, queue.job_types, StopFlag())
    monkeypatch.setattr(runtime, "retire", retire)
    runner.use(runtime)
    job = queue.add(Noop(total=1))
    for number in (1, 2, 3):  # plan, run, finish
        assert runner.run_ticket(TYPE, job.record.id, number, "here") == "worked"
    after = job.refresh().record
    assert (after.status.value, after.result) == ("cancelled", {"report": "written"})
    queue.close()
