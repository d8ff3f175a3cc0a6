"""Commands that stop, hold, hurry and repeat: one job, a type, everything."""

from __future__ import annotations

import click

from ..job import JobRecord
from .common import as_json, open_queue, print_json


@click.command()
@click.argument("job_id")
@as_json
def cancel(job_id: str, json_: bool) -> None:
    """
    Stop a job; what was done stays done.

    Example: vocaqueue cancel export-1f0c9a2b7d3e
    """
    _say(open_queue().cancel(job_id).record, json_)


@click.command()
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


@click.command()
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


@click.command()
@click.argument("job_id")
@click.option("--code", "codes", multiple=True, help="Only failures with this code, and what was not tried.")
@click.option("--item", "item_ids", multiple=True, metavar="ID", help="Only this failed item, and what was not tried.")
@as_json
def retry(job_id: str, codes: tuple[str, ...], item_ids: tuple[str, ...], json_: bool) -> None:
    """
    Run an ended job again: just what failed or was not done.

    Example: vocaqueue retry export-1f0c9a2b7d3e --code timed_out
    """
    _say(open_queue().retry(job_id, codes=codes or None, item_ids=item_ids or None).record, json_)


@click.command()
@click.argument("job_id")
@as_json
def promote(job_id: str, json_: bool) -> None:
    """
    Let a delayed job run now.

    Example: vocaqueue promote export-1f0c9a2b7d3e
    """
    _say(open_queue().promote(job_id).record, json_)


@click.command()
@click.argument("job_id")
@click.argument("level", metavar="PRIORITY")
@as_json
def priority(job_id: str, level: str, json_: bool) -> None:
    """
    Give a job that has not ended another PRIORITY: critical, high, normal, low, or 1 to 4.

    Example: vocaqueue priority export-1f0c9a2b7d3e critical
    """
    job = open_queue().set_priority(job_id, level).record
    if json_:
        print_json(job.as_dict())
    else:
        click.echo(f"{job.id} has the priority {job.priority.label}.")


def _say(job: JobRecord, json_: bool) -> None:
    if json_:
        print_json(job.as_dict())
    else:
        click.echo(
            f"{job.id} is {'stopping' if job.cancel_requested and not job.status.is_final else job.status.value}."
        )
