"""The `vocaqueue` command. Exit status 0, 1 (it failed), 2 (wrong use)."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from ..actor import acting, process_actor
from ..errors import BadRequest, VocaqueueError
from . import processes, reading, removal, steering, submission
from .audit import audit
from .dead_letters import dead_letters
from .flower import flower
from .keys import keys
from .limits import limits
from .logs import logs
from .schedules import schedules


class _Group(click.Group):
    """Says our errors as one sentence instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BadRequest as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(2)
        except VocaqueueError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(1)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vocaqueue")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Bulk jobs that survive kill -9 and count every item once."""
    # As celery, flask and gunicorn do, so that VOCAQUEUE_JOB_TYPES finds the code of the folder it is run in.
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    ctx.with_resource(acting(process_actor("cli")))


COMMANDS = (
    submission.submit,
    *(reading.jobs, reading.show, reading.watch, reading.stats, reading.workers),
    *(steering.cancel, steering.pause, steering.resume, steering.retry, steering.promote, steering.priority),
    *removal.COMMANDS,
    *(limits, logs, schedules, dead_letters, audit, keys),
    *(processes.start, processes.doctor, processes.worker, processes.beat, processes.reconciler, processes.relay),
    flower,
)
for command in COMMANDS:
    main.add_command(command)

if __name__ == "__main__":
    main()
