"""Commands that take jobs away and put them back: delete, clean, empty, bin, restore; and bulk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..job import FINAL, JobStatus, iso
from .common import as_json, open_queue, print_json

if TYPE_CHECKING:
    pass

BY = "cli"  #: who removed it, in the bin's list
skips_bin = click.option("--skip-bin", is_flag=True, help="For good, with its files: no restoring.")
of_type = click.option("--type", "type_name", metavar="TYPE", help="Only of this type.")
at_most = click.option("--limit", type=click.IntRange(min=1), help="Not more than so many.")


@click.command()
@click.argument("job_id")
@skips_bin
@as_json
def delete(job_id: str, skip_bin: bool, json_: bool) -> None:
    """
    Take an ended job away; it can be restored for 24 hours.

    Example: vocaqueue delete export-1f0c9a2b7d3e
    """
    entry = open_queue().remove(job_id, by=BY, skip_bin=skip_bin)
    until = iso(entry.expires_at_ms) if entry else None
    if json_:
        print_json({"jobId": job_id, "restorableUntil": until})
    else:
        back = f"; `vocaqueue restore {job_id}` brings it back until {until}." if until else " for good."
        click.echo(f"{job_id} is deleted{back}")


@click.command()
@click.option("--grace", "grace_s", type=float, required=True, metavar="SECONDS", help="At least so long ago.")
@click.option(
    "--status",
    type=click.Choice(sorted(status.value for status in FINAL)),
    default="completed",
    show_default=True,
    help="How they ended.",
)
@of_type
@at_most
@skips_bin
@as_json
def clean(grace_s: float, status: str, type_name: str | None, limit: int | None, skip_bin: bool, json_: bool) -> None:
    """
    Take away jobs that ended so long ago; they can be restored for 24 hours.

    Example: vocaqueue clean --grace 86400 --status failed
    """
    queue = open_queue()
    removed = queue.clean(grace_s=grace_s, status=status, type_name=type_name, limit=limit, by=BY, skip_bin=skip_bin)
    _say("clean", removed, json_, f"{status} ")


@click.command()
@of_type
@click.option("--delayed", is_flag=True, help="Jobs that wait for a time as well.")
@at_most
@skips_bin
@as_json
def empty(type_name: str | None, delayed: bool, limit: int | None, skip_bin: bool, json_: bool) -> None:
    """
    Take away all jobs that never began, held ones too; they can be restored for 24 hours.

    Example: vocaqueue empty --type image-generation
    """
    removed = open_queue().empty(type_name=type_name, delayed=delayed, limit=limit, by=BY, skip_bin=skip_bin)
    _say("empty", removed, json_, "waiting ")


def _say(action: str, affected: int, json_: bool, kind: str) -> None:
    if json_:
        print_json({"action": action, "affected": affected})
    else:
        click.echo(f"{affected:,} {kind}{'job' if affected == 1 else 'jobs'} removed.")


@click.command(name="bin")
@click.option("--type", "types", multiple=True, help="Only of this type.")
@click.option("--page", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@as_json
def bin_(types: tuple[str, ...], page: int, limit: int, json_: bool) -> None:
    """
    List what was removed by hand in the last 24 hours.

    Example: vocaqueue bin --type export
    """
    found = open_queue().bin(types=types, page=page, limit=limit)
    if json_:
        print_json(found.as_dict())
        return
    from .show import bin_table

    bin_table(found)


@click.command()
@click.argument("job_id")
@as_json
def restore(job_id: str, json_: bool) -> None:
    """
    Put a removed job back as it was; one that had not ended goes on.

    Example: vocaqueue restore export-1f0c9a2b7d3e
    """
    job = open_queue().restore(job_id).record
    if json_:
        print_json(job.as_dict())
    else:
        click.echo(f"{job.id} is {job.status.value}.")


@click.command()
@click.argument("action", type=click.Choice(["retry", "cancel", "delete", "pause", "resume"]))
@click.argument("job_ids", nargs=-1)
@click.option("--type", "types", multiple=True, help="All of this type.")
@click.option("--status", "statuses", multiple=True, type=click.Choice([s.value for s in JobStatus]))
@click.option("--created-by", help="All that this one submitted.")
@click.option("--label", "labels", multiple=True, help="All with this label.")
@click.option("--name", help="All with this in their name.")
@click.option("--dry-run", is_flag=True, help="Only say what would be touched.")
@click.option("--preview", "preview_id", metavar="ID", help="Just the jobs that a dry run showed.")
@skips_bin
@as_json
def bulk(
    action: str,
    job_ids: tuple[str, ...],
    types: tuple[str, ...],
    statuses: tuple[str, ...],
    created_by: str | None,
    labels: tuple[str, ...],
    name: str | None,
    dry_run: bool,
    preview_id: str | None,
    skip_bin: bool,
    json_: bool,
) -> None:
    """
    Do one thing to many jobs, named or chosen by options.

    Example: vocaqueue bulk retry --type export --status failed --dry-run
    """
    from ..engine.bulk import JobFilter

    chosen = JobFilter(types=types, statuses=statuses, created_by=created_by, labels=labels, name=name)
    if sum((bool(job_ids), not chosen.is_empty, preview_id is not None)) != 1:
        raise click.UsageError("Name jobs, or choose them by options, or give --preview ID.")
    which: dict[str, Any] = {"ids": job_ids or None, "filter": None if chosen.is_empty else chosen}
    queue = open_queue()
    for type_name in types:
        queue.job_types.get(type_name)
    if dry_run:
        if preview_id is not None:
            raise click.UsageError("Leave out --dry-run to act on a preview.")
        shown = queue.bulk_preview(action, **which)
        said = f"{action} would touch {shown['count']:,} jobs and skip {shown['skippedCount']:,}. "
        said += f"To do it: vocaqueue bulk {action} --preview {shown['previewId']}"
    else:
        result = queue.bulk(action, **which, preview_id=preview_id, by=BY, skip_bin=skip_bin)
        shown = result.as_dict()
        said = f"{action}: {result.affected:,} jobs, {len(result.skipped):,} skipped."
        for code, count in shown["counts"]["byCode"].items():
            said += f"\n  {code}: {count:,}"
    if json_:
        print_json(shown)
    else:
        click.echo(said)


COMMANDS = (delete, clean, empty, bin_, restore, bulk)
