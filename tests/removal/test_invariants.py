"""Random lives in which jobs are removed and restored, held to the ledger's invariants."""

from __future__ import annotations

import os
import random

import pytest

from tests.model import invariants
from tests.model.real import Real
from vocaqueue import JobNotFound, WrongStatus
from vocaqueue.engine import removal as removal_module

PLACES = 16
SEEDS = range(int(os.environ.get("VOCAQUEUE_REMOVAL_SEEDS", "2")))


def check(queue) -> None:
    real = Real.read(queue.ledger.client, queue.ledger.keys.prefix)
    for job in real.jobs.values():
        invariants.inv_1_each_item_has_one_owner(job)
        invariants.inv_2_bits_are_the_counters(job)
        if not real.raw.get("gates") and not job.fields.get("held"):
            invariants.inv_8_somebody_owes_the_next_ticket(real, job, PLACES, None)
        invariants.inv_11_no_work_means_the_end(real, job)
        invariants.inv_14_leases_are_indexed(real, job)
    invariants.inv_13_indexes(real)
    binned = {entry.job_id for entry in queue.bin(limit=100).items}
    assert not binned & set(real.jobs), "20: in the bin and in the ledger"
    invariants.inv_20_nothing_is_left_of_the_removed(real, binned)
    invariants.inv_12_21_the_streams_tell_the_same(real)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_invariants_hold_while_jobs_come_and_go(queue, monkeypatch, seed):
    """
    After each act each job is whole and in its indexes and lines once, and what is in the bin is nowhere else.
    """
    monkeypatch.setattr(removal_module, "JOBS_IN_A_STEP", 3)
    chance = random.Random(seed)
    jobs: list[str] = []

    def some() -> str:
        return chance.choice(jobs)

    def run_one() -> None:
        waiting = [job.id for job in queue.jobs(statuses=["waiting"], limit=100).items]
        in_line = Real.read(queue.ledger.client, queue.ledger.keys.prefix).zset("line:toy:3")
        ready = [job_id for job_id in waiting if job_id in in_line]
        if ready:
            queue.run(chance.choice(ready), failing=chance.choice([0, 0, 1, 2]))

    acts = {
        "add": lambda: jobs.append(queue.waiting()),
        "later": lambda: jobs.append(queue.waiting(delay_s=3600)),
        "run": run_one,
        "cancel": lambda: queue.cancel(some()),
        "retry": lambda: queue.retry(some()),
        "pause": lambda: queue.pause(some()),
        "resume": lambda: queue.resume(some()),
        "remove": lambda: queue.remove(some()),
        "restore": lambda: queue.restore(chance.choice(queue.bin(limit=100).items).job_id),
        "clean": lambda: queue.clean(grace_s=0, limit=3),
        "empty": lambda: queue.empty(limit=4, delayed=chance.random() < 0.3),
        "hold": lambda: queue.pause_all("toy"),
        "release": lambda: queue.resume_all("toy"),
    }
    weights = {"add": 8, "run": 6, "restore": 6, "remove": 3}
    refused = 0
    for _ in range(20):
        acts["add"]()
    for _ in range(90):
        name = chance.choices(list(acts), [weights.get(name, 1) for name in acts])[0]
        try:
            acts[name]()
        except (JobNotFound, WrongStatus):
            refused += 1
        except IndexError:  # the bin is empty
            continue
        check(queue)
    assert refused < 80
    queue.resume_all("toy")
    while found := queue.bin(limit=100).items:
        queue.restore(found[0].job_id)
    check(queue)
    assert set(queue.raw()["jobs"]) == set(jobs)
