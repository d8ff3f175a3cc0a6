"""A time on the command line."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click


class Time(click.ParamType):
    """ISO 8601 with a zone: without one nobody knows which hour is meant."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            read = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time; write it like 2030-01-31T09:00:00Z", param, ctx)
        if read.tzinfo is None:
            self.fail(f"{value!r} has no zone; add one, such as {value}Z or {value}+09:00", param, ctx)
        return read


TIME = Time()
