"""The Celery app: one task and one queue per job type."""

from __future__ import annotations

from typing import Any

from celery import Celery, Task

from ..registry import JobType, Registry
from ..settings import Settings
from .config import celery_settings
from .unwatch import UnwatchingAMQP


def create_celery_app(settings: Settings, job_types: Registry, name: str = "vocaqueue") -> Celery:
    """An app whose workers can run the given job types, and whose clients can send their tickets."""
    app = Celery(name, set_as_current=False, amqp=UnwatchingAMQP)
    app.config_from_object(celery_settings(settings, job_types))
    for job_type in job_types:
        _register(app, job_type)

    from . import worker  # signals and boot steps of worker processes; costs nothing elsewhere

    worker.attach(app, settings, job_types)
    return app


def _register(app: Celery, job_type: JobType) -> Task:
    @app.task(name=job_type.name, bind=True, time_limit=job_type.limits.hard_timeout_s, priority=None)
    def ticket(self: Any, job_id: str, number: int) -> str:
        from .runner import run_ticket

        return run_ticket(job_type, job_id, number, self.request.hostname or "")

    return ticket
