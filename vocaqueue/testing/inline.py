"""
A worker inside the test's own process: what the test patches counts, and a debugger stops in the handler.

    queue.add(SendLetters(letter_ids=["a"]))
    InlineWorker(queue).run()

It makes the same claims and commits as a worker's child, one chunk after the other, with the passes of the reconciler
in between. What only a real worker has (time limits that kill, several children) is not there.
"""

from __future__ import annotations

import time
from typing import NoReturn

from ..engine import job_log, runner
from ..engine.queue import QueueManager
from ..engine.reconciler import Reconciler
from ..engine.runtime import Runtime, StopFlag
from ..job import JobRecord, JobStatus

LOOK_EVERY_S = 0.05
DUE = ("retry_due", "job_due", "limit_due")


class DoesNotEnd(Exception):
    """A handler's thread does not end, which a real worker would end by leaving its child."""


class _Inside(Runtime):
    def retire(self, why: str) -> NoReturn:
        raise DoesNotEnd(why)


class InlineWorker:
    """
    Args:
        queue: Whose jobs it runs; no other worker should.
    """

    def __init__(self, queue: QueueManager) -> None:
        self.queue = queue
        self._reconciler = Reconciler(queue.settings, queue.job_types)
        self._runtime = _Inside(self._reconciler.office.app, queue.settings, queue.job_types, StopFlag())

    def run(self, timeout_s: float = 30.0) -> int:
        """
        Run all jobs until nothing is left that may run now or comes due within the time, tries after a back-off too.

        Returns:
            How many chunks and steps were run.

        Raises:
            TimeoutError: There is still work after that time.
            DoesNotEnd: An item is not done after its time-out.
        """
        end, worked = time.monotonic() + timeout_s, 0
        while True:
            self._reconciler.once()
            now = sum(self._use_ticket(job) for job in self._jobs())
            worked += now
            if now:
                if time.monotonic() > end:
                    raise TimeoutError(f"there is still work after {timeout_s:g} s")
                continue
            if not self._comes_due(end - time.monotonic()):
                return worked
            time.sleep(LOOK_EVERY_S)

    def _jobs(self) -> list[JobRecord]:
        """The most urgent first, then the oldest."""
        found = self.queue.jobs(statuses=[JobStatus.WAITING, JobStatus.ACTIVE], limit=100).items
        return sorted(found, key=lambda job: (job.priority, job.created_at_ms))

    def _use_ticket(self, job: JobRecord) -> bool:
        ledger = self.queue.ledger
        number = ledger.client.hget(ledger.keys("job", job.id), "line")
        if not number or job.type not in self.queue.job_types.names:
            return False
        before, runner._runtime = runner._runtime, self._runtime
        undo = job_log.install()
        try:
            said = runner.run_ticket(self.queue.job_types.get(job.type), job.id, int(number), "inline")
        finally:
            undo()
            runner._runtime = before
        return said in {"worked", "refused"}

    def _comes_due(self, within_s: float) -> bool:
        """Whether a try, a delayed job or a rate lets something run within that time."""
        ledger = self.queue.ledger
        last = ledger.now_ms() + round(within_s * 1000)
        return within_s > 0 and any(ledger.client.zcount(ledger.keys(name), "-inf", last) for name in DUE)
