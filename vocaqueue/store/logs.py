"""Reading a job's log."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ..errors import JobNotFound
from ..job import iso
from .ledger import Ledger


@dataclass(frozen=True, slots=True)
class LogLine:
    number: int  #: 1 for the job's first line; a gap is lines that were dropped before they could be kept
    at_ms: int  #: by the worker's clock
    level: str  #: debug, info, warning, error, critical
    message: str
    item_id: str | None  #: that was in hand when it was said, where that is known
    logger: str

    def as_dict(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "timestamp": iso(self.at_ms),
            "level": self.level,
            "message": self.message,
            "itemId": self.item_id,
            "logger": self.logger,
        }


@dataclass(frozen=True, slots=True)
class LogPage:
    lines: list[LogLine]  #: in the order in which they were written
    next: int  #: read on after this number, also when there is nothing more for now
    total: int  #: lines that are kept
    written: int  #: lines that there ever were


def read_log(ledger: Ledger, job_id: str, *, after: int, limit: int, patience_s: float) -> LogPage:
    """Lines whose number is above `after`. Raises JobNotFound."""
    answer = ledger.step("job_logs", patience_s=patience_s, id=job_id, after=after, limit=limit)
    if answer.state == "gone":
        raise JobNotFound(job_id)
    lines = [_line(raw) for raw in answer.data.get("lines", [])]
    return LogPage(lines, lines[-1].number if lines else after, answer.data["kept"], answer.data["written"])


def _line(raw: str) -> LogLine:
    number, _, rest = raw.partition(" ")
    return LogLine(int(number), *json.loads(rest))
