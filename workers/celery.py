"""The Celery app that `celery -A workers …` finds."""

from vocaqueue import Settings, create_celery_app, load_registry

_settings = Settings.from_env()
app = create_celery_app(_settings, load_registry(_settings.job_types), name="workers")
