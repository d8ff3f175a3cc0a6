"""
Clients of the stream, in a process of their own: cut now and then, they come back with their last id.

    python -m benchmarks.stream_clients PORT KEY CLIENTS CUT_SHARE CUT_EVERY_S

Follows until a line comes in: the number of the last event. Every event is expected to carry a number one above the
last (`{"worker": "w17"}`), so each client notices by itself what is missing or comes twice. Prints a line when all are
connected, and at the end one of JSON.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import resource
import sys
import time

EVENT = re.compile(rb'event:worker-online\ndata:[^\n]*"worker":"w(\d+)"[^\n]*\nid:([0-9a-f]{8}\.(\d+)-\d+)\n\n')
LONGEST_PAUSE_S = 2.0
PATIENCE_S = 30.0
PATH = "/api/admin/queue/events"


class Followers:
    """All clients, and what they saw together."""

    def __init__(self, port: int, key: str, count: int) -> None:
        self.port, self.key = port, key
        self.clients = [Client(self) for _ in range(count)]
        self.latencies_ms: list[float] = []
        self.gaps = self.doubles = self.resets = self.cuts = self.refused = 0
        self.last = -1  #: the highest number that anybody saw

    async def connect(self, clients: list[Client]) -> None:
        for start in range(0, len(clients), 50):
            await asyncio.gather(*(client.connect() for client in clients[start : start + 50]))

    async def cut(self, share: float) -> None:
        """Break the line of some, who come back within a browser's pause."""
        chosen = random.sample(self.clients, round(len(self.clients) * share))
        self.cuts += len(chosen)
        for client in chosen:
            client.cut()
        await asyncio.gather(*(client.come_back(random.uniform(0, LONGEST_PAUSE_S)) for client in chosen))


class Client(asyncio.Protocol):
    def __init__(self, all_: Followers) -> None:
        self.all = all_
        self.transport: asyncio.Transport | None = None
        self.last: int | None = None  #: the number of the last event
        self.last_id = b""
        self.rest = b""
        self.is_live = asyncio.Event()

    async def connect(self) -> None:
        self.rest = b""
        self.is_live.clear()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(lambda: self, "127.0.0.1", self.all.port)
        self.transport = transport
        last = b"Last-Event-ID: " + self.last_id + b"\r\n" if self.last_id else b""
        transport.write(
            f"GET {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.all.key}\r\n".encode() + last + b"\r\n"
        )
        await self.is_live.wait()

    async def come_back(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await self.connect()

    def cut(self) -> None:
        if self.transport is not None:
            self.transport.abort()
            self.transport = None

    def connection_lost(self, _error: Exception | None) -> None:
        if self.transport is not None:  # by the server
            self.transport = None
            self.all.refused += 1
            self.is_live.set()

    def data_received(self, data: bytes) -> None:
        now_ms = time.time() * 1000
        text = self.rest + data
        at = 0
        if not self.is_live.is_set() and b"queue-stats" in text:
            self.is_live.set()
        for match in EVENT.finditer(text):
            at = match.end()
            number = int(match[1])
            if self.last is not None and number > self.last + 1:
                self.all.gaps += number - self.last - 1
            if self.last is not None and number <= self.last:
                self.all.doubles += 1
            else:
                self.last, self.last_id = number, match[2]
                self.all.latencies_ms.append(now_ms - int(match[3]))
                self.all.last = max(self.all.last, number)
        if b"event:reset" in text[at:] or b"event:reset" in text[:at]:
            self.all.resets += 1
        end = text.rfind(b"\n\n")
        self.rest = text[max(at, end) :] if max(at, end) > 0 else text


async def follow(port: int, key: str, count: int, share: float, every_s: float) -> None:
    everybody = Followers(port, key, count)
    await everybody.connect(everybody.clients)
    print("connected", flush=True)
    loop = asyncio.get_running_loop()
    ending = loop.run_in_executor(None, sys.stdin.readline)
    while not ending.done():
        await asyncio.wait({asyncio.ensure_future(asyncio.sleep(every_s)), ending}, return_when="FIRST_COMPLETED")
        if not ending.done():
            await everybody.cut(share)
    last, patience = int(ending.result()), time.monotonic() + PATIENCE_S
    while any(client.last != last for client in everybody.clients) and time.monotonic() < patience:  # noqa: ASYNC110
        await asyncio.sleep(0.2)
    everybody.gaps += sum(last - (client.last if client.last is not None else -1) for client in everybody.clients)
    taken = sorted(everybody.latencies_ms)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    said = {
        "clients": count,
        "received": len(taken),
        "gaps": everybody.gaps,
        "doubles": everybody.doubles,
        "resets": everybody.resets,
        "cuts": everybody.cuts,
        "refused": everybody.refused,
        "p50_ms": taken[len(taken) // 2] if taken else None,
        "p99_ms": taken[len(taken) * 99 // 100] if taken else None,
        "max_ms": taken[-1] if taken else None,
        "cpu_s": usage.ru_utime + usage.ru_stime,
    }
    print(json.dumps(said), flush=True)


if __name__ == "__main__":
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 16_384)), hard))
    port, key, count, share, every = sys.argv[1:]
    asyncio.run(follow(int(port), key, int(count), float(share), float(every)))
