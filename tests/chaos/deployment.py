"""A deployment like a real one: workers, two reconcilers, a relay, and a supervisor that brings back what ended."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.system.systems import System, until
from vocaqueue import QueueManager, Settings

from . import toys
from .counter import CountingServer
from .proxy import FaultProxy

WORKERS = ("worker-1", "worker-2")
HELPERS = ("reconciler-1", "reconciler-2", "relay")


class Deployment(System):
    """
    Everything of it talks to Valkey through the fault proxy; `ledger` and `direct` do not.

    Args:
        seed: Of what the proxy does to the traffic.
        children: Of each worker main.
    """

    def __init__(self, folder: Path, *, seed: int, children: int) -> None:
        super().__init__(folder, job_types="tests.chaos.toys:JOB_TYPES")
        self.direct = self.queue  #: by the server's own socket
        self.proxy = FaultProxy(str(self.valkey.folder / "socket"), seed).start()
        self.env["REDIS_URL"] = self.proxy.url
        self.settings = Settings.from_env(self.env)
        self.queue = QueueManager(self.settings, toys.JOB_TYPES, patience_s=20.0)
        self.provider = CountingServer(folder)
        self.restarts = 0
        self._supervised = threading.Event()
        self._supervised.set()
        self._lock = threading.RLock()
        for name in WORKERS:
            self.worker(name, [job_type.name for job_type in toys.JOB_TYPES], children)
        for name in HELPERS[:2]:
            self.reconciler(name)
        self.relay()
        self.ready(*WORKERS)
        self._supervisor = threading.Thread(target=self._supervise, daemon=True, name="supervisor")
        self._supervisor.start()

    def pids(self, name: str) -> list[int]:
        """The main process and its children."""
        with self._lock:
            return [self.processes[name].pid, *self.children(name)]

    def settled(self) -> dict[str, bytes] | None:
        """Each job's bitmap of settled items, read past the proxy; None while the server does not answer."""
        socket = str(self.valkey.folder / "socket")
        client = redis.Redis(unix_socket_path=socket, socket_timeout=0.5, retry=Retry(NoBackoff(), 0))
        try:
            prefix = self.direct.ledger.keys("settled")
            keys = list(client.scan_iter(prefix + "*", count=1000))
            values = client.mget(keys) if keys else []
            return {key.decode().removeprefix(prefix): value or b"" for key, value in zip(keys, values, strict=True)}
        except redis.RedisError:
            return None
        finally:
            client.close()

    def stop(self) -> None:
        self._supervised.clear()
        if self._supervisor.is_alive():
            self._supervisor.join(10)
        for process in self.processes.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGCONT)
        self.queue.close()
        self.queue = self.direct
        self.proxy.stop()
        super().stop()
        self.provider.stop()

    def _supervise(self) -> None:
        """As `make start`: when a main process has ended, the rest of its group goes, and it is started again."""
        while self._supervised.is_set():
            for name, process in list(self.processes.items()):
                if process.poll() is not None:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
                    with self._lock:
                        self.again(name)
                    self.restarts += 1
            with suppress(AssertionError):
                until(lambda: not self._supervised.is_set(), 0.5)


def tell(pids: list[int], sig: int) -> None:
    """Send a signal to those of the processes that are still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, sig)
