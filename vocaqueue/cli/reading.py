"""Commands that show: jobs, one job, progress as it comes, counts, workers."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from ..job import NEWEST_FIRST, SORTS
from .common import as_json, open_queue, plain, print_json
from .times import time

if TYPE_CHECKING:
    from ..engine.handle import Job
    from ..engine.queue import QueueManager

STATUSES = ("waiting", "active", "delayed", "paused", "completed", "failed", "cancelled")


@click.command()
@click.option("--type", "types", multiple=True, help="Only of this type.")
@click.option("--status", "statuses", multiple=True, type=click.Choice(STATUSES), help="Only in this status.")
@click.option("--priority", "priorities", multiple=True, help="Only of this priority.")
@click.option("-q", "--search", "q", help="Words in the id, name, labels, parameters or failures; parts of words do.")
@click.option("--word", "item_id", help="Only those with the item of this id.")
@click.option("--created-by", help="Only those that this identity submitted.")
@click.option("--failures/--no-failures", default=None, help="Only with, or only without, failed items.")
@click.option("--created-after", type=time, help="Only those of this time or later.")
@click.option("--created-before", type=time, help="Only earlier ones.")
@click.option("--finished-after", type=time, help="Only those that ended then or later.")
@click.option("--finished-before", type=time, help="Only those that ended earlier.")
@click.option(
    "--sort",
    type=click.Choice([sign + name for name in SORTS for sign in ("", "-")]),
    default=NEWEST_FIRST,
    show_default=True,
    metavar="[-]FIELD",
    help=f"By {', '.join(SORTS)}; with - before it the largest first.",
)
@click.option("--page", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@as_json
def jobs(json_: bool, **wanted: Any) -> None:
    """
    List jobs, newest first.

    Example: vocaqueue jobs --status failed --search "학교 timeout" --created-after 2030-01-31T09:00:00+09:00
    """
    found = open_queue().jobs(**wanted)
    if json_:
        print_json(found.as_dict())
        return
    from .show import jobs_table

    jobs_table(found)


@click.command()
@click.argument("job_id")
@click.option("--errors", is_flag=True, help="Every failed item instead; with --json one object a line.")
@as_json
def show(job_id: str, errors: bool, json_: bool) -> None:
    """
    Show one job whole, or with --errors all that failed in it.

    Example: vocaqueue show export-1f0c9a2b7d3e --errors
    """
    job = open_queue().get(job_id)
    if errors:
        _print_errors(job, json_)
        return
    if json_:
        print_json(job.record.as_dict())
        return
    from .show import job_sheet

    job_sheet(job.record)


def _print_errors(job: Job, json_: bool) -> None:
    count = 0
    for failure in job.errors():
        count += 1
        if json_:
            click.echo(json.dumps(failure.as_dict(), ensure_ascii=False))
            continue
        name = f" ({failure.item_name})" if failure.item_name not in {None, failure.item_id} else ""
        # Of failures beyond the newest 10,000 only the code is kept.
        said = "" if failure.message is None else f": {failure.message} ({failure.attempts} tries)"
        click.echo(plain(f"{failure.item_id}{name} {failure.code}{said}"))
    if not count and not json_:
        click.echo("Nothing failed.")


@click.command()
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
    watch_jobs(queue, chosen)


def watch_jobs(queue: QueueManager, job_ids: list[str], quiet: bool = False) -> None:
    from .show import follow

    ended_well = follow(queue, job_ids, quiet=quiet)
    sys.exit(0 if ended_well else 1)


@click.command()
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


@click.command()
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
