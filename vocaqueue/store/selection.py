"""Choosing many jobs by the indexes, a page at a time, and reading what decides what may be done with them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..job import JobStatus
from .gates import Gates
from .jobs import HELD, Jobs
from .ledger import Ledger

PAGE = 1000
FACTS = (
    "type", "status", "name", "created_by", "labels", "held", "stop", "in_hand", "total", "completed", "failed",
    "skipped", "turn",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Facts:
    """What of a job decides whether an act is possible, and what it is listed with."""

    id: str
    type: str
    status: JobStatus
    shown: JobStatus  #: what everybody sees: `paused` while its type is held
    name: str | None
    created_by: str | None
    labels: tuple[str, ...]
    is_held: bool
    is_stopping: bool
    turn: int
    failed: int
    left: int  #: items that are not settled; 1 while the number of items is not known


class Selection:
    def __init__(self, ledger: Ledger, patience_s: float = 2.0) -> None:
        self.ledger, self.keys, self.client = ledger, ledger.keys, ledger.client
        self.patience_s = patience_s

    def ended(self, status: JobStatus, type_name: str | None, before_ms: int, most: int | None = None) -> list[str]:
        """Jobs that ended in this status (or were restored) before a time, oldest first."""
        key = self.keys("ended", status.value) if type_name is None else self._ended_of(type_name, status)
        return self._walk(key, before_ms, most)

    def surplus(self, type_name: str, status: JobStatus, keep: int, most: int) -> list[str]:
        """The oldest of a type's jobs that ended in this status, where there are more than `keep`; at most `most`."""
        key = self._ended_of(type_name, status)
        over = int(self.ledger.patiently(lambda: self.client.zcard(key), self.patience_s)) - keep
        if over <= 0:
            return []
        found = self.ledger.patiently(lambda: self.client.zrange(key, 0, min(over, most) - 1), self.patience_s)
        return [job_id.decode() for job_id in found]

    def in_status(self, statuses: Sequence[JobStatus], type_name: str | None) -> list[str]:
        """Jobs in these statuses by the ledger's own indexes, newest first."""
        found: list[str] = []
        for status in statuses:
            key = (
                self.keys("by_status", status.value)
                if type_name is None
                else self.keys("by_type_status", type_name, status.value)
            )
            found += reversed(self._walk(key, "+inf", None))
        return list(dict.fromkeys(found))

    def listed(self, types: Sequence[str], statuses: Sequence[JobStatus], most: int) -> list[str]:
        """Jobs that a list with this filter shows, oldest first in each status; at most `most` and one more."""
        jobs = Jobs(self.ledger, self.patience_s)
        found: list[str] = []
        for key in jobs._indexes(types, statuses, jobs.gates()):
            found += self._walk(key, "+inf", most + 1 - len(found))
            if len(found) > most:
                break
        return list(dict.fromkeys(found))

    def facts(self, job_ids: Sequence[str]) -> dict[str, Facts]:
        """By id, in the order asked for; a job that is not there is left out."""
        gates = Jobs(self.ledger, self.patience_s).gates()
        found: dict[str, Facts] = {}
        for first in range(0, len(job_ids), PAGE):
            part = job_ids[first : first + PAGE]

            def read(part: Sequence[str] = part) -> Any:
                pipe = self.client.pipeline(transaction=False)
                for job_id in part:
                    pipe.hmget(self.keys("job", job_id), FACTS)
                return pipe.execute()

            for job_id, raw in zip(part, self.ledger.patiently(read, self.patience_s), strict=True):
                if raw[0] is not None:
                    found[job_id] = _facts(job_id, raw, gates)
        return found

    def present(self, job_ids: Sequence[str]) -> set[str]:
        """Those that the ledger has."""

        def read() -> Any:
            pipe = self.client.pipeline(transaction=False)
            for job_id in job_ids:
                pipe.exists(self.keys("job", job_id))
            return pipe.execute()

        answers = self.ledger.patiently(read, self.patience_s)
        return {job_id for job_id, there in zip(job_ids, answers, strict=True) if there}

    def types(self) -> list[str]:
        """Every type that ever had a job."""
        key = self.keys("types")
        return sorted(t.decode() for t in self.ledger.patiently(lambda: self.client.smembers(key), self.patience_s))

    def _ended_of(self, type_name: str, status: JobStatus) -> str:
        return self.keys("ended_of", type_name, status.value)

    def _walk(self, key: str, last: int | str, most: int | None) -> list[str]:
        """Members by growing score, a page at a time: no reading holds the server up, however long the index is."""
        found: dict[str, None] = {}
        low: float | str = "-inf"
        at_low = 0  # members already read that have the score `low`
        while most is None or len(found) < most:

            def read(low: float | str = low, at_low: int = at_low) -> Any:
                return self.client.zrange(
                    key, low, last, byscore=True, offset=at_low, num=PAGE, withscores=True
                )  # fmt: skip

            page = [(entry[0].decode(), float(entry[1])) for entry in self.ledger.patiently(read, self.patience_s)]
            found |= dict.fromkeys(job_id for job_id, _ in page)
            if len(page) < PAGE:
                break
            top = page[-1][1]
            at_low = sum(score == top for _, score in page) + (at_low if low == top else 0)
            low = top
        return list(found)[:most]


def _facts(job_id: str, raw: Sequence[bytes | None], gates: Gates) -> Facts:
    values = {name: value.decode() for name, value in zip(FACTS, raw, strict=True) if value}
    status, kind = JobStatus(values["status"]), values["type"]
    is_seen_held = gates.is_shut(kind) and status in HELD and not int(values.get("in_hand", 0))
    settled = sum(int(values.get(name, 0)) for name in ("completed", "failed", "skipped"))
    return Facts(
        id=job_id,
        type=kind,
        status=status,
        shown=JobStatus.PAUSED if is_seen_held else status,
        name=values.get("name"),
        created_by=values.get("created_by"),
        labels=tuple(json.loads(values.get("labels", "[]"))),
        is_held="held" in values,
        is_stopping="stop" in values,
        turn=int(values["turn"]),
        failed=int(values.get("failed", 0)),
        left=int(values["total"]) - settled if "total" in values else 1,
    )


def forget_files(ledger: Ledger, job_ids: Iterable[str], patience_s: float = 2.0) -> None:
    """The files of these removed jobs are gone."""
    members = list(job_ids)
    if members:
        ledger.patiently(lambda: ledger.client.srem(ledger.keys("file_orphans"), *members), patience_s)


def file_orphans(ledger: Ledger, most: int, patience_s: float = 2.0) -> list[str]:
    """Some of the jobs that were removed for good and whose files are still to go."""
    key = ledger.keys("file_orphans")
    found = ledger.patiently(lambda: ledger.client.srandmember(key, most), patience_s)
    return [job_id.decode() for job_id in found]
