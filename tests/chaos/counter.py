"""
The provider: a server on loopback that counts the calls of each item, and the reader of what it wrote.

It runs in a process of its own that no fault touches, so its record is the truth about calls: one line when a call
begins, one when it ends, whatever became of the caller. `busy-N` items are refused with "busy" at their first call,
`bad-N` ones always.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(slots=True)
class Call:
    item: str
    pid: int
    began: float
    ended: float | None = None
    answer: str | None = None


class CountingServer:
    """Starts the server; `address` is what callers need, `calls` what it has written so far."""

    def __init__(self, folder: Path) -> None:
        self.record = folder / "provider-calls"
        self.record.touch()
        listener = socket.create_server(("127.0.0.1", 0), backlog=500)
        self.address = "{}:{}".format(*listener.getsockname())
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.counter", str(listener.fileno()), str(self.record)],
            pass_fds=[listener.fileno()],
            cwd=ROOT,
            start_new_session=True,
        )
        listener.close()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)

    def calls(self) -> list[Call]:
        """Every call in the order in which they began."""
        return read_calls(self.record)

    def at_work(self) -> set[int]:
        """Processes that wait for an answer, by the end of the record; cheap enough to be asked often."""
        with self.record.open("rb") as file:
            file.seek(max(0, self.record.stat().st_size - 16_384))
            lines = [line.split() for line in file.read().decode().splitlines()[1:]]
        ended = {line[1] for line in lines if line[0] == "E"}
        return {int(line[3]) for line in lines if line[0] == "B" and len(line) == 5 and line[1] not in ended}


def read_calls(record: Path) -> list[Call]:
    found: dict[str, Call] = {}
    for line in record.read_text().splitlines():
        match line.split(" "):
            case ["B", number, item, pid, at]:
                found[number] = Call(item, int(pid), float(at))
            case ["E", number, answer, at]:
                found[number].ended, found[number].answer = float(at), answer
    return list(found.values())


def call(address: str, item: str, seconds: float) -> str:
    """One call of the provider from a plain handler; answers "ok", "busy" or "bad"."""
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"{item} {os.getpid()} {seconds}\n".encode())
        return connection.makefile().readline().strip()


async def call_async(address: str, item: str, seconds: float) -> str:
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(f"{item} {os.getpid()} {seconds}\n".encode())
        return (await reader.readline()).decode().strip()
    finally:
        writer.close()


def calls_of(calls: list[Call]) -> dict[str, list[Call]]:
    by_item: dict[str, list[Call]] = defaultdict(list)
    for made in calls:
        by_item[made.item].append(made)
    return by_item


async def _serve(fd: int, record: str) -> None:
    out = os.open(record, os.O_WRONLY | os.O_APPEND)
    os.write(out, b"# calls\n")
    times: Counter[str] = Counter()
    number = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal number
        try:
            item, pid, seconds = (await reader.readline()).decode().split()
        except (ValueError, OSError):  # a caller that was killed before it had asked
            writer.close()
            return
        number += 1
        mine = number
        times[item] += 1
        os.write(out, f"B {mine} {item} {pid} {time.time():.6f}\n".encode())
        await asyncio.sleep(float(seconds))
        kind = item.rpartition("/")[2].partition("-")[0]
        answer = "bad" if kind == "bad" else "busy" if kind == "busy" and times[item] == 1 else "ok"
        os.write(out, f"E {mine} {answer} {time.time():.6f}\n".encode())
        writer.write(f"{answer}\n".encode())
        writer.close()

    server = await asyncio.start_server(serve, sock=socket.socket(fileno=fd), backlog=500)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with server:
        await stopped.wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), sys.argv[2]))
