"""
The live stream under load: 1,000 clients, 5 events a second, a fifth of them cut every 10 s, and calls to the API.

    MINUTES=10 python -m benchmarks.stream
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.api.web import Web

CLIENTS = 1000
EVENTS_PER_SECOND = 5
CUT_SHARE = 0.2
CUT_EVERY_S = 10.0
CALLS_PER_SECOND = 10
CALLS = ("/api/admin/queue/stats", "/api/admin/queue/jobs?limit=20", "/api/admin/queue/me")
SHORT_MINUTES = 1.0
ROOT = Path(__file__).parents[1]


@dataclass
class Load:
    """What was seen. Latencies go from the ledger's time in an event's id to the client."""

    seen: dict[str, Any]  #: of the clients, see stream_clients.py
    events: int
    calls_ms: list[float]
    failed_calls: int
    memory_before_mb: float
    memory_after_mb: float
    cores: float  #: of the web process, in the mean


class Caller(threading.Thread):
    """Calls the API steadily on one connection."""

    def __init__(self, port: int, per_second: float) -> None:
        super().__init__(daemon=True)
        self.port, self.every_s = port, 1 / per_second
        self.taken_ms: list[float] = []
        self.failed = 0
        self.stopping = threading.Event()

    def run(self) -> None:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        number = 0
        while not self.stopping.wait(self.every_s):
            began = time.perf_counter()
            try:
                line.request("GET", CALLS[number % len(CALLS)], headers={"Authorization": "Bearer key"})
                answer = line.getresponse()
                answer.read()
                self.failed += answer.status != 200
            except OSError:
                self.failed += 1
                line.close()
            self.taken_ms.append((time.perf_counter() - began) * 1000)
            number += 1


def run(web: Web, *, clients: int, seconds: float, per_second: float, cut_every_s: float) -> Load:
    """Put the load on a service, and say what came of it."""
    command = [sys.executable, "-m", "benchmarks.stream_clients", str(web.port), "key", str(clients), str(CUT_SHARE)]
    followers = subprocess.Popen(
        [*command, str(cut_every_s)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert followers.stdin is not None
    assert followers.stdout is not None
    assert followers.stdout.readline() == "connected\n"
    ledger, number = web.system.queue.ledger, 0
    caller = Caller(web.port, CALLS_PER_SECOND)
    caller.start()
    began = time.monotonic()
    memory_before, cpu_before, settled = web.rss_mb(), web.cpu_s(), False
    while (passed := time.monotonic() - began) < seconds:
        ledger.step("event_add", event="worker-online", data={"worker": f"w{number}"}, patience_s=10.0)
        number += 1
        if not settled and passed > min(5.0, seconds / 4):  # once everybody was written to
            memory_before, settled = web.rss_mb(), True
        time.sleep(max(0.0, began + number / per_second - time.monotonic()))
    cores = (web.cpu_s() - cpu_before) / (time.monotonic() - began)
    memory_after = web.rss_mb()
    caller.stopping.set()
    caller.join()
    said, _ = followers.communicate(f"{number - 1}\n", timeout=60)
    return Load(json.loads(said), number, sorted(caller.taken_ms), caller.failed, memory_before, memory_after, cores)


def measure(minutes: float | None = None) -> list[str]:
    """Lines of a table."""
    minutes = minutes or float(os.environ.get("MINUTES") or SHORT_MINUTES)
    with tempfile.TemporaryDirectory() as folder:
        web = Web(Path(folder), env={"VOCAQUEUE_SSE_HEARTBEAT": "15"})
        try:
            load = run(
                web, clients=CLIENTS, seconds=minutes * 60, per_second=EVENTS_PER_SECOND, cut_every_s=CUT_EVERY_S
            )
        finally:
            web.system.stop()
    seen, calls = load.seen, load.calls_ms
    return [
        f"The live stream: {CLIENTS:,} clients for {minutes:g} min at {EVENTS_PER_SECOND} events a second, a fifth of"
        f" them cut every {CUT_EVERY_S:g} s ({seen['cuts']:,} cuts):",
        "",
        "| received | gaps | doubles | commit to client, ms (p50, p99, max) | calls, ms | memory, MB | cores |",
        "|---|---|---|---|---|---|---|",
        f"| {seen['received']:,} | {seen['gaps']} | {seen['doubles']} "
        f"| {seen['p50_ms']:.0f}, {seen['p99_ms']:.0f}, {seen['max_ms']:.0f} "
        f"| {calls[len(calls) // 2]:.0f}, {calls[len(calls) * 99 // 100]:.0f}, {calls[-1]:.0f} "
        f"| {load.memory_before_mb:.0f} → {load.memory_after_mb:.0f} | {load.cores:.2f} |",
        *([f"{load.failed_calls} calls failed, {seen['refused']} streams ended, {seen['resets']} resets."]
          if load.failed_calls or seen["refused"] or seen["resets"] else []),
    ]  # fmt: skip


if __name__ == "__main__":
    print("\n".join(measure()))
