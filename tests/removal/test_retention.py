"""Retention: ended jobs go by age and by number, for good and with their files."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from tests.system.systems import until
from tests.toys import JOB_TYPES
from vocaqueue import BadSettings, JobType, Registry, Retention
from vocaqueue.engine.housekeeping import Housekeeping
from vocaqueue.engine.reconciler import Reconciler
from vocaqueue.job import JobStatus

DAY_S = 86_400


def keeping(queue, **given):
    kept = [replace(job_type, retention=Retention(**given)) for job_type in JOB_TYPES]
    return Housekeeping(queue.settings, Registry(kept))


def test_what_is_kept_unless_a_type_says_otherwise():
    """
    Completed and cancelled jobs 30 days and 10,000 of a type, failed ones 90 days.
    """
    kept = JobType.__dataclass_fields__["retention"].default
    assert kept.of(JobStatus.COMPLETED) == kept.of(JobStatus.CANCELLED) == (30 * DAY_S, 10_000)
    assert kept.of(JobStatus.FAILED) == (90 * DAY_S, None)
    with pytest.raises(BadSettings, match="failed_s"):
        Retention(failed_s=-1)


def test_the_oldest_beyond_the_number_go(queue):
    """
    Of five completed jobs two are kept, the youngest; failed and cancelled ones have numbers of their own.
    """
    done = [queue.completed() for _ in range(5)]
    failed, cancelled = queue.completed(failing=3), queue.waiting()
    queue.cancel(cancelled)
    with queue.files.write(f"jobs/{done[0]}/words.csv") as out:
        out.write(b"x")
    keeper = keeping(queue, completed_most=2)
    assert keeper.retain() == 3
    assert set(queue.raw()["jobs"]) == {*done[3:], failed, cancelled}
    assert queue.files.list(f"jobs/{done[0]}") == []
    assert queue.mentions(done[0]) == []
    assert queue.bin().total == 0
    assert keeper.retain() == 0


def test_what_ended_too_long_ago_goes_by_status(queue):
    """
    An age of nothing takes what has ended, in that status only; jobs that have not ended stay whatever their age.
    """
    done, failed, waiting = queue.completed(), queue.completed(failing=3), queue.waiting()
    assert keeping(queue, completed_s=None, failed_s=None).retain() == 0
    assert keeping(queue, failed_s=0).retain() == 1
    assert keeping(queue, completed_s=3600).retain() == 0
    assert keeping(queue, completed_s=0).retain() == 1
    assert set(queue.raw()["jobs"]) == {waiting}
    assert queue.mentions(done) == queue.mentions(failed) == []


def test_a_restored_or_retried_job_does_not_go_at_once(queue):
    """
    Its age begins anew, or the retention that was due would take it away again.
    """
    restored, retried = queue.completed(), queue.completed(failing=1)
    old = {"ended:completed": 1000, "ended-of:toy:completed": 1000}
    for key, at in old.items():
        queue.ledger.client.zadd(queue.ledger.keys.prefix + key, {restored: at, retried: at})
    queue.remove(restored)
    queue.restore(restored)
    queue.retry(retried)
    assert keeping(queue, completed_s=3600).retain() == 0
    queue.run(retried)
    assert keeping(queue, completed_s=3600).retain() == 0


def test_types_that_are_not_registered_any_more_are_kept_as_by_default(queue):
    """
    Their jobs do not stay for ever.
    """
    job_id = queue.completed()
    for key in ("ended:completed", "ended-of:toy:completed"):
        queue.ledger.client.zadd(queue.ledger.keys.prefix + key, {job_id: 1000})
    assert Housekeeping(queue.settings, Registry([])).retain() == 1


def test_files_that_nobody_got_to_go_later(queue, housekeeping, monkeypatch):
    """
    A process that ends between the ledger's step and the files leaves their names; housekeeping removes them.
    """
    job_id = queue.completed()
    with queue.files.write(f"jobs/{job_id}/words.csv") as out:
        out.write(b"x")

    class Killed(BaseException):
        pass

    def dies(*_arguments):
        raise Killed

    monkeypatch.setattr(queue._removal, "remove_files", dies)
    with pytest.raises(Killed):
        queue.remove(job_id, skip_bin=True)
    assert queue.files.list(f"jobs/{job_id}") == ["words.csv"]
    housekeeping.once()
    assert queue.files.list(f"jobs/{job_id}") == []
    assert queue.mentions(job_id) == []


def test_the_reconciler_keeps_house(queue):
    """
    A reconciler that runs takes away what is due, beside its passes, and ends when it is told to.
    """
    job_id = queue.completed()
    for key in ("ended:completed", "ended-of:toy:completed"):
        queue.ledger.client.zadd(queue.ledger.keys.prefix + key, {job_id: 1000})
    stop = threading.Event()
    reconciler = Reconciler(queue.settings, queue.job_types)
    runs = threading.Thread(target=reconciler.run, args=(stop.is_set,))
    runs.start()
    until(lambda: not queue.present([job_id]))
    stop.set()
    runs.join(10)
    assert not runs.is_alive()
