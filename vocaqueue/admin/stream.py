"""Server-sent events on flask-sse's blueprint and message format, fed by the hub, with replay by Last-Event-ID."""

from __future__ import annotations

import logging
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

from flask import Response, current_app, request
from flask_sse import Message, ServerSentEventsBlueprint

from ..errors import JobNotFound, StoreUnavailable
from ..job import JobRecord, iso
from .answers import media
from .frames import Comment, Frame, Order, Place, Several, frame_of
from .guard import Authorize, GuardedBlueprint, identity
from .hub import Hub
from .inbox import Inbox
from .places import RETRY_MS, Places

log = logging.getLogger(__name__)

AGAIN_S = 0.5
TOGETHER_BYTES = 65536  #: frames that wait go out together up to about so much
SEND_BUFFER_BYTES = 65536  #: asked of the system for a client, which doubles it; left alone it grows to megabytes
EVENT_ID = re.compile(r"([0-9a-f]{8})\.(\d{1,15}-\d{1,15})")
#: Behind the job's end by more than this, an id cannot come before the job's terminal event.
LONG_AFTER_MS = 60_000


class EventsBlueprint(GuardedBlueprint, ServerSentEventsBlueprint):  # type: ignore[misc]
    """`/events` and `/events/job/{id}`."""

    def __init__(self, name: str, hub: Hub, places: Places, *, authorize: Authorize) -> None:
        super().__init__(name, __name__, authorize=authorize)
        self.hub, self.places = hub, places
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
                errors=(503,),  # no place is left
                methods=["GET"],
                described={"headers": again},
            )

    def publish(self, *_arguments: Any, **_options: Any) -> None:
        """Events come from the ledger only, in the step that makes the change."""
        raise NotImplementedError("events are appended by the ledger; nobody publishes them")

    def stream(self) -> Response:
        """All events, as they come."""
        return self._streaming()

    def job_stream(self, job_id: str) -> Response:
        """A job's events until it ends. 204: it has, and the client knows."""
        try:
            job = self.hub.queue.get(job_id).record
            if job.status.is_final and _knows_the_end(self.hub, job, _last_id()):
                return Response(status=204, headers={"Cache-Control": "no-store"})
        except StoreUnavailable:
            pass  # an EventSource gives up on 503, so the stream begins and waits for the job store
        return self._streaming(job_id)

    def messages(self, channel: str | None = None, last_id: str | None = None, **options: Any) -> Iterator[Message]:
        """
        Everything after `last_id`, without a gap and nothing twice; without one, everything from now on.

        Args:
            channel: A job's id; None: of all jobs and workers.
            last_id: As the client was told it; any text is fine.
            options: As of Stream.
        """
        return Stream(self.hub, channel, last_id, **options).messages()

    def _streaming(self, job_id: str | None = None) -> Response:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        if request.method == "HEAD":  # its body would never end, though nobody gets it
            return Response(mimetype="text/event-stream", headers=headers)
        who = identity()
        connection = _connection(request.environ)
        stream = Stream(
            self.hub,
            job_id,
            _last_id(),
            hang_up=None if connection is None else lambda: connection.shutdown(socket.SHUT_RDWR),
        )
        if connection is not None:
            with suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        with ExitStack() as left:
            left.enter_context(self.places.take(who.id))
            if "Authorization" not in request.headers:
                left.callback(self.places.join(_browser(who.id), stream))
            parts = (message.encoded for message in stream.messages())
            response = Response(parts, mimetype="text/event-stream", headers=headers)
            response.call_on_close(left.pop_all().close)  # also when it was never begun
        return response


class Stream:
    """
    One client's stream.

    Args:
        hang_up: Ends the client's connection.
    """

    def __init__(
        self,
        hub: Hub,
        job_id: str | None,
        last_id: str | None,
        *,
        hang_up: Callable[[], None] | None = None,
    ) -> None:
        self.hub, self.job_id, self.last_id = hub, job_id, last_id
        self.sending_since: float | None = None
        self.was_hung_up = False
        self._hang_up = hang_up
        self._seen: Order | None = None  #: the last id that went out
        self._is_over = False  #: the job's last event went out
        self._inbox: Inbox | None = None
        self._retry_ms: int | None = None  #: it was asked to end, and to say this
        self._beat_at = time.monotonic()

    def end(self, retry_ms: int) -> None:
        """Ask the client to come back after that."""
        self._retry_ms = retry_ms
        if self._inbox is not None:
            self._inbox.close()

    def hang_up(self) -> None:
        self.was_hung_up = True
        if self._hang_up is not None:
            with suppress(OSError):  # the client has left by itself
                self._hang_up()

    def messages(self) -> Iterator[Message]:
        with ExitStack() as left:
            left.enter_context(self.hub.follower(self))
            for message in self._parts(left):
                self.sending_since = time.monotonic()
                yield message
                self.sending_since = None
                self._beat_at = time.monotonic()

    def _parts(self, left: ExitStack) -> Iterator[Message]:
        yield Comment("hello", RETRY_MS)
        yield from self._beginning(left)
        while self._inbox is not None and not self._inbox.closed and not self._is_ending:
            if frames := self._next(self._inbox):
                yield Several(frames)
            elif not self._inbox.closed and self._beat_s <= 0:
                yield Comment("heartbeat")
        if self._retry_ms is not None and not self._is_over:
            yield Comment("come back", self._retry_ms)

    @property
    def _is_ending(self) -> bool:
        return self._is_over or self._retry_ms is not None or self.hub.is_closed

    def _next(self, inbox: Inbox) -> list[Frame]:
        """What waits, or comes before something else is due."""
        frame = inbox.get(self._beat_s)
        frames, size = [], 0
        while frame is not None:
            if self._is_news(frame):
                frames.append(frame)
                size += len(frame.encoded)
            if self._is_over or size >= TOGETHER_BYTES:
                break
            frame = inbox.get(0)
        return frames

    def _is_news(self, frame: Frame) -> bool:
        if frame.type == "reset":
            self._seen = frame.order
        elif frame.order is not None:
            if self._seen is not None and frame.order <= self._seen:
                return False  # the replay had it
            self._seen = frame.order
        self._is_over = self.job_id is not None and frame.ends
        return True

    @property
    def _beat_s(self) -> float:
        return max(0.0, self._beat_at + self.hub.heartbeat_s - time.monotonic())

    # The beginning

    def _beginning(self, left: ExitStack) -> Iterator[Message]:
        """What comes before the live events, until there is an inbox; waits for a job store that is away."""
        while not self._is_ending:
            try:
                yield from self._catch_up(left)
            except JobNotFound:
                return
            except Exception:  # of whatever kind the job store's client raises; the hub's log says which
                log.debug("a stream waits for the job store", exc_info=True)
            if self._inbox is not None or self._is_ending:
                return
            time.sleep(AGAIN_S)
            if self._beat_s <= 0:
                yield Comment("heartbeat")

    def _catch_up(self, left: ExitStack) -> Iterator[Message]:
        # The place is taken first: whoever acts on the counts hears what came of it.
        after, message = self._begin()
        counts = self.hub.stats() if self.job_id is None else None
        if message is not None:
            yield message
            self.last_id = message.id  # when the job store goes away in between, it goes on from here
        if counts is not None:
            yield Several([counts])
        while not self._is_over:
            self._inbox = left.enter_context(self.hub.subscribe(self.job_id, after, self.hang_up))
            if self._inbox is not None:
                break
            before = after
            for place, frames in self._since(before):
                after = place
                if frames:
                    yield Several(frames)
            if after == before:  # the reader has not noticed yet that the job store is back
                return
        if self._is_over:
            return
        if self.job_id is not None:
            self.hub.queue.get(self.job_id)  # a bulk act may have removed it in between, and not told us
        elif (newer := self.hub.stats()) is not counts:
            yield Several([newer])

    def _begin(self) -> tuple[Place, Message | None]:
        """Where to go on, and what is said before."""
        if self.last_id is not None and (place := _resumable(self.hub, self.last_id)):
            self._seen = place.order
            return place, None
        if self.job_id is None and self.last_id is None:
            place = self.hub.told or self.hub.now()
            return place, Comment("from here on", event_id=place.id)
        if self.job_id is None:
            frame = self.hub.reset()
        else:
            place = self.hub.now()  # before the job is read: whatever comes later is sent
            job = self.hub.queue.get(self.job_id).record
            if job.status.is_final:
                frame = _end_of(job, place)
            elif self.last_id is None:
                return place, Comment("from here on", event_id=place.id)
            else:
                frame = self.hub.reset(self.job_id)
        self._is_news(frame)
        return Place(*frame.id.split(".")), Several([frame])

    def _since(self, place: Place) -> Iterator[tuple[Place, list[Frame]]]:
        """Out of the log, a batch at a time, with where it leads to; a reset where it is trimmed under our hands."""
        while True:
            with self.hub.replaying:  # not while the client is written to: a slow one must not hold up the others
                found = self._batch(place)
            if found is None:
                return
            place, frames = found
            self.last_id = place.id
            yield place, frames
            if self._is_over or self.hub.has(place):
                return

    def _batch(self, place: Place) -> tuple[Place, list[Frame]] | None:
        """The next frames after a place, ready to be sent, and where they lead to; None at the end."""
        events = self.hub.queue.event_log
        batch = events.read(place.position, place.run, block_ms=None)
        if not events.is_complete_after(place.position):
            frame = self.hub.reset(self.job_id)
            self._is_news(frame)
            return Place(*frame.id.split(".")), [frame]
        if not batch:
            return None
        frames = []
        for event in batch:
            if self.job_id in {None, event.job_id} and not self._is_over:
                frame = frame_of(event)
                if self._is_news(frame):
                    frames.append(frame)
        return Place(place.run, batch[-1].id.partition(".")[2]), frames


def _resumable(hub: Hub, last_id: str) -> Place | None:
    """Where to go on; None where that is gone: no id of ours, another run of the server, or trimmed."""
    match = EVENT_ID.fullmatch(last_id)
    if not match:
        return None
    place = Place(match[1], match[2])
    if hub.has(place):
        return place
    now = hub.now()
    if place.run != now.run or place.order > now.order:
        return None
    return place if hub.queue.event_log.is_complete_after(place.position) else None


def _knows_the_end(hub: Hub, job: JobRecord, last_id: str | None) -> bool:
    """Whether a client with this id was told the end of this job."""
    try:
        place = _resumable(hub, last_id) if last_id else None
        if place is None:
            return False
        while place.order[0] <= (job.finished_at_ms or 0) + LONG_AFTER_MS:
            batch = hub.queue.event_log.read(place.position, place.run, block_ms=None)
            if any(event.job_id == job.id and frame_of(event).ends for event in batch):
                return False
            if not batch:
                break
            place = Place(place.run, batch[-1].id.partition(".")[2])
        return True
    except Exception:  # the job store went away in between; the stream itself waits for it
        return False


def _connection(environ: dict[str, Any]) -> Any:
    """The client's socket, where the server hands it out: gunicorn and werkzeug do."""
    return environ.get("gunicorn.socket") or environ.get("werkzeug.socket")


def _browser(identity_id: str) -> str:
    """
    What the tabs of one browser have in common and other browsers have not, as well as it can be known.

    The session's cookie tells those apart who share an identity and an address; other cookies may change between two
    tabs.
    """
    # Then two tabs of one browser come with different ones.
    changes = current_app.config["SESSION_REFRESH_EACH_REQUEST"]
    name = current_app.session_interface.get_cookie_name(current_app)
    cookie = "" if changes else request.cookies.get(name, "")
    return "\n".join((identity_id, request.remote_addr or "", request.headers.get("User-Agent", ""), cookie))


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
