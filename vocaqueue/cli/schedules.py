"""`vocaqueue schedules`: jobs that come by themselves."""

from __future__ import annotations

from typing import Any

import click

from .common import as_json, open_queue, print_json


@click.group(invoke_without_command=True)
@click.pass_context
def schedules(ctx: click.Context) -> None:
    """
    List, add, remove, turn on and off, and run schedules; without a command: list.

    Example: vocaqueue schedules add cleanup --cron "0 3 * * *" --time-zone Asia/Seoul
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_)


@schedules.command("list")
@as_json
def list_(json_: bool = False) -> None:
    """
    List schedules with their next and last runs.

    Example: vocaqueue schedules list --json
    """
    table, found, page = _table(), [], 1
    while True:
        some, total = table.page(page, 100)
        found += some
        if page * 100 >= total:
            break
        page += 1
    if json_:
        print_json({"items": [schedule.as_dict() for schedule in found], "total": total})
        return
    from .show import schedules_table

    schedules_table([schedule.as_dict() for schedule in found])


@schedules.command()
@click.argument("type_name", metavar="TYPE")
@click.option("--cron", help="minute hour day-of-month month day-of-week, in the time zone.")
@click.option("--every", "every_s", type=int, metavar="SECONDS", help="In place of --cron.")
@click.option("--time-zone", metavar="ZONE", help="IANA name, such as Asia/Seoul; default: VOCAQUEUE_TIME_ZONE.")
@click.option("--params", default="{}", help="The jobs' parameters as a JSON object, camelCase.")
@click.option("-p", "--param", "pairs", multiple=True, metavar="NAME=VALUE", help="One parameter.")
@click.option("--name", help="What people call it.")
@click.option("--priority", default="normal", show_default=True, help="critical, high, normal, low, or 1 to 4.")
@click.option("--off", is_flag=True, help="Add it turned off.")
@as_json
def add(
    type_name: str,
    cron: str | None,
    every_s: int | None,
    time_zone: str | None,
    params: str,
    pairs: tuple[str, ...],
    name: str | None,
    priority: str,
    off: bool,
    json_: bool,
) -> None:
    """
    Add a schedule for jobs of TYPE and print its id.

    Example: vocaqueue schedules add export --every 3600 -p format=jsonl
    """
    from .submission import fields_of

    table = _table()
    made = table.add(
        table.parse(type_name, fields_of(params, pairs)),
        cron=cron,
        every_s=every_s,
        time_zone=time_zone,
        name=name,
        priority=priority,
        enabled=not off,
        created_by="cli",
    )
    if json_:
        print_json(made.as_dict())
    else:
        click.echo(made.id)


@schedules.command()
@click.argument("schedule_id")
def remove(schedule_id: str) -> None:
    """
    Take a schedule away; jobs that it made stay.

    Example: vocaqueue schedules remove nightly-cleanup
    """
    _table().remove(schedule_id)
    click.echo(f"{schedule_id} is removed.")


@schedules.command()
@click.argument("schedule_id")
@as_json
def run(schedule_id: str, json_: bool) -> None:
    """
    Make a schedule's job now and print its id.

    Example: vocaqueue schedules run nightly-cleanup
    """
    job = _table().run(schedule_id, created_by="cli").record
    if json_:
        print_json(job.as_dict())
    else:
        click.echo(job.id)


@schedules.command()
@click.argument("schedule_id")
def on(schedule_id: str) -> None:
    """
    Turn a schedule on; it is due at its first time from now.

    Example: vocaqueue schedules on nightly-cleanup
    """
    _table().update(schedule_id, enabled=True)
    click.echo(f"{schedule_id} is on.")


@schedules.command()
@click.argument("schedule_id")
def off(schedule_id: str) -> None:
    """
    Turn a schedule off.

    Example: vocaqueue schedules off nightly-cleanup
    """
    _table().update(schedule_id, enabled=False)
    click.echo(f"{schedule_id} is off.")


def _table() -> Any:
    return open_queue().schedules
