"""
A fault proxy in front of Valkey: connections are reset, replies lost after the command was done, everything is slow.

    with FaultProxy(socket_path, seed=1) as proxy:
        with proxy.losing(0.2):
            ...

What it does with a piece of traffic is drawn from a generator with the given seed.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class FaultProxy:
    """Listens on a loopback port, one thread of its own; `done` counts what it did."""

    def __init__(self, upstream: str, seed: int) -> None:
        self.upstream = upstream
        self.done: Counter[str] = Counter()
        self._rng = random.Random(f"proxy {seed}")
        self._lose = self._reset = self._delay_s = 0.0
        self._open: set[asyncio.Transport] = set()
        self._loop = asyncio.new_event_loop()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=500)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True, name="fault-proxy")

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> FaultProxy:
        self._thread.start()
        return self

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    @contextmanager
    def losing(self, share: float) -> Iterator[None]:
        """Of the replies this share is dropped, the connection with it: the command was done, nobody hears of it."""
        self._lose = share
        try:
            yield
        finally:
            self._lose = 0.0

    @contextmanager
    def resetting(self, share: float) -> Iterator[None]:
        """Of the requests this share is dropped, the connection with it: the command was not done."""
        self._reset = share
        try:
            yield
        finally:
            self._reset = 0.0

    @contextmanager
    def slow(self, delay_s: float) -> Iterator[None]:
        self._delay_s = delay_s
        try:
            yield
        finally:
            self._delay_s = 0.0

    def reset_all(self) -> None:
        """Every open connection gets a reset, idle ones too."""
        self._loop.call_soon_threadsafe(self._reset_all)

    def __enter__(self) -> FaultProxy:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(asyncio.start_server(self._accept, sock=self._listener))
        self._loop.run_forever()
        self._server.close()
        self._reset_all()
        self._loop.run_until_complete(self._leave())
        self._loop.close()

    async def _leave(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _reset_all(self) -> None:
        for transport in list(self._open):
            self.done["connections reset"] += 1
            transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport = writer.transport
        try:
            up_reader, up_writer = await asyncio.open_unix_connection(self.upstream)
        except OSError:  # the server is away
            transport.abort()
            return
        self._open.add(transport)
        pumps = [
            asyncio.ensure_future(self._pump(reader, up_writer, is_reply=False)),
            asyncio.ensure_future(self._pump(up_reader, writer, is_reply=True)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:  # the proxy is being stopped
            pass
        finally:
            for pump in pumps:
                pump.cancel()
            self._open.discard(transport)
            transport.abort()
            up_writer.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, is_reply: bool) -> None:
        try:
            while data := await source.read(65536):
                share, what = (self._lose, "replies lost") if is_reply else (self._reset, "requests reset")
                if share and self._rng.random() < share:
                    self.done[what] += 1
                    return
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                sink.write(data)
                await sink.drain()
        except OSError:
            return
