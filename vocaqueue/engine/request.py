"""
Which child a main process speaks of.

Celery's signals name a task, and so a ticket; after the ledger was put back in time its number may be given again, and
the lease that is found by it be another child's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from celery.worker.request import Request

_spoken_of: ContextVar[str | None] = ContextVar("spoken_of", default=None)


def holder_name(hostname: str | None, pid: int | None) -> str:
    """A child of a worker, as `run_ticket` names it when it claims. It holds one lease at a time."""
    return f"{hostname or ''}/{pid}"


def holder_spoken_of() -> str | None:
    """The child whose failure is being handled. None where its process is not known."""
    return _spoken_of.get()


class TicketRequest(Request):  # type: ignore[misc]
    """
    Celery's request, that says which child had it while its failure is handled.

    https://docs.celeryq.dev/en/stable/userguide/tasks.html#requests-and-custom-requests
    """

    def on_failure(self, *args: Any, **kwargs: Any) -> Any:
        with self._speaking():
            return super().on_failure(*args, **kwargs)

    def on_timeout(self, *args: Any, **kwargs: Any) -> Any:
        with self._speaking():
            return super().on_timeout(*args, **kwargs)

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        pid = self.worker_pid
        token = _spoken_of.set(None if pid is None else holder_name(self.hostname, pid))
        try:
            yield
        finally:
            _spoken_of.reset(token)
