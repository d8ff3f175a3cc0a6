"""`vocaqueue audit`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from ..errors import StoreUnavailable
from .common import as_json, open_queue, plain, print_json
from .times import time

if TYPE_CHECKING:
    from ..engine.audit import Audit


@click.group(invoke_without_command=True)
@click.option("--actor", help="Id or name of whoever acted.")
@click.option("--action", help="job.cancel, key.revoke …; or `job` for all acts on jobs.")
@click.option("--outcome", help="done, or why not: refused, duplicate, forbidden …")
@click.option("--target", help="Id of the job, schedule, key …")
@click.option("--type", "type_name", help="Job type.")
@click.option("--from", "since", type=time, help="At or after this time, such as 2030-01-31T09:00:00+09:00.")
@click.option("--to", "until", type=time, help="Before this time.")
@click.option("-q", "q", help="Part of a target, an actor, an address, or of what was before or after.")
@click.option("--page", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@as_json
def audit(
    since: datetime | None,
    until: datetime | None,
    page: int,
    limit: int,
    json_: bool,
    **fields: Any,
) -> None:
    """
    List who did what to what, when, from where; newest first.

    Example: vocaqueue audit --action job.cancel --from 2030-01-31T00:00:00Z
    """
    if click.get_current_context().invoked_subcommand is not None:
        return
    fields["type"] = fields.pop("type_name")
    queue = open_queue()
    found = queue.audit(page=page, limit=limit, since=since, until=until, **fields)
    if json_:
        print_json(found.as_dict())
    elif not found.items:
        click.echo("No act is stored that fits." if page == 1 else f"There are {found.total_pages} pages.")
    else:
        from .show import audit_table

        audit_table(found)
    _say_what_waits(queue.audit)


def _say_what_waits(log: Audit) -> None:
    """The list is not whole while acts wait in the ledger: nobody may take it for what was done."""
    try:
        waiting = log.waiting()
    except StoreUnavailable:
        return  # the list is the database's
    if waiting:
        note = f"Note: not stored yet, and so not listed: {waiting:,}. The relay does that (`vocaqueue relay`)."
        click.echo(note, err=True)


@audit.command()
@click.option("--known", metavar="NUMBER:HASH", help="A row that `vocaqueue audit head` printed before.")
@as_json
def verify(known: str | None, json_: bool) -> None:
    """
    Check the log's chain of hashes; exit status 1 names the first row that is wrong.

    Example: vocaqueue audit verify
    """
    number, _, hash_ = (known or "").partition(":")
    if known is not None and not (number.isdigit() and len(hash_) == 64):
        said = "should read like 1234:9f86d0…, as `vocaqueue audit head` prints it"
        raise click.BadParameter(said, param_hint="--known")
    found = open_queue().audit.verify(known=(int(number), hash_) if known else None)
    if json_:
        print_json(found.as_dict())
    elif found.broken is None:
        click.echo(f"{found.rows:,} rows are as they were stored. Head: {found.rows}:{found.head}")
    else:
        click.echo(f"Error: the chain is broken: {plain(found.why or '')}.", err=True)
    if found.broken is not None:
        click.get_current_context().exit(1)


@audit.command()
@as_json
def head(json_: bool) -> None:
    """
    Print number and hash of the last row. Kept elsewhere, it proves later that nothing before it was changed.

    Example: vocaqueue audit head >> /mnt/elsewhere/audit-heads
    """
    seq, hash_ = open_queue().audit.head()
    if json_:
        print_json({"seq": seq, "hash": hash_})
    else:
        click.echo(f"{seq}:{hash_}")
