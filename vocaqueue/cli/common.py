"""What the commands share."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

from ..errors import NotSupported

if TYPE_CHECKING:
    from ..engine.queue import QueueManager

as_json = click.option("--json", "json_", is_flag=True, help="Print JSON instead of a table.")


def open_queue() -> QueueManager:
    """The queue of this machine's system."""
    from ..engine.queue import QueueManager

    if os.environ.get("VOCAQUEUE_URL"):
        raise NotSupported(
            "VOCAQUEUE_URL: a remote system is not part of this version; unset it to use this machine's."
        )
    return QueueManager.from_env()


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def plain(text: str) -> str:
    """A text of somebody's that cannot steer the terminal on which it is read."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)
