"""`make start`: the processes of the Procfile, and the embedded Valkey where no other is given."""

from __future__ import annotations

import errno
import os
import re
import socket
import sys
from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path

from vocaqueue.errors import BadSettings, VocaqueueError
from vocaqueue.settings import Settings

from . import embedded
from .child import Command
from .embedded import CannotStart
from .supervisor import Supervisor

ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - where such a host is reached from here


def start(
    settings: Settings,
    procfile: Path = Path("Procfile"),
    exclude: Collection[str] = ("flower",),
    make_link: Callable[[Settings], str] | None = None,
) -> int:
    """
    Run the system of this folder until Ctrl-C.

    Args:
        settings: The processes read their own; HOST and PORT are handed to them from here.
        procfile: The one list of processes.
        exclude: Names in it that are not started.
        make_link: Makes the one-time sign-in link; called once the dashboard answers. Without it, its address is said.

    Returns:
        Exit status: 0 after Ctrl-C, 1 if it cannot start (a sentence on stderr says why), that of a failed release.
    """
    try:
        with ExitStack() as stack:
            stack.enter_context(embedded.only_one(_url(settings)))
            commands = {name: _command(line) for name, line in _read(procfile).items() if name not in exclude}
            check_port(settings.host, settings.port)
            services = {"valkey": stack.enter_context(embedded.valkey())} if settings.embedded else {}
            return Supervisor(
                services=services,
                release=commands.pop("release", None),
                processes=commands,
                env=_environment(settings),
                is_ready=lambda: _answers(settings),
                on_ready=lambda: _greeting(settings, make_link),
            ).run()
    except VocaqueueError as error:
        print(error, file=sys.stderr)
        return 1


def parse_procfile(text: str) -> dict[str, str]:
    """
    Name and shell command of each line, in order; `#` begins a comment line.

    Raises:
        BadSettings: A line is none of these, or repeats a name; the message has its number.
    """
    processes: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = re.fullmatch(r"\s*([A-Za-z0-9_-]+)\s*:\s*(\S.*?)\s*", line)
        if not match:
            raise BadSettings(f"Procfile, line {number}: {line.strip()!r} is not of the form `name: command`.")
        if match[1] in processes:
            raise BadSettings(f"Procfile, line {number}: there is already a process named {match[1]!r}.")
        processes[match[1]] = match[2]
    return processes


def check_port(host: str, port: int) -> None:
    """
    Raises:
        CannotStart: Nobody can listen there now.
    """
    try:
        # With SO_REUSEADDR, as gunicorn does it: connections of the last start may linger.
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            why = f"Port {port} on {host} is taken by another program: stop that one, or take another port"
        elif error.errno == errno.EACCES:
            why = f"Port {port} may not be used by your user: take one above 1023"
        else:
            raise CannotStart(
                f"Cannot listen on {host}, port {port} ({error.strerror}): check HOST and PORT."
            ) from error
        raise CannotStart(f"{why}, e.g. `PORT={port + 1 if 1023 < port < 65535 else 4001} make start`.") from error


def _read(procfile: Path) -> dict[str, str]:
    try:
        return parse_procfile(procfile.read_text())
    except OSError as error:
        raise CannotStart(
            f"Cannot read {procfile} ({error.strerror}): start in the project's folder, where it lists the processes."
        ) from error


def _command(line: str) -> Command:
    """
    Through the shell, for `${PORT:-4000}` and the like, but replaced by the command, which gets the signals then.

    A line of several commands is left alone: begin its last one with `exec` for the same.
    """
    if not re.search(r"[;&|]", re.sub(r"'[^']*'|\"[^\"]*\"", "", line)):
        line = re.sub(r"^((?:[A-Za-z_]\w*=(?:\"[^\"]*\"|'[^']*'|[^\s\"'])*\s+)*)(?:exec\s+)?", r"\1exec ", line)
    return Command(args=["/bin/sh", "-c", line])


def _environment(settings: Settings) -> dict[str, str]:
    # The folder of this Python first: `celery`, `gunicorn` and `vocaqueue` are those of the same environment.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    ours = {"PYTHONUNBUFFERED": "1", "PATH": path, "HOST": settings.host, "PORT": str(settings.port)}
    return dict(os.environ) | ours


def _url(settings: Settings) -> str:
    host = ANYWHERE.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def _answers(settings: Settings) -> bool:
    try:
        with socket.create_connection((ANYWHERE.get(settings.host, settings.host), settings.port), timeout=0.2):
            return True
    except OSError:
        return False


def _greeting(settings: Settings, make_link: Callable[[Settings], str] | None) -> str:
    if not make_link:
        return f"The dashboard: {_url(settings)}\nCtrl-C stops everything."
    try:
        link = make_link(settings)
    except Exception as error:  # no reason to end a system that runs
        return f"The dashboard runs at {_url(settings)}, but no sign-in link could be made: {error}"
    return f"The dashboard; this link signs you in once:\n{link}\nCtrl-C stops everything."
