"""What is added to a stock Celery worker: children made ready, deaths of children reported, slots made known."""

from __future__ import annotations

import logging
import warnings
from typing import Any

from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery import Celery, bootsteps, signals
from celery.exceptions import SecurityWarning
from celery.worker import state

from ..registry import Registry
from ..settings import Settings
from ..store.client import make_client
from ..store.keys import Keys
from ..store.ledger import Ledger
from . import job_log, runner
from .request import holder_name, holder_spoken_of
from .runtime import Runtime, StopFlag
from .tickets import TicketOffice, ticket_of

log = logging.getLogger(__name__)

SLOTS_EVERY_S = 4.0  #: a third of a lease


def attach(app: Celery, settings: Settings, job_types: Registry) -> None:
    """Bind signals and boot steps to one app. Processes that start no worker are not touched by them."""
    # In a container the worker is root as a rule; what makes that dangerous is pickle, and we accept JSON only.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    stopping = StopFlag()

    @signals.worker_process_init.connect(weak=False)
    def make_child_ready(**_: Any) -> None:
        job_log.install()
        runner.use(Runtime(app, settings, job_types, stopping))

    @signals.worker_shutting_down.connect(weak=False)
    def tell_children(**_: Any) -> None:
        stopping.set()

    @signals.task_failure.connect(weak=False)
    def report_death(sender: Any = None, exception: Any = None, args: Any = None, **_: Any) -> None:
        """Celery's main process sends this for a child that is gone; children send it for exceptions."""
        how = {WorkerLostError: "child", TimeLimitExceeded: "limit"}.get(type(exception))
        if how is None or sender is None or sender.name not in job_types.names or stopping.is_set() or not args:
            return
        tell_death((args[0], args[1]), how)

    def tell_death(ticket: tuple[str, int], how: str) -> None:
        try:
            ledger = Ledger(settings)
            holder = holder_spoken_of()
            answer = ledger.step("lease_died", patience_s=0.5, job=ticket[0], ticket=ticket[1], holder=holder, how=how)
            sent = TicketOffice(app, settings).send(answer.tickets)
            if sent:
                ledger.step("ticket_sent", patience_s=0.5, sent=sent)
        except Exception as error:  # its lease runs out by itself
            log.warning("a child's death could not be told to the ledger", extra={"reason": str(error)})

    @signals.task_revoked.connect(weak=False)
    def report_terminated(sender: Any = None, request: Any = None, terminated: bool = False, **_: Any) -> None:
        """Somebody had the child ended that held this ticket: nobody's fault, and no item's."""
        ticket = ticket_of(request.id) if terminated and request is not None else None
        if ticket is not None and sender is not None and sender.name in job_types.names:
            tell_death(ticket, "revoked")

    app.steps["consumer"].add(_slots_step(settings, job_types))


def _slots_step(settings: Settings, job_types: Registry) -> type:
    class Slots(bootsteps.StartStopStep):  # type: ignore[misc]
        """
        Says every few seconds how many slots this worker has for which types, and which tickets its children hold.

        The size of claims depends on the first. The second keeps the lease of a child that cannot beat by itself (a
        handler that holds the interpreter's lock) until it is done or meets its hard limit: a lease that runs out then
        means that a main process is gone, and the items of a handler that hangs do not go from slot to slot.
        """

        requires = ("celery.worker.consumer.tasks:Tasks",)

        def __init__(self, consumer: Any, **_: Any) -> None:
            self.timer: Any = None
            self.client: Any = None
            self.ledger: Any = None
            self.keys = Keys(settings.namespace)

        def start(self, consumer: Any) -> None:
            self.client = make_client(settings.redis_url, read_timeout_s=1.0)
            self.ledger = Ledger(settings, self.client)
            self.timer = consumer.timer.call_repeatedly(SLOTS_EVERY_S, self.say, (consumer,))
            self.say(consumer)

        def say(self, consumer: Any) -> None:
            try:
                seconds, micros = self.client.time()
                now_ms = int(seconds) * 1000 + int(micros) // 1000
                slots = max(1, consumer.pool.num_processes)
                self.beat(consumer)
                consumer.app.vocaqueue.aside.flush()
                for queue in {q.name for q in consumer.task_consumer.queues} & set(job_types.names):
                    self.client.hset(self.keys("slots", queue), consumer.hostname, f"{slots}:{now_ms}")
            except Exception as error:
                log.debug("slots not said", extra={"reason": str(error)})

        def beat(self, consumer: Any) -> None:
            held = [
                [*ticket, holder_name(consumer.hostname, request.worker_pid)]
                for request in state.active_requests
                if (ticket := ticket_of(request.id))
            ]
            if held:
                self.ledger.step("lease_keep", patience_s=0, held=held)

        def stop(self, consumer: Any) -> None:
            if self.timer is not None:
                consumer.timer.cancel(self.timer)
                self.timer = None
            if state.should_stop is not None or state.should_terminate is not None:
                self.forget(consumer)

        def forget(self, consumer: Any) -> None:
            try:
                for name in job_types.names:
                    self.client.hdel(self.keys("slots", name), consumer.hostname)
            except Exception as error:
                log.debug("slots not taken back", extra={"reason": str(error)})

        shutdown = stop

    return Slots
