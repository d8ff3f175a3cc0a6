"""`vocaqueue keys`: API keys, listed, made and revoked."""

from __future__ import annotations

import click

from ..api_key import ROLES, KeyStatus
from .common import as_json, open_queue, plain, print_json


@click.group(invoke_without_command=True)
@click.option("--status", "statuses", multiple=True, type=click.Choice([s.value for s in KeyStatus]))
@click.option("--page", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@as_json
@click.pass_context
def keys(ctx: click.Context, statuses: tuple[str, ...], page: int, limit: int, json_: bool) -> None:
    """
    List the API keys, without their secrets; `add` makes one, `revoke` ends one.

    Example: vocaqueue keys --status active
    """
    if ctx.invoked_subcommand:
        return
    found = open_queue().keys.page(statuses=statuses, page=page, limit=limit)
    if json_:
        print_json(found.as_dict())
        return
    from .show import keys_table

    keys_table(found)


@keys.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default="viewer", show_default=True)
@click.option("--days", type=float, help="It ends after so many; left out: never.")
@click.option("--expires-at", metavar="TIME", help="It ends then, such as 2030-01-31T09:00:00+09:00.")
@as_json
def add(name: str, role: str, days: float | None, expires_at: str | None, json_: bool) -> None:
    """
    Make a key and show it, this once: only its hash is kept.

    Example: vocaqueue keys add "nightly import" --role operator --days 90
    """
    from .times import time

    if days is not None and expires_at is not None:
        raise click.UsageError("Give --days or --expires-at, not both.")
    end = time(expires_at) if expires_at is not None else None
    made = open_queue().keys.make(name, role, expires_at=end, days=days)
    if json_:
        print_json(made.as_dict())
        return
    click.echo(made.text)
    until = made.as_dict()["expiresAt"]
    click.echo(
        f"This is the only time it is shown. It is “{plain(made.key.name)}”, {role}, "
        f"{f'until {until}' if until else 'without an end'}; "
        f"`vocaqueue keys revoke {made.key.id}` ends it.",
        err=True,
    )


@keys.command()
@click.argument("key_id", metavar="ID")
@as_json
def revoke(key_id: str, json_: bool) -> None:
    """
    End a key at once and for good, with the sessions that it began.

    Example: vocaqueue keys revoke 4k2m9x1q7t0c
    """
    ended = open_queue().keys.revoke(key_id).as_dict()
    if json_:
        print_json(ended)
    else:
        click.echo(f"{key_id} (“{plain(ended['name'])}”) is revoked.")
