"""What the commands share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import click

if TYPE_CHECKING:
    from ..engine.queue import QueueManager

as_json = click.option("--json", "json_", is_flag=True, help="Print JSON instead of a table.")


def open_queue() -> QueueManager:
    """The queue of this machine's system, or, with VOCAQUEUE_URL, what stands in for another one's."""
    from .remote import remote_from_env

    if remote := remote_from_env():
        from .remote_queue import RemoteQueue

        return cast("QueueManager", RemoteQueue(remote))
    from ..engine.queue import QueueManager

    return QueueManager.from_env()


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def plain(text: str) -> str:
    """A text of somebody's that cannot steer the terminal on which it is read."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)
