"""What the history of jobs keeps of them: their hash, their newest failures, the codes of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..job import JobRecord
from .jobs import record
from .ledger import Ledger

FAILURES = 200  #: newest of a job
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class JobState:
    job: JobRecord  #: with its newest failures
    codes: tuple[str, ...]  #: of all failures


def read_states(ledger: Ledger, job_ids: Sequence[str], *, patience_s: float = 2.0) -> dict[str, JobState]:
    """By id, in the order asked for; a job that is not there is left out."""
    found: dict[str, JobState] = {}
    for first in range(0, len(job_ids), AT_ONCE):
        part = job_ids[first : first + AT_ONCE]

        def read(part: Sequence[str] = part) -> Any:
            pipe = ledger.client.pipeline(transaction=False)
            for job_id in part:
                pipe.hgetall(ledger.keys("job", job_id))
                pipe.lrange(ledger.keys("errors", job_id), 0, FAILURES - 1)
                pipe.hkeys(ledger.keys("codes", job_id))
            return pipe.execute()

        answers = iter(ledger.patiently(read, patience_s))
        for job_id, raw, errors, codes in zip(part, answers, answers, answers, strict=True):
            if raw:
                found[job_id] = JobState(record(raw, errors), tuple(code.decode() for code in codes))
    return found
