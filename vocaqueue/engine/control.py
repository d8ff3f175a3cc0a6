"""
Remote control of a worker, where Celery's own words mean something in the ledger.

`revoke` and `terminate` of a job's id (or of one of its tickets, `JOB_ID/17`) cancel the job; `shutdown` is as graceful
as SIGTERM. Everything else is Celery's.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from celery import Celery, signals
from celery.worker import control, state

from ..actor import Actor, acting
from ..errors import StoreUnavailable
from ..store.client import make_client
from ..store.ledger import Ledger
from .tickets import TicketOffice, ticket_of

log = logging.getLogger(__name__)

PATIENCE_S = 2.0
READ_TIMEOUT_S = 1.0
#: A broadcast does not say who sent it.
REMOTE_CONTROL = Actor("celery", "Celery remote control", None, "celery", socket.gethostname())


class Control:
    """The commands of one worker of our app."""

    def __init__(self, app: Celery) -> None:
        self.app = app
        self.settings = app.vocaqueue.settings
        self._ledger: Ledger | None = None

    def handlers(self) -> dict[str, Callable[..., Any]]:
        """Celery's commands with ours in their place."""
        ours = {"revoke": self.revoke, "terminate": self.terminate, "shutdown": self.shutdown}
        return dict(control.Panel.data) | ours

    def revoke(self, panel: Any, task_id: Any, terminate: bool = False, signal: Any = None, **options: Any) -> Any:
        """
        Cancel the jobs among these ids, and do what Celery does with the others.

        With `terminate` the children that hold a ticket of theirs are ended at once; nobody is blamed for that.
        The ids of tickets are not remembered as revoked: a retry may give out the very number that was named.
        """
        ids = [task_id] if isinstance(task_id, str) else [str(one) for one in task_id or ()]
        try:
            cancelled = {job_id for job_id in map(_job_of, ids) if self._cancel(job_id)}
        except StoreUnavailable as error:
            return {"error": str(error)}
        others = [one for one in ids if _job_of(one) not in cancelled]
        held = [request.id for request in list(state.active_requests) if _job_of(request.id) in cancelled]
        named = others + (held if terminate else [])
        said = ""
        if named or not cancelled:
            said = str(control.revoke(panel, named, terminate=terminate, signal=signal, **options).get("ok", ""))
            for ticket in held:
                state.revoked.discard(ticket)
        if cancelled:
            said = f"cancelled: {', '.join(sorted(cancelled))}" + (f"; {said}" if said else "")
        return {"ok": said}

    def terminate(self, panel: Any, signal: Any, task_id: Any, **options: Any) -> Any:
        return self.revoke(panel, task_id, terminate=True, signal=signal, **options)

    def shutdown(self, panel: Any, msg: str = "Got shutdown from remote", **options: Any) -> Any:
        # Celery says this only for a signal; our children hear of it there and hand back what they have not begun.
        signals.worker_shutting_down.send(sender=panel.hostname, sig="remote", how="Warm", exitcode=0)
        state.should_stop = 0
        return control.shutdown(panel, msg=msg, **options)

    def _cancel(self, job_id: str) -> bool:
        """Cancel the job. Answers whether there is one of that id that had not ended. Raises StoreUnavailable."""
        if self._ledger is None:
            self._ledger = Ledger(self.settings, make_client(self.settings.redis_url, read_timeout_s=READ_TIMEOUT_S))
        with acting(REMOTE_CONTROL):
            answer = self._ledger.step("job_cancel", patience_s=PATIENCE_S, id=job_id, token=uuid4().hex)
        if answer.state == "refused":  # it has ended; perhaps by the same broadcast, through another worker
            return answer.data.get("status") == "cancelled"
        if answer.state == "gone":
            return False
        log.warning("job %s is cancelled: it was revoked by remote control", job_id)
        self._ledger.wait_for_disk()
        if sent := TicketOffice(self.app, self.settings).send(answer.tickets):
            self._ledger.step("ticket_sent", patience_s=PATIENCE_S, sent=sent)
        return True


def _job_of(task_id: str) -> str:
    ticket = ticket_of(task_id)
    return ticket[0] if ticket else task_id
