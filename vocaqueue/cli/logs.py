"""`vocaqueue logs`: what a job's handler said."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

import click

from ..errors import StoreUnavailable
from ..job import iso
from .common import open_queue, plain

if TYPE_CHECKING:
    from ..engine.queue import QueueManager
    from ..store.logs import LogLine

EVERY_S = 0.5
LINES_AT_ONCE = 1000


@click.command()
@click.argument("job_id")
@click.option("--after", type=click.IntRange(min=0), default=0, help="Only lines after the one of this number.")
@click.option("-f", "--follow", is_flag=True, help="Go on until the job has ended.")
@click.option("--json", "json_", is_flag=True, help="Print each line as a JSON object.")
def logs(job_id: str, after: int, follow: bool, json_: bool) -> None:
    """
    Print what a job's handler said; the last 10,000 lines are kept.

    Example: vocaqueue logs content-generation-1f0c9a2b7d3e --follow
    """
    queue = open_queue()
    while True:
        # Asked first, so that the last lines of a job that ends now are printed too.
        is_over = not follow or queue.get(job_id).record.status.is_final
        after = _print_after(queue, job_id, after, json_)
        if is_over:
            return
        time.sleep(EVERY_S)


def _print_after(queue: QueueManager, job_id: str, after: int, json_: bool) -> int:
    while True:
        try:
            page = queue.logs(job_id, after=after, limit=LINES_AT_ONCE)
        except StoreUnavailable as error:
            click.echo(f"Note: {error}", err=True)
            time.sleep(1.0)
            continue
        for line in page.lines:
            click.echo(json.dumps(line.as_dict(), ensure_ascii=False) if json_ else _text(line))
        sys.stdout.flush()
        if len(page.lines) < LINES_AT_ONCE:
            return page.next
        after = page.next


def _text(line: LogLine) -> str:
    item = f" [{line.item_id}]" if line.item_id else ""
    return f"{iso(line.at_ms)} {line.level.upper():<8}{item} {plain(line.message)}"
