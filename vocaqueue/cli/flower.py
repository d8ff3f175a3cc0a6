"""`vocaqueue flower`: Celery's own dashboard, on loopback, behind the admin key."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

import click

from ..errors import BadSettings
from ..settings import Settings, read_or_make_secret

USER = "admin"


@click.command()
def flower() -> None:
    """
    Run Flower at http://127.0.0.1:5555 (FLOWER_PORT); user `admin`, password: the admin key.

    Example: FLOWER_PORT=5556 vocaqueue flower
    """
    if find_spec("flower") is None:
        raise BadSettings("Flower is not installed; `pip install flower`, or `make start` once.")
    settings = Settings.from_env()
    key = read_or_make_secret("admin.key", "VOCAQUEUE_ADMIN_KEY")
    if "," in key:
        raise BadSettings("Flower cannot take a password with a comma; set another VOCAQUEUE_ADMIN_KEY.")
    click.echo(f"Flower: http://127.0.0.1:{settings.flower_port}, user {USER}, password: the admin key", err=True)
    # By the environment: a command line can be read by every user of the machine.
    ours = {
        "FLOWER_ADDRESS": "127.0.0.1",
        "FLOWER_PORT": str(settings.flower_port),
        "FLOWER_BASIC_AUTH": f"{USER}:{key}",
    }
    arguments = [sys.executable, "-m", "celery", "-A", "vocaqueue.engine.main", "-q", "flower"]
    os.execve(sys.executable, arguments, dict(os.environ) | ours)  # noqa: S606 - it takes this process's place
