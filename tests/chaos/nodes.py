"""
pytest-celery's nodes over plain processes: no Docker engine, our own Valkey and our own worker line.

The nodes ask a container for its name, status and log, and tell it to be ready, to be killed and to restart. The
classes here answer that for a process. The plugin's fixtures, which build images, are not used (`-p no:celery` in
pyproject.toml).
"""

from __future__ import annotations

import os
import signal as signals
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_celery import CeleryWorkerContainer, RedisContainer

from tests.system.systems import ROOT, until
from vocaqueue.testing.valkey import PrivateValkey


class PlainProcess:
    """Stands before a container class; what a node asks of its container is answered for a process."""

    argv: Sequence[str]
    variables: dict[str, str]
    log: Path

    def start(self) -> None:
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                self.argv, cwd=ROOT, env=os.environ | self.variables, stdout=out, stderr=out, start_new_session=True
            )

    @property
    def id(self) -> str:
        return f"process-{self.process.pid}"

    name = id

    @property
    def status(self) -> str:
        return "running" if self.process.poll() is None else "exited"

    def logs(self) -> str:
        return self.log.read_text(errors="replace")

    def ready(self) -> bool:
        return bool(until(lambda: self.ready_prompt in self.logs(), 60))  # type: ignore[attr-defined]

    def kill(self, signal: str | int = "SIGKILL") -> None:
        number = signals.Signals[signal] if isinstance(signal, str) else signals.Signals(signal)
        # As with a container everything goes at once; a milder signal is for the main process only.
        (os.killpg if number == signals.SIGKILL else os.kill)(self.process.pid, number)
        self.process.wait(30)

    def reload(self) -> None:
        """The state of a process is read anew each time."""

    def restart(self, timeout: float = 10) -> None:
        if self.status == "running":
            self.kill("SIGTERM")
        self.start()
        self.ready()

    def teardown(self) -> None:
        if self.status == "running":
            self.kill()


class WorkerProcess(PlainProcess, CeleryWorkerContainer):
    """A worker line as the Procfile has them."""

    def __init__(self, name: str, queue: str, folder: Path, variables: dict[str, str]) -> None:
        self.label, self.log = name, folder / f"{name}.log"
        self.argv = [
            sys.executable, "-m", "celery", "-A", "workers", "worker", "-Q", queue, "-c", "2", "-E", "-n", f"{name}@%h",
            "-l", "INFO", "--without-gossip", "--without-mingle",
        ]  # fmt: skip
        self.variables = variables | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", "C_FORCE_ROOT": "1"}
        self.start()


class ValkeyProcess(PlainProcess, RedisContainer):
    """A Valkey on a loopback port, with an append-only file, so that it comes back with what it knew."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        options = {"port": str(self._port), "bind": "127.0.0.1"}
        self.server = PrivateValkey(aof=True, options=options).start()

    @property
    def hostname(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def port(self) -> int:
        return self._port

    @property
    def id(self) -> str:
        return f"valkey-{self._port}"

    name = id

    @property
    def status(self) -> str:
        return "running" if self.server.is_up() else "exited"

    def logs(self) -> str:
        return (self.server.folder / "log").read_text()

    def kill(self, signal: str | int = "SIGKILL") -> None:
        self.server.kill()

    def restart(self, timeout: float = 10) -> None:
        self.server.restart()

    def teardown(self) -> None:
        self.server.stop()
