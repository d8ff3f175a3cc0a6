"""Reading the event streams: the life of jobs and workers, and progress, in one order."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from redis.exceptions import ResponseError

from ..job import Progress, iso
from .ledger import Ledger

BLOCK_MS = 5000  #: below client.READ_TIMEOUT_S
BATCH = 500
BEGIN = "0-0"


@dataclass(frozen=True, slots=True)
class Event:
    """One event, as `QueueManager.on` hands it out and the stream sends it."""

    id: str  #: "<server run>.<stream id>"
    name: str  #: job-progress, job-completed, worker-online …
    job_id: str | None
    type: str | None
    at_ms: int
    status: str | None
    progress: Progress | None
    data: dict[str, Any]  #: what else belongs to this event

    @property
    def result(self) -> Any:
        return self.data.get("result")

    @property
    def error(self) -> dict[str, str] | None:
        return self.data.get("error")

    def as_dict(self) -> dict[str, Any]:
        """The data of the contract, camelCase."""
        shown: dict[str, Any] = {"timestamp": iso(self.at_ms)}
        if self.job_id:
            shown |= {"jobId": self.job_id, "type": self.type, "status": self.status}
        if self.progress is not None:
            shown["progress"] = self.progress.as_dict(with_errors=False)
        return shown | self.data


class EventLog:
    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.streams = (ledger.keys("events"), ledger.keys("progress"))

    def server_run(self) -> str:
        """Short id of the server's present run; another one may have forgotten the last second."""
        return str(self._ask(lambda: self.ledger.client.info("server"))["run_id"])[:8]

    def position(self) -> str:
        """The id after which everything is new."""
        raw = self._ask(lambda: self.ledger.client.get(self.ledger.keys("event_id")))
        return raw.decode() if raw else BEGIN

    def is_complete_after(self, position: str) -> bool:
        """Whether nothing after this position was trimmed from the streams."""
        return all(_order(position) >= self._trimmed_to(stream) for stream in self.streams)

    def read(self, position: str, server_run: str, *, block_ms: int | None = BLOCK_MS) -> list[Event]:
        """
        Events after a position, in order; waits up to `block_ms` for the first (None: does not wait).

        Raises:
            StoreUnavailable: At once when the server is away.

        What a batch leaves in one stream may be older than what it took from the other, so a full batch is cut at the
        last id that both are known to reach.
        """
        after = dict.fromkeys(self.streams, position)
        found = self._ask(lambda: self.ledger.client.xread(after, count=BATCH, block=block_ms), patience_s=0) or []
        batches = found.items() if isinstance(found, dict) else found
        events: list[Event] = []
        reach: list[tuple[int, int]] = []
        for _key, entries in batches:
            flat = entries[0] if entries and isinstance(entries[0], list) else entries
            events += [_event(entry_id.decode(), fields, server_run) for entry_id, fields in flat]
            if len(flat) == BATCH:
                reach.append(_order(flat[-1][0].decode()))
        events.sort(key=lambda event: _order(event.id.partition(".")[2]))
        if reach:
            events = [event for event in events if _order(event.id.partition(".")[2]) <= min(reach)]
        return events

    def _trimmed_to(self, stream: str) -> tuple[int, int]:
        """The last id that may be missing from the stream's beginning."""
        try:
            info = self._ask(lambda: self.ledger.client.xinfo_stream(stream))
        except ResponseError:  # no event was ever written
            return (0, 0)
        # Not "max-deleted-entry-id": the server keeps that for XDEL only, trimming leaves it alone.
        if info["length"] == info["entries-added"]:
            return (0, 0)
        if not info["length"]:
            return _order(info["last-generated-id"].decode())
        ms, seq = _order(info["first-entry"][0].decode())
        return (ms, seq - 1) if seq else (ms - 1, 2**63)

    def _ask(self, call: Callable[[], Any], patience_s: float = 2.0) -> Any:
        return self.ledger.patiently(call, patience_s)


def _order(stream_id: str) -> tuple[int, int]:
    ms, _, seq = stream_id.partition("-")
    return int(ms), int(seq or 0)


def _event(stream_id: str, fields: dict[bytes, bytes], server_run: str) -> Event:
    data = json.loads(fields[b"data"])
    progress = data.pop("progress", None)
    for name in ("result", "error"):
        if name in data:
            data[name] = json.loads(data[name])
    if isinstance(data.get("runAt"), int | float):
        data["runAt"] = iso(int(data["runAt"]))
    return Event(
        id=f"{server_run}.{stream_id}",
        name=fields[b"event"].decode(),
        job_id=fields[b"job"].decode() or None,
        type=fields[b"type"].decode() or None,
        at_ms=int(fields[b"at"]),
        status=data.pop("status", None),
        progress=None
        if progress is None
        else Progress(
            total=progress.get("total"),
            completed=progress["completed"],
            failed=progress["failed"],
            skipped=progress["skipped"],
            current_item=progress.get("current"),
            items_per_second=progress.get("rate"),
            eta_seconds=progress.get("eta"),
        ),
        data=data,
    )
