"""`vocaqueue dead-letters`."""

from __future__ import annotations

import click

from .common import as_json, open_queue, print_json


@click.command("dead-letters")
@click.option("--page", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@as_json
def dead_letters(page: int, limit: int, json_: bool) -> None:
    """
    List messages that were set aside because they could not be work, newest first.

    Example: vocaqueue dead-letters --limit 5
    """
    found = open_queue().dead_letters(page=page, limit=limit)
    if json_:
        print_json(found.as_dict())
    elif not found.items:
        click.echo("No message was set aside." if page == 1 else f"There are {found.total_pages} pages.")
    else:
        from .show import dead_letters_table

        dead_letters_table(found)
