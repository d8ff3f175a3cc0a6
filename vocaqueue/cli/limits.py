"""`vocaqueue limits`: what may run how fast, shown and changed."""

from __future__ import annotations

import re
from typing import Any

import click

from ..errors import BadSettings
from ..rates import Rate
from .common import as_json, open_queue, print_json


class RateParam(click.ParamType[Any]):
    """`10`, `10/1s`, `100/60`: so many starts in so many seconds, one if nothing else is said."""

    name = "MAX/SECONDS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "none":
            return value
        match = re.fullmatch(r"(\d+)(?:/(\d+(?:\.\d+)?)\s*s?)?", value)
        if not match:
            self.fail(f"{value!r} should read like 10/1s (ten starts in a second), or none", param, ctx)
        return int(match[1]), float(match[2] or 1)


@click.command()
@click.argument("type_name", metavar="[TYPE]", required=False)
@click.option("--account", help="A provider's account, in place of a type.")
@click.option("--rate", type=RateParam(), help="Starts in so many seconds, such as 10/1s; `none` takes it away.")
@click.option("--burst", type=click.IntRange(min=0), help="With --rate: so many more after a quiet time.")
@click.option("--max-chunks", help="Chunks of the type that may run at once over all machines; `none` takes it away.")
@as_json
def limits(
    type_name: str | None, account: str | None, rate: Any, burst: int | None, max_chunks: str | None, json_: bool
) -> None:
    """
    Show what may run how fast, or change it for a TYPE or an account; workers obey from their next claim on.

    Example: vocaqueue limits image-generation --rate 10/1s --max-chunks 3
    """
    change = _change(rate, burst, max_chunks)
    if change and (type_name is None) == (account is None):
        raise click.UsageError("Name one TYPE or one --account to change.")
    if account is not None and "max_running_chunks" in change:
        raise click.UsageError("--max-chunks is of a TYPE, not of an account.")
    queue = open_queue()
    if change and type_name:
        queue.limits.set(type_name, **change)
    elif change and account:
        queue.limits.set_account(account, **change)
    elif type_name:
        queue.job_types.get(type_name)
    types, accounts = queue.limits.types(), queue.limits.accounts()
    if type_name or account:
        types = {name: shown for name, shown in types.items() if name == type_name}
        accounts = {name: shown for name, shown in accounts.items() if name == account}
    if json_:
        print_json({"types": types, "accounts": accounts})
        return
    from .show import limits_table

    limits_table(types, accounts)


def _change(rate: Any, burst: int | None, max_chunks: str | None) -> dict[str, Any]:
    change: dict[str, Any] = {}
    if burst is not None and (rate is None or rate == "none"):
        raise click.UsageError("--burst goes with --rate.")
    if rate is not None:
        try:
            change["rate"] = None if rate == "none" else Rate(rate[0], rate[1], burst or 0)
        except BadSettings as error:
            raise click.BadParameter(str(error), param_hint="--rate") from None
    if max_chunks is not None:
        if max_chunks != "none" and not (max_chunks.isdigit() and int(max_chunks)):
            raise click.BadParameter(f"{max_chunks!r} should be a number above 0, or none", param_hint="--max-chunks")
        change["max_running_chunks"] = None if max_chunks == "none" else int(max_chunks)
    return change
