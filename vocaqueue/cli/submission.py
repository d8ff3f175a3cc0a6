"""`vocaqueue submit`."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from .common import as_json, open_queue, print_json
from .reading import watch_jobs
from .times import time

if TYPE_CHECKING:
    from ..engine.submission import Submission


@click.command()
@click.argument("type_name", metavar="TYPE")
@click.option("--params", default="{}", help="The job's parameters as a JSON object, camelCase.")
@click.option(
    "-p", "--param", "pairs", multiple=True, metavar="NAME=VALUE", help="One parameter; VALUE is JSON or text."
)
@click.option("--priority", default="normal", show_default=True, help="critical, high, normal, low, or 1 to 4.")
@click.option("--name", help="What people call this job.")
@click.option("--label", "labels", multiple=True)
@click.option("--delay", type=click.FloatRange(min=0), help="Seconds before which it must not start.")
@click.option("--run-at", type=time, help="Not before this time, such as 2030-01-31T09:00:00+09:00.")
@click.option("--deadline", type=float, metavar="SECONDS", help="It fails if it has not ended by then.")
@click.option("--unique/--not-unique", default=None, help="Refuse it while one with the same parameters has not ended.")
@click.option("--idempotency-key", metavar="KEY", help="The same key and request again answer the first job.")
@click.option("--dry-run", is_flag=True, help="Only say what it would come to; nothing is made.")
@click.option("--watch", "then_watch", is_flag=True, help="Follow it until it has ended.")
@as_json
def submit(
    type_name: str,
    params: str,
    pairs: tuple[str, ...],
    priority: str,
    name: str | None,
    labels: tuple[str, ...],
    delay: float | None,
    run_at: datetime | None,
    deadline: float | None,
    unique: bool | None,
    idempotency_key: str | None,
    dry_run: bool,
    then_watch: bool,
    json_: bool,
) -> None:
    """
    Submit a job of TYPE and print its id.

    Example: vocaqueue submit content-generation -p 'filter={"level": "B1"}' --watch
    """
    from ..engine.submission import Options

    fields = fields_of(params, pairs)
    queue = open_queue()
    options = Options(
        priority=priority,
        created_by="cli",
        name=name,
        labels=labels,
        delay_s=delay,
        run_at=run_at,
        deadline_s=deadline,
        unique=unique,
        idempotency_key=idempotency_key,
    )
    submission = queue.submission(queue.parse(type_name, fields), options)
    if dry_run:
        _show_forecast(submission, json_=json_)
        return
    made = submission.make()
    if made is None or made.job is None:
        job_id = "" if made is None else made.job_id
        if json_:
            print_json({"id": job_id, "removed": True})
        else:
            click.echo(job_id)
            click.echo("Note: it was submitted before, and has been removed since.", err=True)
        return
    job = made.job
    if json_:
        print_json(job.as_dict())
    else:
        click.echo(job.id)
        if not made.is_new:
            click.echo("Note: it was submitted before, under the same key.", err=True)
        for warning in job.warnings:
            click.echo(f"Note: {warning.get('message', warning['code'])}", err=True)
    if then_watch:
        watch_jobs(queue, [job.id], quiet=json_)


def _show_forecast(submission: Submission, *, json_: bool) -> None:
    from .estimates import forecast_sheet

    found = submission.forecast()
    if json_:
        print_json(found.as_dict())
        return
    forecast_sheet(found)
    for warning in found.warnings:
        click.echo(f"Note: {warning.get('message', warning['code'])}", err=True)


def fields_of(params: str, pairs: tuple[str, ...]) -> dict[str, Any]:
    try:
        fields = json.loads(params)
    except ValueError as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint="--params") from None
    if not isinstance(fields, dict):
        raise click.BadParameter('must be a JSON object, such as {"style": "minimal"}', param_hint="--params")
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise click.BadParameter(f"{pair!r} should read like name=value", param_hint="--param")
        try:
            fields[name] = json.loads(value)
        except ValueError as error:
            if value[:1] in {"{", "[", '"'}:
                raise click.BadParameter(f"{name}: not JSON: {error}", param_hint="--param") from None
            fields[name] = value
    return fields
