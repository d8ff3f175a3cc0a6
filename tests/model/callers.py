"""Callers: they submit jobs, cancel them and take them away."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from .model import Job
from .world import FATE, FINISHES, World

JOB = {
    "kind": st.sampled_from(["beta", "beta", "alpha"]),
    "priority": st.integers(1, 4),
    "total": st.sampled_from([1, None, 0, 1, 2, None, 2, 3, 4, 8, 13, 130]),
    "attempts": st.integers(1, 4),
    "backoff_ms": st.sampled_from([200, 2000]),
    "delay": st.sampled_from([None, None, None, 500, 30_000]),
    "deadline": st.sampled_from([None, None, None, None, 3000, 60_000]),
    "fate": FATE,
}


class Callers(World):
    """Jobs come and go."""

    @initialize(
        places=st.sampled_from([1, 2, 3, 16]),
        first=st.integers(1, 6),
        chunk_max=st.sampled_from([50, 7, 1]),
        jobs=st.lists(st.fixed_dictionaries(JOB), min_size=1, max_size=2),
    )
    def begin(self, places: int, first: int, chunk_max: int, jobs: list[dict[str, Any]]) -> None:
        """There is a job from the start: Hypothesis leaves some rules out of each life, and this one must not be."""
        self.set_up(places, first, chunk_max)
        for job in jobs:
            self.submit(**job)

    @precondition(lambda self: len(self.model.jobs) < 5)
    @rule(**JOB)
    def submit(
        self,
        kind: str,
        priority: int,
        total: int | None,
        attempts: int,
        backoff_ms: int,
        delay: int | None,
        deadline: int | None,
        fate: str,
    ) -> None:
        priority = 1 if priority < 4 else 4  # so that the line is shared
        run_at = None if delay is None else self.now + delay
        job = Job(self.new("job"), kind, priority, total, attempts, backoff_ms, run_at, FINISHES[kind], deadline)
        answer = self.step(
            "job_create", fate, id=job.id, type=kind, priority=priority, params="{}", total=total, attempts=attempts,
            backoff_ms=job.backoff_ms, run_at=run_at, deadline_ms=deadline,
        )  # fmt: skip
        assert answer.state == "created"
        self.model.create(job, self.now)
        self.verify()

    def cancel(self, choice: int, fate: str) -> None:
        self.cancel_job(self.some_job(choice), fate)

    def cancel_job(self, job: Job, fate: str = "told") -> None:
        answer = self.step("job_cancel", fate, id=job.id, token=self.new("act"))
        if not self.model.cancel(job):
            assert answer.state == "refused"
            assert answer.data["status"] in job.status
        else:
            may = {"stopping"} if job.leases else {"cancelled"} if job.has_ended else {"stopping", "cancelled"}
            assert answer.state in may
        self.verify()

    def remove(self, choice: int) -> None:
        ended = [job for job in self.model.jobs.values() if job.has_ended]
        most = [job for job in ended if job.count("failed")]  # has the most keys
        jobs = (choice % 4 and (most or ended)) or list(self.model.jobs.values())
        job = jobs[choice % len(jobs)]
        answer = self.step("job_remove", id=job.id)
        assert answer.state == ("removed" if job.has_ended else "refused")
        if job.has_ended:
            self.model.remove(job)
        self.verify()
