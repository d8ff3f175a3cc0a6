"""What gunicorn's parser refuses, before there is an application to ask, is answered in the API's envelope too."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from vocaqueue.admin.payloads import CODES

#: What still comes of a request that is refused is taken for so long, and so many bytes of it.
LINGER_S = 1.0
LINGER_BYTES = 1024**2


def install() -> None:
    """In place of gunicorn's own answers, which are HTML. It has no setting for that."""
    from gunicorn import util

    util.write_error = _write_error


def _write_error(sock: Any, status: int, reason: str, message: str) -> None:
    """
    Answer, and close.

    Args:
        message: What is wrong with the request; of an error of the application gunicorn gives none.
    """
    from gunicorn import util

    if message.startswith("Invalid Request Line"):  # it quotes the bytes as Latin-1, which nobody wrote
        message = "the first line is none; in an address all but ASCII is written with percent signs"
    said = f"{HTTPStatus(status).phrase}: {message}" if message else HTTPStatus(status).phrase
    error = {"code": CODES.get(status, "malformed" if status < 500 else "internal_error"), "message": f"{said}."}
    body = json.dumps({"success": False, "error": error | {"details": []}}).encode()
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    try:
        util.write_nonblock(sock, head.encode("latin-1", "replace") + body)
    finally:
        # A socket that is closed over unread bytes is reset, and the client may lose the answer. Only this one waits.
        util.close_graceful(sock, LINGER_S, LINGER_BYTES)
