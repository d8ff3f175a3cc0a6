"""The Celery app that `celery -A bookshop …` finds, of the branch in VOCAQUEUE_NAMESPACE."""

from vocaqueue import Registry, Settings, create_celery_app

from .job_types import JOB_TYPES

app = create_celery_app(Settings.from_env(), Registry(JOB_TYPES), name="bookshop")


@app.task(name="bookshop.ping")
def ping() -> str:
    """A plain Celery task of the shop's, beside the job types; in the queue `default`."""
    return "pong"
