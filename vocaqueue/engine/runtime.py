"""What a worker's child keeps between tickets: connections, handlers, and the word that the worker is being stopped."""

from __future__ import annotations

import logging
import mmap
import os
import sys
from uuid import uuid4

from celery import Celery

from ..errors import BadSettings
from ..files import FileStore
from ..handler import Handler
from ..registry import JobType, Registry, load_object
from ..secrets import SecretBox
from ..settings import Settings, secret_key
from ..store.ledger import Ledger
from .tickets import TicketOffice

log = logging.getLogger(__name__)


class StopFlag:
    """
    A byte shared by a worker's main process and its children.

    Plain shared memory: a lock or a semaphore could be left held by a child that is killed.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 1)

    def set(self) -> None:
        self._memory[0] = 1

    def is_set(self) -> bool:
        return self._memory[0] == 1


class Runtime:
    def __init__(self, app: Celery, settings: Settings, job_types: Registry, stopping: StopFlag) -> None:
        self.app, self.settings, self.job_types, self.stopping = app, settings, job_types, stopping
        self.parent = os.getppid()
        self.ledger = Ledger(settings)
        self.office = TicketOffice(app, settings)
        self.files = FileStore.from_url(settings.storage_url)
        self.secrets = SecretBox(secret_key)
        self._handlers: dict[str, Handler] = {}

    def handler(self, job_type: JobType) -> Handler:
        """The type's code, imported and made at its first ticket. Raises BadSettings."""
        if job_type.name not in self._handlers:
            made = load_object(job_type.handler)()
            if not isinstance(made, Handler):
                raise BadSettings(f"{job_type.handler!r} is not a vocaqueue Handler")
            if not made.defines("run") and not made.defines("run_chunk"):
                raise BadSettings(f"{job_type.handler!r} defines neither run nor run_chunk")
            self._handlers[job_type.name] = made
        return self._handlers[job_type.name]

    @property
    def is_stopping(self) -> bool:
        # Linux ends a child with its parent (Celery asks for it); elsewhere an orphan has to notice by itself.
        return self.stopping.is_set() or os.getppid() != self.parent

    def retire(self, why: str) -> None:
        """
        End this child; Celery starts another.

        A thread that does not end cannot be stopped, and would go on beside the next ticket. The lease is closed by
        now, or runs out by itself.
        """
        log.warning("this worker child ends itself: %s", why)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def new_token() -> str:
    return uuid4().hex
