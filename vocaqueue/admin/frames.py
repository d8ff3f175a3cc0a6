"""What a stream sends: flask-sse's messages, each made into bytes once however many clients get it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask_sse import Message

if TYPE_CHECKING:
    from ..store.events import Event

#: The stream of a job ends with one of these.
ENDS = frozenset({"job-completed", "job-failed", "job-cancelled", "job-removed"})
#: flask-sse makes a line of data at each of these, which are no line ends in JSON nor in an event stream.
LINE_ENDS = str.maketrans({"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"})

Order = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stream is: the server's run, and the position in it."""

    run: str
    position: str

    @property
    def id(self) -> str:
        return f"{self.run}.{self.position}"

    @property
    def order(self) -> Order:
        return order_of(self.position)


def order_of(position: str) -> Order:
    ms, _, number = position.partition("-")
    return int(ms), int(number or 0)


class Frame(Message):  # type: ignore[misc]
    """
    One event.

    Args:
        data: What JSON can hold; it is written out when the first client gets it.
        event_id: Of the ledger's event; None: the frame is no part of the log.
        job_id: Whose stream it belongs to.
        ends: Nothing comes after it in the stream of its job, whatever its name.
    """

    def __init__(
        self, name: str, data: Any, event_id: str | None = None, job_id: str | None = None, *, ends: bool = False
    ) -> None:
        super().__init__(data, type=name, id=event_id)
        self.job_id = job_id
        self.ends = ends or name in ENDS
        self.order = order_of(event_id.partition(".")[2]) if event_id else None
        self._encoded: bytes | None = None

    @property
    def encoded(self) -> bytes:
        if self._encoded is None:
            text = json.dumps(self.data, ensure_ascii=False, separators=(",", ":")).translate(LINE_ENDS)
            # What a lone surrogate in an old name would break is replaced instead.
            self._encoded = str(Message(text, type=self.type, id=self.id)).encode(errors="replace")
        return self._encoded

    def __str__(self) -> str:
        return self.encoded.decode()


class Several(Message):  # type: ignore[misc]
    """Frames that go out together."""

    def __init__(self, frames: Sequence[Frame]) -> None:
        super().__init__("", id=next((frame.id for frame in reversed(frames) if frame.id), None))
        self.frames = frames
        self.encoded = b"".join(frame.encoded for frame in frames)

    def __str__(self) -> str:
        return self.encoded.decode()


class Comment(Message):  # type: ignore[misc]
    """
    A line that clients ignore; it keeps proxies awake and shows us who has left.

    With an id it tells a client where it is before anything happened, so that even one that is cut off then goes on
    without a gap.
    """

    def __init__(self, text: str, retry_ms: int | None = None, event_id: str | None = None) -> None:
        super().__init__("", retry=retry_ms, id=event_id)
        lines = [f": {text}"]
        lines += [f"retry:{retry_ms}"] if retry_ms is not None else []
        lines += [f"id:{event_id}"] if event_id else []
        self.encoded = ("\n".join(lines) + "\n\n").encode()

    def __str__(self) -> str:
        return self.encoded.decode()


def frame_of(event: Event) -> Frame:
    return Frame(event.name, event.as_dict(), event.id, event.job_id)
