"""Which jobs have changed: read from the streams of events, or, where these do not reach back, job by job."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..job import JobStatus
from .ledger import Ledger, ms_of

BEGIN = "0-0"
BATCH = 500
ACTIVE_MOST = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """Up to where both streams were read."""

    events: str = BEGIN
    progress: str = BEGIN


@dataclass(frozen=True, slots=True)
class Changes:
    job_ids: list[str]
    place: Place  #: after what was read
    read: int  #: entries


class JobChanges:
    def __init__(self, ledger: Ledger, patience_s: float = 2.0) -> None:
        self.ledger, self.client, self.patience_s = ledger, ledger.client, patience_s
        self.events, self.progress = ledger.keys("events"), ledger.keys("progress")

    def now(self) -> Place:
        """After all that there is."""
        return Place(*(self._last(stream) for stream in (self.events, self.progress)))

    def is_complete_after(self, place: Place) -> bool:
        """
        Whether the life of jobs since then is all there: nothing was trimmed, and the ledger did not go back.

        A ledger that lost its last second, or is another one, does not have the entry that was read last.
        """
        if place.events != BEGIN:
            return self._has(self.events, place.events)
        if self._last(self.events) == BEGIN:
            return True
        info = self._ask(lambda: self.client.xinfo_stream(self.events))
        return bool(info["length"] == info["entries-added"])

    def behind_ms(self, place: Place) -> int:
        """Age of the oldest event since then; 0 where there is none."""

        def ask() -> tuple[int, Any]:
            pipe = self.client.pipeline(transaction=False)
            pipe.time()
            pipe.xrange(self.events, f"({place.events}", "+", count=1)
            now, oldest = pipe.execute()
            return ms_of(now), oldest

        now_ms, oldest = self._ask(ask)
        return max(0, now_ms - int(oldest[0][0].partition(b"-")[0])) if oldest else 0

    def after(self, place: Place) -> Changes:
        """
        Jobs with an event since then, and those with failed items that got on; a job that was removed is among them.

        Progress that was trimmed is made good by asking which jobs are active.
        """
        found: dict[str, None] = {}
        if place.progress != BEGIN and not self._has(self.progress, place.progress):
            key = self.ledger.keys("by_status", JobStatus.ACTIVE.value)
            found |= dict.fromkeys(
                job_id.decode() for job_id in self._ask(lambda: self.client.zrevrange(key, 0, ACTIVE_MOST - 1))
            )
        read = self._ask(lambda: self.client.xread({self.events: place.events, self.progress: place.progress}, BATCH))
        last = {self.events: place.events, self.progress: place.progress}
        count = 0
        for key, entries in (read.items() if isinstance(read, dict) else read) or ():
            flat = entries[0] if entries and isinstance(entries[0], list) else entries
            name = key.decode() if isinstance(key, bytes) else key
            count += len(flat)
            for entry_id, fields in flat:
                last[name] = entry_id.decode()
                found |= dict.fromkeys(_jobs_of(fields))
        return Changes(list(found), Place(last[self.events], last[self.progress]), count)

    def walk(self, below_ms: int | None, most: int) -> tuple[list[str], int | None]:
        """
        Some jobs by creation, newest first, from this time back; and the time to go on at, None at the end.

        Of a time that is gone on at all jobs come again.
        """
        key, high = self.ledger.keys("jobs"), "+inf" if below_ms is None else below_ms
        number = most
        while True:
            page = self._ask(
                lambda number=number: self.client.zrange(
                    key, high, "-inf", desc=True, byscore=True, offset=0, num=number, withscores=True
                )
            )
            ids = [entry[0].decode() for entry in page]
            if len(page) < number:
                return ids, None
            low = int(page[-1][1])
            if low != below_ms:
                return ids, low
            number *= 2  # more jobs of one moment than one page holds

    def _has(self, stream: str, entry_id: str) -> bool:
        return bool(self._ask(lambda: self.client.xrange(stream, entry_id, entry_id, count=1)))

    def _last(self, stream: str) -> str:
        newest = self._ask(lambda: self.client.xrevrange(stream, count=1))
        return newest[0][0].decode() if newest else BEGIN

    def _ask(self, call: Any) -> Any:
        return self.ledger.patiently(call, self.patience_s)


def _jobs_of(fields: dict[bytes, bytes]) -> Sequence[str]:
    """The jobs that an entry is about and that the history must look at."""
    if b"removed" in fields:
        removed: list[str] = json.loads(fields[b"removed"])
        return removed
    job_id = fields[b"job"].decode()
    if not job_id:
        return ()
    if fields[b"event"] == b"job-progress" and not json.loads(fields[b"data"])["progress"]["failed"]:
        return ()  # nothing that lists are filtered by
    return (job_id,)
