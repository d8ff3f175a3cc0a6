"""What gunicorn refuses before the application sees it."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from api.parser_errors import LINGER_BYTES
from tests.api.web import Web

REQUESTS = {
    "a request line without an end": (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "a request line that is on its way when it is refused": (b"GET /" + b"a" * 500_000 + b" HTTP/1.1\r\n\r\n", 414),
    "a header without an end": (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 20_000 + b"\r\n\r\n", 431),
    "too many headers": (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431),
    "no request": (b"hello\r\n\r\n", 400),
    "another version": (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 400),
    "a length that is none": (b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
    "two lengths": (b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", 400),
    "a length and chunks": (
        b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "a name of a header with a space": (b"GET / HTTP/1.1\r\nHost: x\r\nA B: c\r\n\r\n", 400),
    "chunks that are none": (
        b"POST /api/admin/queue/action HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key\r\n"
        b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        400,
    ),
    "a path that is no UTF-8": (b"GET /api/admin/queue/jobs/\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "an escape that is none": (b"GET /api/admin/queue/jobs/%zz%ff HTTP/1.1\r\nHost: x\r\n\r\n", 401),
    "another method": (b"FOO /api/admin/queue/stats HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    "a host that is none": (b"GET /api/admin/queue/stats HTTP/1.1\r\nHost: a b/\xc3\xa9\r\n\r\n", 401),
    "half an address as host": (b"GET /api/admin/queue/stats HTTP/1.1\r\nHost: [::1\r\n\r\n", 401),
    "no host": (b"GET /api/admin/queue/stats HTTP/1.1\r\n\r\n", 401),
    "a whole address": (b"GET http://x/api/admin/queue/stats HTTP/1.1\r\nHost: x\r\n\r\n", 401),
    "a star": (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    "a session of nonsense": (
        b"GET /api/admin/queue/stats HTTP/1.1\r\nHost: x\r\nCookie: vocaqueue-vq=\xff;=;;\r\n\r\n",
        401,
    ),
    "a key of nonsense": (b"GET /api/admin/queue/stats HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\r\n\r\n", 401),
    "an address of nothing": (b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 404),
}


def ask(port: int, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """(status, headers in lower case, body)"""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)  # so that much of it is sent only as it is read
        client.sendall(request)
        answer = b""
        while True:
            head, _, body = answer.partition(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            if b"\r\n\r\n" in answer and len(body) >= int(headers.get("content-length", 0)):
                return int(lines[0].split()[1]), headers, body
            part = client.recv(65536)
            assert part, f"closed after {answer[:200]!r}"
            answer += part


@pytest.mark.slow
def test_what_is_no_http_is_refused_in_json(tmp_path: Path):
    """
    Over-long lines, bad headers, bad lengths, other methods: a status that fits, our envelope, never HTML.
    """
    web = Web(tmp_path)
    try:
        for what, (request, wanted) in REQUESTS.items():
            status, headers, body = ask(web.port, request)
            assert (status, headers["content-type"]) == (wanted, "application/json"), (what, body)
            assert json.loads(body)["success"] is False, what
            assert b"Traceback" not in body
        raw = "GET /api/admin/queue/jobs?q=학교 HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        status, _, body = ask(web.port, raw)
        assert status == 400
        assert json.loads(body)["error"]["message"].endswith("all but ASCII is written with percent signs.")
    finally:
        web.system.stop()


@pytest.mark.slow
def test_who_never_ends_a_refused_request_is_cut_off(tmp_path: Path):
    """
    What comes after the answer is read for a while and up to a bound, so a client cannot keep a connection by sending.
    """
    web = Web(tmp_path)
    try:
        with socket.create_connection(("127.0.0.1", web.port), timeout=20) as client:
            client.sendall(b"GET /")
            most = 50 * LINGER_BYTES
            with pytest.raises((ConnectionResetError, BrokenPipeError)):
                client.sendall(b"a" * most)
        assert ask(web.port, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")[0] == 200
    finally:
        web.system.stop()
