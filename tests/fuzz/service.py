"""The deployable service as gunicorn serves it to the fuzzer: only streams are cut, for one that reads to the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from api import identity
from api.app import create_app
from vocaqueue.store.attempts import Bucket

STREAM_S = 0.3  #: that a stream may take
MANY = Bucket("key", 1_000_000, 0.001)  #: the fuzzer tries wrong keys all the time, and wants to be told that they are


class Cut:
    """Ends server-sent events after a moment."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.extensions = app.extensions  # api/gunicorn.py ends the streams when the process stops

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        kinds: list[str] = []

        def started(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            kinds.extend(value for name, value in headers if name.lower() == "content-type")
            return start_response(status, headers, *rest)

        parts = self.app(environ, started)
        if any(kind.startswith("text/event-stream") for kind in kinds):
            return self._cut(parts)
        return parts

    def _cut(self, parts: Any) -> Iterator[bytes]:
        end = time.monotonic() + STREAM_S
        try:
            for part in parts:
                yield part
                if time.monotonic() > end:
                    return
        finally:
            parts.close()


def app() -> Cut:
    identity.WRONG_KEYS = MANY
    return Cut(create_app())
