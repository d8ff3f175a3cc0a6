"""Server-sent events on flask-sse's blueprint and message format, fed by the hub, with replay by Last-Event-ID."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

from flask import Response, request
from flask_sse import Message, ServerSentEventsBlueprint

from ..errors import JobNotFound, StoreUnavailable
from ..job import JobRecord, iso
from .answers import media
from .guard import Authorize, GuardedBlueprint
from .hub import Frame, Hub, Inbox, Order, Place, frame_of, order_of

RETRY_MS = 2000  #: after which a browser comes back
AGAIN_S = 0.5
EVENT_ID = re.compile(r"([0-9a-f]{8})\.(\d{1,15}-\d{1,15})")
#: Behind the job's end by more than this, an id cannot come before the job's terminal event.
LONG_AFTER_MS = 60_000


class Comment(Message):  # type: ignore[misc]
    """A line that clients ignore; it keeps proxies awake and shows us who has left."""

    def __init__(self, text: str, retry_ms: int | None = None) -> None:
        super().__init__("", retry=retry_ms)
        self.text = text

    def __str__(self) -> str:
        return (f"retry:{self.retry}\n" if self.retry else "") + f": {self.text}\n\n"


class EventsBlueprint(GuardedBlueprint, ServerSentEventsBlueprint):  # type: ignore[misc]
    """`/events` and `/events/job/{id}`."""

    def __init__(self, name: str, hub: Hub, *, authorize: Authorize) -> None:
        super().__init__(name, __name__, authorize=authorize)
        self.hub = hub
        events = media("text/event-stream", X_Accel_Buffering="no")
        again = {"Last-Event-ID": "Id of the last event that was seen; what came after it is sent first."}
        for rule, endpoint, view, answer in (
            ("", "stream", self.stream, events),
            ("/job/<job_id>", "job_stream", self.job_stream, {200: events, 204: None}),
        ):
            self.add_url_rule(
                rule,
                endpoint,
                view,
                role="viewer",
                answer=answer,
                methods=["GET"],
                described={"headers": again},
            )

    def publish(self, *_arguments: Any, **_options: Any) -> None:
        """Events come from the ledger only, in the step that makes the change."""
        raise NotImplementedError("events are appended by the ledger; nobody publishes them")

    def stream(self) -> Response:
        """All events, as they come."""
        return self._streaming(self.messages(last_id=_last_id()))

    def job_stream(self, job_id: str) -> Response:
        """A job's events until it ends. 204: it has, and the client knows."""
        try:
            job = self.hub.queue.get(job_id).record
            if job.status.is_final and self._knows_the_end(job, _last_id()):
                return Response(status=204, headers={"Cache-Control": "no-store"})
        except StoreUnavailable:
            pass  # an EventSource gives up on 503, so the stream begins and waits for the job store
        return self._streaming(self.messages(channel=job_id, last_id=_last_id()))

    def messages(self, channel: str | None = None, last_id: str | None = None) -> Iterator[Message]:
        """
        Everything after `last_id`, without a gap and nothing twice; without one, everything from now on.

        Args:
            channel: A job's id; None: of all jobs and workers.
            last_id: As the client was told it; any text is fine.
        """
        with self.hub.subscribe(channel) as inbox:
            yield Comment("hello", RETRY_MS)
            beat = _Heartbeat(self.hub.heartbeat_s)
            seen: Order | None = None
            for message in self._beginning(inbox, last_id, beat):
                yield message
                beat.sent()
                if isinstance(message, Frame):
                    seen = message.order or seen
                    if channel and message.ends:
                        return
            while not inbox.closed:
                frame = inbox.get(beat.left_s)
                if frame is None:
                    if not inbox.closed and beat.left_s <= 0:
                        yield beat.message()
                    continue
                if frame.type == "reset":
                    seen = frame.order
                elif frame.order is not None and seen is not None and frame.order <= seen:
                    continue  # the replay had it
                yield frame
                beat.sent()
                if channel and frame.ends:
                    return

    def _streaming(self, messages: Iterator[Message]) -> Response:
        return Response(
            (str(message).encode(errors="replace") for message in messages),
            mimetype="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    def _beginning(self, inbox: Inbox, last_id: str | None, beat: _Heartbeat) -> Iterator[Message]:
        """What comes before the live events; it waits for a job store that is away."""
        at = last_id
        while not inbox.closed:
            try:
                for message in self._replay(inbox.job_id, at):
                    at = message.id or at
                    yield message
                return
            except JobNotFound:
                inbox.close()
                return
            except Exception:  # of whatever kind the job store's client raises; the hub's log says which
                time.sleep(AGAIN_S)
                if beat.left_s <= 0:
                    yield beat.message()

    def _replay(self, job_id: str | None, last_id: str | None) -> Iterator[Frame]:
        if last_id is not None and (place := self._resumable(last_id)):
            for frame in self._since(place):
                if job_id in {None, frame.job_id}:
                    yield frame
        elif last_id is not None and job_id is None:
            yield self.hub.reset()
        elif job_id is not None:
            place = self.hub.now()  # before the job is read: whatever comes later is sent
            job = self.hub.queue.get(job_id).record
            if job.status.is_final:
                yield _end_of(job, place)
            elif last_id is not None:
                yield self.hub.reset(job_id)
        if job_id is None:
            yield self.hub.stats()

    def _resumable(self, last_id: str) -> Place | None:
        """Where to go on; None where that is gone: no id of ours, another run of the server, or trimmed."""
        match = EVENT_ID.fullmatch(last_id)
        now = self.hub.now()
        if not match or match[1] != now.run or order_of(match[2]) > order_of(now.position):
            return None
        return Place(match[1], match[2]) if self.hub.queue.event_log.is_complete_after(match[2]) else None

    def _since(self, place: Place) -> Iterator[Frame]:
        position = place.position
        while batch := self.hub.queue.event_log.read(position, place.run, block_ms=None):
            yield from map(frame_of, batch)
            position = batch[-1].id.partition(".")[2]

    def _knows_the_end(self, job: JobRecord, last_id: str | None) -> bool:
        try:
            place = self._resumable(last_id) if last_id else None
            if place is None:
                return False
            if order_of(place.position)[0] > (job.finished_at_ms or 0) + LONG_AFTER_MS:
                return True
            return not any(frame.job_id == job.id and frame.ends for frame in self._since(place))
        except Exception:  # the job store went away in between; the stream itself waits for it
            return False


class _Heartbeat:
    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self.sent()

    @property
    def left_s(self) -> float:
        return max(0.0, self._last + self._every_s - time.monotonic())

    def sent(self) -> None:
        self._last = time.monotonic()

    def message(self) -> Comment:
        self.sent()
        return Comment("heartbeat")


def _last_id() -> str | None:
    return request.headers.get("Last-Event-ID") or None


def _end_of(job: JobRecord, place: Place) -> Frame:
    data = {
        "timestamp": iso(job.finished_at_ms),
        "jobId": job.id,
        "type": job.type,
        "status": job.status.value,
        "progress": job.progress.as_dict(with_errors=False),
    }
    data |= {name: value for name, value in (("result", job.result), ("error", job.error)) if value is not None}
    return Frame(f"job-{job.status.value}", data, place.id, job.id)
