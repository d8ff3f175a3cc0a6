"""
Celery's settings of this deployment, for whoever wants them by name (`celery --config celeryconfig …`).

The app that `celery -A workers` finds is configured with the same function; an embedder calls it for his own.
"""

from vocaqueue import Settings, load_registry
from vocaqueue.engine.config import celery_settings

_settings = Settings.from_env()
globals().update(celery_settings(_settings, load_registry(_settings.job_types)))
