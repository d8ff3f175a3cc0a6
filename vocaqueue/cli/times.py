"""A time on the command line."""

from __future__ import annotations

from datetime import datetime

import click


def time(value: str) -> datetime:
    """ISO 8601 with a zone: without one nobody knows which hour is meant."""
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no time; write it like 2030-01-31T09:00:00Z") from None
    if read.tzinfo is None:
        raise click.BadParameter(f"{value!r} has no zone; add one, such as {value}Z or {value}+09:00")
    return read
