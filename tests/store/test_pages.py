"""Pages of several indexes read as if they were one."""

from __future__ import annotations

import random
from typing import Any

import pytest

from vocaqueue.job import JobStatus
from vocaqueue.store.jobs import Jobs
from vocaqueue.store.ledger import Ledger

START = 1_800_000_000_000
TYPES = ("noop", "toy", "bulk")
STATUSES = (JobStatus.WAITING, JobStatus.DELAYED, JobStatus.CANCELLED)


def job_ids(ledger: Ledger, jobs: int, *, at_once: int) -> list[tuple[int, str, str, JobStatus]]:
    """Make jobs of all types, up to so many in one millisecond. Answers (time, id, type, status), newest first."""
    dice, now, made = random.Random(5), START, []
    while len(made) < jobs:
        now += dice.randrange(1, 50)
        for _ in range(dice.randrange(1, at_once + 1)):
            kind, status = dice.choice(TYPES), dice.choice(STATUSES)
            job_id = f"{kind}-{dice.randrange(16**8):08x}"
            given: dict[str, Any] = {"run_at": now + 10**9} if status is JobStatus.DELAYED else {}
            ledger.step("job_create", now=now, id=job_id, type=kind, priority=3, params="{}", total=1, attempts=1,
                        backoff_ms=1, **given)  # fmt: skip
            if status is JobStatus.CANCELLED:
                ledger.step("job_cancel", now=now, id=job_id, token=job_id)
            made.append((now, job_id, kind, status))
    return sorted(made, reverse=True)


@pytest.mark.parametrize("at_once", [1, 40])
def test_every_page_of_several_indexes_is_that_of_the_whole(ledger: Ledger, at_once: int) -> None:
    """
    All pages together are all the jobs once, newest first and by id within a millisecond, far down as at the top.
    """
    made = job_ids(ledger, 700, at_once=at_once)
    jobs = Jobs(ledger)
    for types, statuses in (((), STATUSES[1:]), (TYPES[:2], ()), (TYPES, STATUSES), (TYPES[:1], STATUSES[:2])):
        fitting = [
            job_id
            for _, job_id, kind, status in made
            if (not types or kind in types) and (not statuses or status in statuses)
        ]
        for limit in (7, 100):
            found: list[str] = []
            for number in range(1, -(-len(fitting) // limit) + 2):
                page = jobs.page(types=types, statuses=statuses, page=number, limit=limit, why=False)
                assert page.total == len(fitting)
                found += [job.id for job in page.items]
            assert found == fitting, (types, statuses, limit)


def test_a_page_beyond_the_end_is_empty(ledger: Ledger) -> None:
    """
    There is nothing after the last job, nor where an index has no job at all, and the total is still right.
    """
    jobs = Jobs(ledger)
    assert jobs.page(statuses=STATUSES, page=3).total == 0
    job_ids(ledger, 5, at_once=1)
    page = jobs.page(statuses=STATUSES, page=10**12, limit=100)
    assert (page.items, page.total) == ([], 5)


def test_far_down_little_is_read(ledger: Ledger) -> None:
    """
    A page in the middle of thousands of jobs sends about as many entries as one at the top.
    """
    indexes = [ledger.keys("by_status", name) for name in ("completed", "failed")]
    for at, index in enumerate(indexes):
        ledger.client.zadd(index, {f"toy-{at}-{n}": START + 3 * n + at for n in range(4000)})
    sent = [len(ledger.ask("page_read", indexes=indexes, first=first, limit=20)) for first in (0, 100, 4000, 7900)]
    assert max(sent[2:]) <= 2 + 2 * 2 * 25, sent
