"""A whole system of real processes for a test; each can be killed and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests import toys
from vocaqueue import QueueManager, Settings
from vocaqueue.testing.valkey import PrivateValkey

ROOT = Path(__file__).parents[2]


def until(what: Callable[[], Any], timeout_s: float = 30.0, every_s: float = 0.05) -> Any:
    """What `what` answers as soon as that is true. Raises AssertionError when the time is over."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(every_s)
    raise AssertionError(f"waited {timeout_s:g} s in vain")


def listens(port: int) -> bool:
    """Whether something on this machine takes connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


class System:
    def __init__(self, folder: Path, *, job_types: str = "tests.toys:JOB_TYPES", namespace: str = "vq",
                 broker_url: str | None = None, valkey: PrivateValkey | None = None) -> None:  # fmt: skip
        self.folder = folder
        self.owns_valkey = valkey is None
        self.valkey = valkey or PrivateValkey(aof=True).start()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._commands: dict[str, tuple[list[str], dict[str, str] | None]] = {}
        self.env = {
            "REDIS_URL": self.valkey.url,
            "STORAGE_URL": f"file://{folder / 'files'}",
            "DATABASE_URL": f"sqlite:///{folder / 'words.db'}",
            "VOCAQUEUE_JOB_TYPES": job_types,
            "VOCAQUEUE_NAMESPACE": namespace,
        } | ({"CELERY_BROKER_URL": broker_url} if broker_url else {})
        self.settings = Settings.from_env(self.env)
        self.queue = QueueManager(self.settings, toys.JOB_TYPES, patience_s=20.0)

    def worker(self, name: str, queues: Sequence[str], children: int = 2, **env: str) -> None:
        """A stock Celery worker, started in a process group of its own; `env` changes its environment."""
        self._run(
            name,
            [sys.executable, "-m", "celery", "-A", "workers", "worker", "-Q", ",".join(queues), "-c", str(children),
             "-E", "-n", f"{name}@%h", "-l", "INFO", "--without-gossip", "--without-mingle"],
            env,
        )  # fmt: skip

    def reconciler(self, name: str = "reconciler") -> None:
        self._run(name, [sys.executable, "-m", "vocaqueue.cli.main", "reconciler"])

    def relay(self) -> None:
        self._run("relay", [sys.executable, "-m", "vocaqueue.cli.main", "relay"])

    def ready(self, *names: str) -> None:
        for name in names:
            until(lambda name=name: " ready." in self.log(name), 60)

    def log(self, name: str) -> str:
        try:
            return (self.folder / f"{name}.log").read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def children(self, name: str) -> list[int]:
        pid = self.processes[name].pid
        try:
            return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except FileNotFoundError:
            return []

    def kill(self, name: str, sig: int = signal.SIGKILL, *, group: bool = False) -> None:
        process = self.processes[name]
        (os.killpg if group else os.kill)(process.pid, sig)
        if sig == signal.SIGKILL:
            process.wait()

    def again(self, name: str) -> None:
        """Start a process that has ended once more, as a supervisor would."""
        self._run(name, *self._commands[name])

    def stop(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.queue.close()
        if self.owns_valkey:
            self.valkey.stop()

    def _run(self, name: str, command: list[str], env: dict[str, str] | None = None) -> None:
        self._commands[name] = (command, env)
        with (self.folder / f"{name}.log").open("ab") as out:
            self.processes[name] = subprocess.Popen(
                command,
                cwd=ROOT,
                env=os.environ
                | self.env
                | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", "C_FORCE_ROOT": "1"}
                | (env or {}),
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
