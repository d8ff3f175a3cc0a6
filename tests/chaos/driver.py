"""Runs a plan against a deployment: jobs are submitted all along, faults strike, and then everything has to end."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field

from tests.system.systems import until
from vocaqueue import JobNotFound, StoreUnavailable
from vocaqueue.job import Priority

from .deployment import Deployment
from .faults import Hit, Outage, World
from .plan import Plan, Timed
from .toys import AsyncCalls, PlainCalls, names_of


@dataclass
class Submitted:
    """One job: the intent is noted before the call, as whoever asks may not hear the answer."""

    tag: str
    total: int
    job_id: str | None = None  #: acknowledged; None when the answer was an error
    error: str | None = None


@dataclass
class Run:
    """What was done, and how it ended."""

    hits: list[Hit] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    submitted: list[Submitted] = field(default_factory=list)
    struck: list[tuple[float, str]] = field(default_factory=list)  #: (seconds from the start, fault)
    last_kill: float = 0.0
    last_fault: float = 0.0
    ended: float = 0.0
    problems: list[str] = field(default_factory=list)  #: of the test itself

    @property
    def kills(self) -> int:
        return sum("killed" in hit.fault for hit in self.hits)


class Driver:
    """
    Args:
        items: To be submitted in all, in `jobs` jobs, spread over the time of the plan.
        seconds: That each call takes.
    """

    def __init__(self, system: Deployment, plan: Plan, *, seed: int, items: int, jobs: int, seconds: float) -> None:
        self.system, self.plan, self.items, self.jobs, self.seconds = system, plan, items, jobs, seconds
        self.seed = seed
        self.run = Run()
        self.world = World(system, random.Random(f"victims {seed}"), self.run.hits, self.run.outages)
        self._began = 0.0

    def go(self, end_within_s: float) -> Run:
        """Strike everything, then wait until every job has ended. Raises AssertionError when some do not."""
        self._began = time.monotonic()
        threads = [
            threading.Thread(target=self._guarded, args=(self._strike, line), name=f"faults-{kind}", daemon=True)
            for kind, line in self.plan.lines.items()
        ]
        threads.append(threading.Thread(target=self._guarded, args=(self._submit, None), name="submitter", daemon=True))
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            self.world.look()
            time.sleep(0.25)  # the pace of the readings
        assert not self.run.problems, self.run.problems
        kills = [hit.at for hit in self.run.hits if "killed" in hit.fault]
        self.run.last_kill, self.run.last_fault = max(kills, default=0.0), time.time()
        try:
            until(self._all_ended, end_within_s, 0.25)
        except AssertionError:
            raise AssertionError(f"after {end_within_s:g} s without a fault: {self._unended()}") from None
        self.run.ended = max(job.record.finished_at_ms for job in self._jobs()) / 1000
        return self.run

    def _guarded(self, work, argument: object) -> None:
        try:
            work(argument)
        except Exception as error:
            self.run.problems.append(f"{threading.current_thread().name}: {type(error).__name__}: {error}")
            raise

    def _wait_for(self, at_s: float) -> None:
        time.sleep(max(0.0, self._began + at_s - time.monotonic()))

    def _strike(self, line: list[Timed]) -> None:
        for at_s, fault in line:
            self._wait_for(at_s)
            self.run.struck.append((time.monotonic() - self._began, fault.name))
            fault.strike(self.world)

    def _submit(self, _: object) -> None:
        """A third of the items at once in one job of low priority; the others in small jobs all along."""
        rng = random.Random(f"jobs {self.seed}")
        first = self.items // 3
        small = (self.items - first) // (self.jobs - 1)
        left, n = self.items, 0
        while left > 0:
            self._wait_for(n * self.plan.seconds / self.jobs)
            total = first if n == 0 else min(small, left)
            one = Submitted(f"j{n}", total)
            self.run.submitted.append(one)
            priority = Priority.LOW if n == 0 else rng.choice(list(Priority)[1:])
            params = {"address": self.system.provider.address, "tag": one.tag, "seconds": self.seconds}
            try:
                if rng.random() < 0.7:
                    job = self.system.queue.add(PlainCalls(total=total, **params), priority=priority)
                else:
                    job = self.system.queue.add(
                        AsyncCalls(ids=tuple(names_of(one.tag, total)), **params), priority=priority
                    )
                one.job_id = job.record.id
                left -= total
            except (StoreUnavailable, JobNotFound) as error:
                one.error = f"{type(error).__name__}: {error}"
            n += 1

    def _jobs(self) -> list:
        found, page = [], 1
        while True:
            listed = self.system.direct.jobs(page=page, limit=100)
            found += [self.system.direct.get(item.id) for item in listed.items]
            if page >= max(1, listed.total_pages):
                return found
            page += 1

    def _all_ended(self) -> bool:
        return all(job.record.status.is_final for job in self._jobs())

    def _unended(self) -> list[str]:
        client, keys = self.system.valkey.client, self.system.direct.ledger.keys
        return [
            f"{job.record.id}: {client.hgetall(keys('job', job.record.id))}, leases "
            f"{client.smembers(keys('leases', job.record.id))}"
            for job in self._jobs()
            if not job.record.status.is_final
        ]
