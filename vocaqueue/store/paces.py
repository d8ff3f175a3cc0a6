"""How fast and how dear the newest jobs of a type were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..job import JobStatus
from .ledger import Ledger

NEWEST = 20  #: ended jobs that are looked at


@dataclass(frozen=True, slots=True)
class Pace:
    item_s: float | None = None  #: seconds that one slot takes for an item
    item_nano: float | None = None  #: billionths of a dollar that an item cost; None: none of them cost anything


def read_pace(ledger: Ledger, type_name: str, patience_s: float) -> Pace:
    """
    From the newest completed jobs of a type, each weighed by its items: two round trips.

    A job that mostly skipped its items says nothing of work, and is left out.
    """
    keys = ledger.keys

    def newest() -> Any:
        return ledger.client.zrange(keys("ended_of", type_name, JobStatus.COMPLETED.value), 0, NEWEST - 1, desc=True)

    job_ids = [job_id.decode() for job_id in ledger.patiently(newest, patience_s)]
    if not job_ids:
        return Pace()

    def read() -> Any:
        pipe = ledger.client.pipeline(transaction=False)
        for job_id in job_ids:
            pipe.hmget(keys("job", job_id), "pace", "completed", "skipped", "failed", "cost_nano")
        return pipe.execute()

    seconds = timed = cost = done = 0.0
    for found in ledger.patiently(read, patience_s):
        pace, completed, skipped, failed, cost_nano = (float(value or 0) for value in found)
        items = completed + failed
        if items and items >= skipped:
            if pace > 0:
                seconds, timed = seconds + (items + skipped) / pace, timed + items + skipped
            cost, done = cost + cost_nano, done + items
    return Pace(seconds / timed if timed else None, cost / done if cost else None)
