"""The Celery app of `vocaqueue worker TYPE`: settings and job types from the environment."""

from __future__ import annotations

from ..registry import load_registry
from ..settings import Settings
from .app import create_celery_app

_settings = Settings.from_env()
app = create_celery_app(_settings, load_registry(_settings.job_types))
