"""The Celery app: one task and one queue per job type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from celery import Celery, Task

from ..registry import JobType, Registry
from ..settings import Settings
from .aside import Aside
from .config import celery_settings
from .postpone import Postponer
from .purge import Purge
from .transport import amqp_of


@dataclass(frozen=True, slots=True)
class Parts:
    """What our hooks in Celery find at `app.vocaqueue`."""

    settings: Settings
    job_types: Registry
    aside: Aside
    postponer: Postponer
    purge: Purge


REQUEST = "vocaqueue.engine.request:TicketRequest"  #: by name: only a worker loads it


def create_celery_app(settings: Settings, job_types: Registry, name: str = "vocaqueue") -> Celery:
    """An app whose workers can run the given job types, and whose clients can send their tickets."""
    aside, purge = Aside(settings), Purge(settings, job_types)
    app = Celery(name, set_as_current=False, amqp=amqp_of(aside, purge))
    app.vocaqueue = Parts(settings, job_types, aside, Postponer(settings), purge)
    purge.app = app
    app.config_from_object(
        celery_settings(settings, job_types) | {"worker_consumer": "vocaqueue.engine.consumer:Consumer"}
    )
    for job_type in job_types:
        _register(app, job_type)

    from . import worker  # signals and boot steps of worker processes; costs nothing elsewhere

    worker.attach(app, settings, job_types)
    return app


def _register(app: Celery, job_type: JobType) -> Task:
    @app.task(name=job_type.name, bind=True, time_limit=job_type.limits.hard_timeout_s, priority=None, Request=REQUEST)
    def ticket(self: Any, job_id: str, number: int) -> str:
        from .runner import run_ticket

        return run_ticket(job_type, job_id, number, self.request.hostname or "")

    return ticket
