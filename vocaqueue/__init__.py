"""
vocaqueue: bulk jobs on Celery that survive kill -9 and count every item once.

    from vocaqueue import JobParams, JobType, QueueManager
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Secret, SecretBytes, SecretStr

from .actor import Actor, acting
from .errors import (
    ArchiveUnavailable,
    AuditFull,
    BadRequest,
    BadSettings,
    Detail,
    DuplicateJob,
    HistoryUnavailable,
    IdempotencyConflict,
    InvalidParams,
    JobCancelled,
    JobEnded,
    JobFailed,
    JobNotFound,
    JobRemoved,
    KeyNotFound,
    KeyRefused,
    KeysUnavailable,
    NoItems,
    NoPreview,
    NotInBin,
    NotSupported,
    ScheduleNotFound,
    SecretsLocked,
    StoreUnavailable,
    TooMany,
    UnknownType,
    VocaqueueError,
    WrongStatus,
)
from .estimate import Basis, Estimate, Forecast
from .files import FileStore
from .handler import Context, Handler
from .job import ItemError, JobRecord, JobStatus, Priority, Progress
from .outcome import Item, JobFatal, Outcome, Plan
from .rates import Rate
from .registry import JobParams, JobType, Limits, Prepared, Registry, Retention, load_registry
from .settings import Settings

if TYPE_CHECKING:
    from .archive.audit import AuditEntry, AuditFilter
    from .archive.bin import BinEntry
    from .engine.app import create_celery_app
    from .engine.bulk import JobFilter
    from .engine.handle import Job
    from .engine.queue import QueueManager
    from .engine.schedules import Schedule
    from .store.events import Event

__all__ = [
    "Actor",
    "ArchiveUnavailable",
    "AuditEntry",
    "AuditFilter",
    "AuditFull",
    "BadRequest",
    "BadSettings",
    "Basis",
    "BinEntry",
    "Context",
    "Detail",
    "DuplicateJob",
    "Estimate",
    "Event",
    "FileStore",
    "Forecast",
    "Handler",
    "HistoryUnavailable",
    "IdempotencyConflict",
    "InvalidParams",
    "Item",
    "ItemError",
    "Job",
    "JobCancelled",
    "JobEnded",
    "JobFailed",
    "JobFatal",
    "JobFilter",
    "JobNotFound",
    "JobParams",
    "JobRecord",
    "JobRemoved",
    "JobStatus",
    "JobType",
    "KeyNotFound",
    "KeyRefused",
    "KeysUnavailable",
    "Limits",
    "NoItems",
    "NoPreview",
    "NotInBin",
    "NotSupported",
    "Outcome",
    "Plan",
    "Prepared",
    "Priority",
    "Progress",
    "QueueManager",
    "Rate",
    "Registry",
    "Retention",
    "Schedule",
    "ScheduleNotFound",
    "Secret",
    "SecretBytes",
    "SecretStr",
    "SecretsLocked",
    "Settings",
    "StoreUnavailable",
    "TooMany",
    "UnknownType",
    "VocaqueueError",
    "WrongStatus",
    "acting",
    "create_celery_app",
    "load_registry",
]

#: Names that bring Celery and Redis with them: loaded when they are first asked for, so that a module which only
#: declares job types stays quick to import.
_HEAVY = {
    "AuditEntry": "archive.audit",
    "AuditFilter": "archive.audit",
    "BinEntry": "archive.bin",
    "Event": "store.events",
    "Job": "engine.handle",
    "JobFilter": "engine.bulk",
    "QueueManager": "engine.queue",
    "Schedule": "engine.schedules",
    "create_celery_app": "engine.app",
}


def __getattr__(name: str) -> Any:
    if name not in _HEAVY:
        raise AttributeError(f"module 'vocaqueue' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"vocaqueue.{_HEAVY[name]}"), name)
