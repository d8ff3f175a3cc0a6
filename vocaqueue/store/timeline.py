"""
What befell a job, in order: from its hash, the runs before, its `story`, and what the relay heard of its tickets.

The first three were written by the steps that did it. The chunks are what Celery's workers said to whom listened: of
tickets that ran while no relay did, or too many of all jobs ago, nothing is known here, and the timeline says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..errors import JobNotFound
from ..job import JobRecord, iso
from .jobs import record
from .keys import STORY_KEPT
from .ledger import Ledger

CHUNKS_SHOWN = 200  #: the newest
RUNS_KEPT = 20  #: as in lua/job_retry.lua
TASK_EVENTS_AT_ONCE = 1000
RELAY_LATE_MS = 60_000  #: how long after a job's end the relay may still hear of its last ticket

#: What a chunk is, by the last that was heard of its ticket; later ones win.
STATES = {
    "task-sent": "sent",
    "task-received": "received",
    "task-started": "running",
    "task-retried": "retried",
    "task-rejected": "rejected",
    "task-revoked": "revoked",
    "task-failed": "failed",
    "task-succeeded": "done",
}
ORDER = list(STATES.values())


@dataclass(frozen=True, slots=True)
class Entry:
    at_ms: int
    event: str  #: job-created, job-active, chunk …
    data: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        return {"timestamp": iso(self.at_ms), "event": self.event} | self.data


@dataclass(frozen=True, slots=True)
class Timeline:
    entries: list[Entry]  #: oldest first
    missing: list[str]  #: sentences: what is not in it any more; empty when all is

    @property
    def is_complete(self) -> bool:
        return not self.missing


def read_timeline(ledger: Ledger, job_id: str, *, patience_s: float) -> Timeline:
    """Raises JobNotFound."""
    keys = ledger.keys

    def read() -> Any:
        pipe = ledger.client.pipeline(transaction=True)
        pipe.hgetall(keys("job", job_id))
        pipe.lrange(keys("story", job_id), 0, -1)
        pipe.smembers(keys("leases", job_id))
        return pipe.execute()

    raw, story, tokens = ledger.patiently(read, patience_s)
    if not raw:
        raise JobNotFound(job_id)
    job = record(raw)
    chunks, missing = _chunks(ledger, job, [token.decode() for token in tokens], patience_s)
    entries = [*_hash_tells(job), *map(_story_tells, story), *chunks]
    if len(story) >= STORY_KEPT:
        missing.append(f"Of holds, waits and retries only the newest {STORY_KEPT} are kept.")
    if job.run > len(job.runs) + 1:
        missing.append(f"Of the runs before this one only the newest {RUNS_KEPT} are kept.")
    # What has one and the same time keeps the order in which it was said: a job is there before it starts.
    return Timeline(sorted(entries, key=lambda entry: entry.at_ms), missing)


def _hash_tells(job: JobRecord) -> Iterator[Entry]:
    yield Entry(job.created_at_ms, "job-created", {"createdBy": job.created_by, "scheduleId": job.schedule_id})
    for run in reversed(job.runs):
        yield from _run(run)
    progress = job.progress
    yield from _run(
        {
            "attempt": job.run,
            "status": job.status.value,
            "startedAt": iso(job.started_at_ms),
            "finishedAt": iso(job.finished_at_ms),
            "completed": progress.completed,
            "failed": progress.failed,
            "skipped": progress.skipped,
            "error": job.error,
        }
    )


def _run(run: dict[str, Any]) -> Iterator[Entry]:
    """The begin and the end of one run, where it had them."""
    if run["startedAt"]:
        yield Entry(_ms(run["startedAt"]), "job-active", {"attempt": run["attempt"]})
    if run["finishedAt"]:
        told = ("attempt", "completed", "failed", "skipped", "error")
        yield Entry(_ms(run["finishedAt"]), f"job-{run['status']}", {name: run[name] for name in told})


def _story_tells(line: bytes) -> Entry:
    at_ms, name, *more = json.loads(line)
    data = dict(more[0]) if more else {}
    if "run" in data:
        data["attempt"] = data.pop("run")
    if "runAt" in data:
        data["runAt"] = iso(int(data["runAt"]))
    return Entry(int(at_ms), name, data)


def _chunks(ledger: Ledger, job: JobRecord, tokens: list[str], patience_s: float) -> tuple[list[Entry], list[str]]:
    """The newest chunks with their workers, and what is not known of others."""
    heard, missing = _heard_of(ledger, job, patience_s)
    for lease in _leases(ledger, tokens, patience_s):
        chunk = heard.setdefault(
            int(lease["ticket"]),
            {"since": int(lease["since"]), "state": "running", "worker": lease["holder"].rpartition("/")[0]},
        )
        chunk |= {"kind": lease["kind"], "items": int(lease["count"])}
    if job.started_at_ms is not None and not heard:
        missing.append("No chunk is known: no relay listened, or it was too long ago.")
    return [_chunk(number, chunk) for number, chunk in heard.items()], missing


def _leases(ledger: Ledger, tokens: list[str], patience_s: float) -> list[dict[str, str]]:
    names = ("ticket", "since", "holder", "kind", "count")

    def read() -> Any:
        pipe = ledger.client.pipeline(transaction=False)
        for token in tokens:
            pipe.hmget(ledger.keys("lease", token), names)
        return pipe.execute()

    found = ledger.patiently(read, patience_s) if tokens else []
    return [
        {name: value.decode() for name, value in zip(names, values, strict=True)}
        for values in found
        if None not in values
    ]


def _heard_of(ledger: Ledger, job: JobRecord, patience_s: float) -> tuple[dict[int, dict[str, Any]], list[str]]:
    """What the relay heard of the job's tickets, by their numbers. Reads back from the job's end to its beginning."""
    key, task_id = ledger.keys("task_events"), job.id.encode()
    newest = "+" if job.finished_at_ms is None else str(job.finished_at_ms + RELAY_LATE_MS)
    heard: dict[int, dict[str, Any]] = {}
    first = ledger.patiently(lambda: ledger.client.xrange(key, count=1), patience_s)
    missing = []
    if first and (since := int(first[0][0].partition(b"-")[0])) > job.created_at_ms:
        missing.append(f"Chunks that ended before {iso(since)} are not known.")
    while True:
        page = ledger.patiently(
            lambda newest=newest: ledger.client.xrevrange(key, newest, job.created_at_ms, TASK_EVENTS_AT_ONCE),
            patience_s,
        )
        for _, fields in page:
            if fields[b"task"].startswith(task_id):
                _hear(heard, job.id, {name.decode(): value.decode() for name, value in fields.items()})
        if len(heard) > CHUNKS_SHOWN:
            kept = sorted(heard)[-CHUNKS_SHOWN:]
            return {number: heard[number] for number in kept}, [f"Only the newest {CHUNKS_SHOWN} chunks are shown."]
        if len(page) < TASK_EVENTS_AT_ONCE:
            return heard, missing
        newest = f"({page[-1][0].decode()}"


def _hear(heard: dict[int, dict[str, Any]], job_id: str, said: dict[str, str]) -> None:
    """One event of a ticket; its task id is the job's, or the job's with the ticket's number."""
    rest, at = said["task"][len(job_id) :], int(said["at"])
    number = 1 if not rest else int(rest[1:]) if rest[0] == "/" and rest[1:].isdecimal() else None
    if number is None or said["event"] not in STATES:
        return
    chunk = heard.setdefault(number, {"since": at, "state": "sent", "worker": None})
    chunk["since"] = min(chunk["since"], at)
    if said["event"] == "task-sent":
        return
    state = STATES[said["event"]]
    if ORDER.index(state) >= ORDER.index(chunk["state"]):
        chunk |= {"state": state, "worker": said["worker"]}
    if said["event"] == "task-started":
        chunk["started"] = at
    elif state not in {"received", "running"}:
        chunk["ended"] = at


def _chunk(number: int, chunk: dict[str, Any]) -> Entry:
    data = {
        "ticket": number,
        "worker": chunk["worker"],
        "state": chunk["state"],
        "finishedAt": iso(chunk.get("ended")),
        "kind": chunk.get("kind"),
        "items": chunk.get("items"),
    }
    return Entry(chunk.get("started", chunk["since"]), "chunk", data)


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)
