"""Commands that run a process of the system, all of them, or look them over."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import click

from ..settings import Settings
from .common import as_json


@click.command()
@click.option("--procfile", type=click.Path(path_type=Path), default=Path("Procfile"), show_default=True)
def start(procfile: Path) -> None:
    """
    Run the whole system of this folder until Ctrl-C.

    Example: PORT=4001 vocaqueue start
    """
    from .start import start as run

    sys.exit(run(Settings.from_env(), procfile, make_link=_sign_in_link))


def _sign_in_link(settings: Settings) -> str:
    from ..store.ledger import Ledger
    from ..store.logins import Logins

    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104
    return f"http://{host}:{settings.port}/login?token={Logins(Ledger(settings)).issue('admin')}"


@click.command()
@as_json
def doctor(json_: bool) -> None:
    """
    Print each setting with where it came from, and check each part.

    Example: vocaqueue doctor
    """
    from .doctor import examine

    sys.exit(0 if examine(json_) else 1)


@click.command()
@click.argument("type_name", metavar="TYPE")
@click.option("-c", "--concurrency", type=click.IntRange(min=1), help="Slots; default: what the type says.")
@click.option("-l", "--loglevel", default="WARNING", show_default=True)
def worker(type_name: str, concurrency: int | None, loglevel: str) -> None:
    """
    Run the worker line of one job type.

    Example: vocaqueue worker export -c 2
    """
    import os

    from ..registry import load_registry

    settings = Settings.from_env()
    job_type = load_registry(settings.job_types).get(type_name)
    arguments = [
        sys.executable, "-m", "celery", "-A", "vocaqueue.engine.main", "worker", "-P", "prefork", "-Q", type_name,
        "-c", str(concurrency or job_type.limits.concurrency), "-n", f"{type_name}@%h", "-E", "-l", loglevel,
        "--without-gossip", "--without-mingle",
    ]  # fmt: skip
    os.execv(sys.executable, arguments)  # noqa: S606 - the worker takes this process's place, and its signals


@click.command()
@click.option("-l", "--loglevel", default="WARNING", show_default=True)
def beat(loglevel: str) -> None:
    """
    Run Celery beat over the table of schedules. Any number may run.

    Example: vocaqueue beat -l INFO
    """
    import os

    command = [sys.executable, "-m", "celery", "-A", "vocaqueue.engine.main", "beat", "-l", loglevel]
    os.execv(sys.executable, command)  # noqa: S606 - beat takes this process's place, and its signals


@click.command()
def reconciler() -> None:
    """Make good what was lost: silent leases, lost tickets, due retries. Any number may run; one is at work."""
    from ..engine.reconciler import Reconciler
    from ..registry import load_registry

    settings = Settings.from_env()
    _until_stopped(Reconciler(settings, load_registry(settings.job_types)).run)


@click.command()
def relay() -> None:
    """Put the life of Celery's workers and tasks into the event stream."""
    from ..engine.relay import Relay
    from ..registry import load_registry

    settings = Settings.from_env()
    _until_stopped(Relay(settings, load_registry(settings.job_types)).run)


def _until_stopped(run: Callable[[Callable[[], bool]], None]) -> None:
    import logging

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of each table that is there already
    stopped = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    run(lambda: stopped)
