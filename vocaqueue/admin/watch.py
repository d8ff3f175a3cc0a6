"""Open streams and downloads end when whoever asked for them may not have them any more."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from flask import Response
from flask.typing import ResponseReturnValue

from ..errors import VocaqueueError

log = logging.getLogger(__name__)

LOOK_EVERY_S = 12.0  #: a stream says something every 15 s at the latest; so it ends within half a minute


class AccessEnded(Exception):
    """Breaks a download off: one that just ended would look complete."""


def watched(answer: ResponseReturnValue, may_go_on: Callable[[], bool]) -> ResponseReturnValue:
    """`answer`; if it is sent piece by piece, until `may_go_on` says no. Asked between two pieces, every 12 seconds."""
    if not isinstance(answer, Response) or not answer.is_streamed or answer.direct_passthrough:
        return answer
    is_stream = answer.mimetype == "text/event-stream"
    answer.response = _Watched(answer.response, may_go_on, breaks=not is_stream)
    return answer


class _Watched:
    # No generator: closing one that was never begun would leave the inner one open.
    def __init__(self, parts: Any, may_go_on: Callable[[], bool], *, breaks: bool) -> None:
        self._inner, self._parts = parts, iter(parts)
        self._may_go_on, self._breaks = may_go_on, breaks
        self._looked_at = time.monotonic() - random.uniform(0, LOOK_EVERY_S)  # not a thousand streams at once

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        part = next(self._parts)
        if time.monotonic() - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = time.monotonic()
            if not self._is_allowed():
                if self._breaks:
                    raise AccessEnded("whoever asked for this may not have it any more")
                self.close()
                raise StopIteration
        return part

    def close(self) -> None:
        if hasattr(self._inner, "close"):
            self._inner.close()

    def _is_allowed(self) -> bool:
        try:
            return self._may_go_on()
        except VocaqueueError:  # the job store or the database is away, so nobody knows; the last answer holds
            return True
        except Exception:
            log.exception("authorize failed for an open stream, which ends")
            return False
