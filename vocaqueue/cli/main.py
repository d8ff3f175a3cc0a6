"""The `vocaqueue` command. Exit status 0, 1 (it failed), 2 (wrong use)."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from ..errors import BadRequest, VocaqueueError
from ..job import JobRecord
from ..settings import Settings
from . import removal
from .common import as_json, open_queue, print_json
from .dead_letters import dead_letters
from .flower import flower
from .limits import limits
from .logs import logs
from .schedules import schedules
from .times import time

if TYPE_CHECKING:
    from datetime import datetime

    from ..engine.queue import QueueManager

STATUSES = ("waiting", "active", "delayed", "paused", "completed", "failed", "cancelled")


class _Group(click.Group):
    """Says our errors as one sentence instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BadRequest as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(2)
        except VocaqueueError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(1)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vocaqueue")
def main() -> None:
    """Bulk jobs that survive kill -9 and count every item once."""


@main.command()
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


@main.command()
@click.argument("type_name", metavar="TYPE")
@click.option("--params", default="{}", help="The job's parameters as a JSON object, camelCase.")
@click.option(
    "-p", "--param", "pairs", multiple=True, metavar="NAME=VALUE", help="One parameter; VALUE is JSON or text."
)
@click.option("--priority", default="normal", show_default=True, help="critical, high, normal, low, or 1 to 4.")
@click.option("--name", help="What people call this job.")
@click.option("--label", "labels", multiple=True)
@click.option("--delay", type=click.FloatRange(min=0), help="Seconds before which it must not start.")
@click.option("--run-at", type=time, help="Not before this time, such as 2030-01-31T09:00:00+09:00.")
@click.option("--deadline", type=float, metavar="SECONDS", help="It fails if it has not ended by then.")
@click.option("--unique/--not-unique", default=None, help="Refuse it while one with the same parameters has not ended.")
@click.option("--idempotency-key", metavar="KEY", help="The same key and request again answer the first job.")
@click.option("--watch", "then_watch", is_flag=True, help="Follow it until it has ended.")
@as_json
def submit(
    type_name: str,
    params: str,
    pairs: tuple[str, ...],
    priority: str,
    name: str | None,
    labels: tuple[str, ...],
    delay: float | None,
    run_at: datetime | None,
    deadline: float | None,
    unique: bool | None,
    idempotency_key: str | None,
    then_watch: bool,
    json_: bool,
) -> None:
    """
    Submit a job of TYPE and print its id.

    Example: vocaqueue submit content-generation -p 'filter={"level": "B1"}' --watch
    """
    from ..engine.submission import Options

    fields = _fields(params, pairs)
    queue = open_queue()
    options = Options(
        priority=priority,
        created_by="cli",
        name=name,
        labels=labels,
        delay_s=delay,
        run_at=run_at,
        deadline_s=deadline,
        unique=unique,
        idempotency_key=idempotency_key,
    )
    made = queue.submission(queue.parse(type_name, fields), options).make()
    if made is None or made.job is None:
        job_id = "" if made is None else made.job_id
        if json_:
            print_json({"id": job_id, "removed": True})
        else:
            click.echo(job_id)
            click.echo("Note: it was submitted before, and has been removed since.", err=True)
        return
    job = made.job
    if json_:
        print_json(job.as_dict())
    else:
        click.echo(job.id)
        if not made.is_new:
            click.echo("Note: it was submitted before, under the same key.", err=True)
        for warning in job.warnings:
            click.echo(f"Note: {warning.get('message', warning['code'])}", err=True)
    if then_watch:
        _watch(queue, [job.id], quiet=json_)


def _fields(params: str, pairs: tuple[str, ...]) -> dict[str, Any]:
    try:
        fields = json.loads(params)
    except ValueError as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint="--params") from None
    if not isinstance(fields, dict):
        raise click.BadParameter('must be a JSON object, such as {"style": "minimal"}', param_hint="--params")
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise click.BadParameter(f"{pair!r} should read like name=value", param_hint="--param")
        try:
            fields[name] = json.loads(value)
        except ValueError as error:
            if value[:1] in {"{", "[", '"'}:
                raise click.BadParameter(f"{name}: not JSON: {error}", param_hint="--param") from None
            fields[name] = value
    return fields


@main.command()
@click.option("--type", "types", multiple=True, help="Only of this type.")
@click.option("--status", "statuses", multiple=True, type=click.Choice(STATUSES), help="Only in this status.")
@click.option("--page", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@as_json
def jobs(types: tuple[str, ...], statuses: tuple[str, ...], page: int, limit: int, json_: bool) -> None:
    """
    List jobs, newest first.

    Example: vocaqueue jobs --status active --status failed
    """
    found = open_queue().jobs(types=types, statuses=statuses, page=page, limit=limit)
    if json_:
        shown = [job.as_dict() for job in found.items]
        print_json(
            {"items": shown, "page": page, "limit": limit, "total": found.total, "totalPages": found.total_pages}
        )
        return
    from .show import jobs_table

    jobs_table(found)


@main.command()
@click.argument("job_id")
@as_json
def show(job_id: str, json_: bool) -> None:
    """
    Show one job whole.

    Example: vocaqueue show export-1f0c9a2b7d3e
    """
    job = open_queue().get(job_id)
    if json_:
        print_json(job.record.as_dict())
        return
    from .show import job_sheet

    job_sheet(job.record)


@main.command()
@click.argument("job_ids", nargs=-1)
def watch(job_ids: tuple[str, ...]) -> None:
    """
    Follow jobs with live progress bars until they have ended; without ids, all that are active or waiting.

    Exit status 1 if one of them failed or was cancelled. Example: vocaqueue watch export-1f0c9a2b7d3e
    """
    queue = open_queue()
    chosen = list(job_ids) or [j.id for j in queue.jobs(statuses=("active", "waiting"), limit=20).items]
    if not chosen:
        click.echo("No job is active or waiting.")
        return
    _watch(queue, chosen)


def _watch(queue: QueueManager, job_ids: list[str], quiet: bool = False) -> None:
    from .show import follow

    ended_well = follow(queue, job_ids, quiet=quiet)
    sys.exit(0 if ended_well else 1)


@main.command()
@click.argument("job_id")
@as_json
def cancel(job_id: str, json_: bool) -> None:
    """
    Stop a job; what was done stays done.

    Example: vocaqueue cancel export-1f0c9a2b7d3e
    """
    _say(open_queue().cancel(job_id).record, json_)


@main.command()
@click.argument("job_id", required=False)
@click.option("--type", "type_name", metavar="TYPE", help="All jobs of this type, in place of one job.")
@click.option("--all", "everything", is_flag=True, help="Everything, in place of one job.")
@as_json
def pause(job_id: str | None, type_name: str | None, everything: bool, json_: bool) -> None:
    """
    Hold a job, a type or everything; what is in hand ends first.

    Example: vocaqueue pause --type image-generation
    """
    _hold(True, job_id, type_name, everything, json_)


@main.command()
@click.argument("job_id", required=False)
@click.option("--type", "type_name", metavar="TYPE", help="All jobs of this type, in place of one job.")
@click.option("--all", "everything", is_flag=True, help="Everything, in place of one job.")
@as_json
def resume(job_id: str | None, type_name: str | None, everything: bool, json_: bool) -> None:
    """
    Let a held job, type or everything go on where it was.

    Example: vocaqueue resume export-1f0c9a2b7d3e
    """
    _hold(False, job_id, type_name, everything, json_)


def _hold(held: bool, job_id: str | None, type_name: str | None, everything: bool, json_: bool) -> None:
    if sum((job_id is not None, type_name is not None, everything)) != 1:
        raise click.UsageError("Name one job, or --type TYPE, or --all.")
    queue = open_queue()
    if job_id is not None:
        _say((queue.pause if held else queue.resume)(job_id).record, json_)
        return
    changed = (queue.pause_all if held else queue.resume_all)(type_name)
    if json_:
        print_json({"action": "pause" if held else "resume", "type": type_name, "changed": changed})
    else:
        now = "held" if held else "not held"
        click.echo(f"{type_name or 'Everything'} is {'' if changed else 'already ' if held else ''}{now}.")


@main.command()
@click.argument("job_id")
@click.option("--code", "codes", multiple=True, help="Only failures with this code, and what was not tried.")
@as_json
def retry(job_id: str, codes: tuple[str, ...], json_: bool) -> None:
    """
    Run an ended job again: just what failed or was not done.

    Example: vocaqueue retry export-1f0c9a2b7d3e --code timed_out
    """
    _say(open_queue().retry(job_id, codes=codes or None).record, json_)


def _say(job: JobRecord, json_: bool) -> None:
    if json_:
        print_json(job.as_dict())
    else:
        click.echo(
            f"{job.id} is {'stopping' if job.cancel_requested and not job.status.is_final else job.status.value}."
        )


@main.command()
@as_json
def stats(json_: bool) -> None:
    """
    Count jobs by status and type.

    Example: vocaqueue stats --json
    """
    counts = open_queue().stats()
    if json_:
        print_json(counts)
        return
    from .show import stats_table

    stats_table(counts)


@main.command()
@as_json
def workers(json_: bool) -> None:
    """
    List the workers that the relay knows.

    Example: vocaqueue workers
    """
    known = open_queue().workers()
    if json_:
        print_json(known)
        return
    from .show import workers_table

    workers_table(known)


@main.command()
@as_json
def doctor(json_: bool) -> None:
    """
    Print each setting with where it came from, and check each part.

    Example: vocaqueue doctor
    """
    from .doctor import examine

    sys.exit(0 if examine(json_) else 1)


@main.command()
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


@main.command()
@click.option("-l", "--loglevel", default="WARNING", show_default=True)
def beat(loglevel: str) -> None:
    """
    Run Celery beat over the table of schedules. Any number may run.

    Example: vocaqueue beat -l INFO
    """
    import os

    command = [sys.executable, "-m", "celery", "-A", "vocaqueue.engine.main", "beat", "-l", loglevel]
    os.execv(sys.executable, command)  # noqa: S606 - beat takes this process's place, and its signals


@main.command()
def reconciler() -> None:
    """Make good what was lost: silent leases, lost tickets, due retries. Any number may run; one is at work."""
    from ..engine.reconciler import Reconciler
    from ..registry import load_registry

    settings = Settings.from_env()
    _until_stopped(Reconciler(settings, load_registry(settings.job_types)).run)


@main.command()
def relay() -> None:
    """Put the life of Celery's workers and tasks into the event stream."""
    from ..engine.relay import Relay
    from ..registry import load_registry

    settings = Settings.from_env()
    _until_stopped(Relay(settings, load_registry(settings.job_types)).run)


def _until_stopped(run: Callable[[Callable[[], bool]], None]) -> None:
    import logging

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    stopped = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    run(lambda: stopped)


main.add_command(dead_letters)
main.add_command(flower)
main.add_command(limits)
main.add_command(logs)
main.add_command(schedules)
for command in removal.COMMANDS:
    main.add_command(command)


if __name__ == "__main__":
    main()
