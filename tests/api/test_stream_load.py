"""The stream under gunicorn: many clients that are cut, one that does not read, and more than there are places for."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks import stream
from tests.api.web import Web
from tests.system.systems import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]

EVENTS = "/api/admin/queue/events"
FLOOD = 6000
EVENT_BYTES = 2000


@pytest.fixture
def make_web(tmp_path: Path) -> Iterator[Callable[..., Web]]:
    made: list[Web] = []

    def make(**env: str) -> Web:
        made.append(Web(tmp_path, env=env))
        return made[-1]

    yield make
    for web in made:
        web.system.stop()


def follow(web: Web, key: str = "key", receive_bytes: int | None = None) -> socket.socket:
    """A client that has sent its request, and has not read yet."""
    line = socket.socket()
    if receive_bytes:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    line.settimeout(30)
    line.connect(("127.0.0.1", web.port))
    line.sendall(f"GET {EVENTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
    return line


def read_until(line: socket.socket, what: bytes) -> bytes:
    received = b""
    while what not in received:
        part = line.recv(65536)
        assert part, f"the stream ended before {what!r}: {received[-300:]!r}"
        received += part
    return received


def test_clients_that_are_cut_miss_nothing(make_web: Callable[..., Web]) -> None:
    """
    A hundred clients, a fifth of them cut every 1.5 s: each gets every event exactly once.
    """
    web = make_web(VOCAQUEUE_SSE_HEARTBEAT="15")
    load = stream.run(web, clients=100, seconds=6, per_second=30, cut_every_s=1.5)
    assert load.seen["cuts"] >= 40
    assert (load.seen["gaps"], load.seen["doubles"], load.seen["resets"]) == (0, 0, 0)
    assert load.seen["refused"] == load.failed_calls == 0
    assert load.memory_after_mb - load.memory_before_mb < 50


def test_a_client_that_stops_reading_is_cut_off_while_others_get_all(make_web: Callable[..., Web]) -> None:
    """
    In a flood of 12 MB the server lets go of a client whose connection is full, keeps no more than its bounded inbox
    for it, and another client gets every event meanwhile.
    """
    web = make_web(VOCAQUEUE_SSE_HEARTBEAT="15")
    ledger = web.system.queue.ledger
    stuck, quick = follow(web, receive_bytes=4096), follow(web)
    read_until(stuck, b"queue-stats")
    read_until(quick, b"queue-stats")
    before = web.rss_mb()
    filler, received = "x" * EVENT_BYTES, b""
    for start in range(0, FLOOD, 100):
        calls = [{"event": "worker-online", "data": {"worker": f"w{start + n}", "filler": filler}} for n in range(100)]
        ledger.steps("event_add", calls)
        received = read_until(quick, f'"worker":"w{start + 99}"'.encode())
        assert received.count(b"event:worker-online") == 100
    assert web.rss_mb() - before < 30
    until(lambda: web.connections() == 1, 20)  # the server has let go of it
    quick.close()
    stuck.close()


def test_more_clients_than_places_get_a_clear_503(make_web: Callable[..., Web]) -> None:
    """
    Without a place for another stream the answer says so, calls are still served, and a place that is left is taken.
    """
    web = make_web(VOCAQUEUE_SSE_CLIENTS="20")
    open_ = [follow(web) for _ in range(10)]  # half of them all: as many as one identity may have
    for line in open_:
        read_until(line, b"queue-stats")

    def call(path: str) -> tuple[int, str | None, dict]:
        line = http.client.HTTPConnection("127.0.0.1", web.port, timeout=20)
        line.request("GET", path, headers={"Authorization": "Bearer key"})
        answer = line.getresponse()
        found = answer.status, answer.getheader("Retry-After"), {}
        if answer.getheader("Content-Type") == "application/json":
            found = (*found[:2], json.loads(answer.read()))
        line.close()
        return found

    status, retry_after, body = call(EVENTS)
    assert (status, body["error"]["code"]) == (503, "too_many_streams")
    assert int(retry_after or 0) > 0
    assert call("/api/admin/queue/stats")[0] == 200
    open_.pop().close()
    until(lambda: call(EVENTS)[0] == 200, 20)
    for line in open_:
        line.close()


def test_a_long_way_back_is_read_without_hurting_others(make_web: Callable[..., Web]) -> None:
    """
    Ten clients that replay 5,000 events at once get each of them once, while calls are answered and memory stays.
    """
    web = make_web(VOCAQUEUE_SSE_HEARTBEAT="15")
    queue = web.system.queue
    place = f"{queue.event_log.server_run()}.{queue.event_log.position()}"
    total = 5_000
    for start in range(0, total, 1000):
        calls = [{"event": "worker-online", "data": {"worker": f"w{start + n}"}} for n in range(1000)]
        queue.ledger.steps("event_add", calls)
    with follow(web) as first:  # so that the reader runs, and starts behind all of that
        read_until(first, b"queue-stats")
        before = web.rss_mb()
        lines = []
        for _ in range(10):
            line = socket.create_connection(("127.0.0.1", web.port), timeout=60)
            line.sendall(
                f"GET {EVENTS} HTTP/1.0\r\nAuthorization: Bearer key\r\nLast-Event-ID: {place}\r\n\r\n".encode()
            )
            lines.append(line)
        caller = stream.Caller(web.port, 20)
        caller.start()
        for line in lines:
            text = read_until(line, f'"worker":"w{total - 1}"'.encode())
            numbers = [int(part.partition(b'"')[0]) for part in text.split(b'"worker":"w')[1:]]
            assert numbers == list(range(total))
            line.close()
        caller.stopping.set()
        caller.join()
        assert caller.taken_ms
        assert caller.failed == 0
        print(f"calls meanwhile: median {sorted(caller.taken_ms)[len(caller.taken_ms) // 2]:.0f} ms")
        assert web.rss_mb() - before < 40


@pytest.mark.parametrize(("files", "connections", "streams"), [(10_000, 4000, None), (1024, 824, "412")])
def test_connections_fit_what_the_system_lets_a_process_open(files: int, connections: int, streams: str | None) -> None:
    """
    The soft limit of open files is raised; where the hard one is too low there are fewer streams, and room for calls.
    """
    code = (
        "import os, resource; import api.gunicorn as web; soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0];"
        "print(web.worker_connections, os.environ.get('VOCAQUEUE_SSE_CLIENTS'), soft > web.worker_connections)"
    )
    said = subprocess.run(
        ["sh", "-c", f'ulimit -Sn 512 && ulimit -Hn {files} && "{sys.executable}" -c "{code}"'],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.split() == [str(connections), str(streams), "True"]
