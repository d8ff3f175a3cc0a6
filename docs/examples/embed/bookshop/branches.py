"""Each branch has a namespace: jobs, workers, streams and limits of its own in one Redis."""

from __future__ import annotations

from vocaqueue import QueueManager, Settings

from .job_types import JOB_TYPES


def queue_of(branch: str) -> QueueManager:
    """The branch's jobs, for whoever submits or reads them."""
    return QueueManager(Settings.from_env(namespace=branch), JOB_TYPES)


def own_branch() -> str:
    """The branch that this process works for: VOCAQUEUE_NAMESPACE."""
    return Settings.from_env().namespace
