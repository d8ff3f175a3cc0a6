"""Tickets that get lost between the ledger and a worker."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.toys import Noop, Toy, calls
from vocaqueue.store.ledger import Ticket

from .systems import System, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def _lines(system: System) -> list[str]:
    return [key.decode() for key in system.valkey.client.keys("{vq}:broker:noop*")]


def test_tickets_deleted_from_the_broker_are_sent_again(system: System) -> None:
    """Jobs whose messages vanish from the queue run all the same, within seconds."""
    jobs = [system.queue.add(Noop(total=10), priority=level) for level in ("low", "normal", "critical")]
    until(lambda: len(_lines(system)) == 3)
    system.valkey.client.delete(*_lines(system))
    system.reconciler()
    until(lambda: len(_lines(system)) == 3, 20)
    system.worker("one", ["noop"])
    for job in jobs:
        job.wait(30)
    assert all(job.progress.completed == 10 for job in jobs)


def test_doubled_tickets_make_no_second_chain(system: System, tmp_path: Path) -> None:
    """Every message put into the queue three times: each item is called once and the job ends once."""
    log = str(tmp_path / "calls")
    job = system.queue.add(Toy(ids=[f"i{n}" for n in range(100)], log=log))
    client = system.valkey.client
    key = until(lambda: client.keys("{vq}:broker:toy*"))[0]
    message = client.lindex(key, 0)
    client.lpush(key, message, message)
    system.worker("one", ["toy"])
    system.reconciler()
    job.wait(30)
    assert len(calls(log)) == 100


def test_a_ticket_of_an_unknown_type_is_said_once(system: System, caplog: pytest.LogCaptureFixture) -> None:
    """A process that cannot send the tickets of a type says so, once, as the type's jobs stand still."""
    office = system.queue._office
    tickets = [Ticket(f"nobodys-{n}", 1, "nobodys", 3) for n in range(2)]
    assert office.send(tickets) == office.send(tickets) == []
    assert [record.getMessage() for record in caplog.records if "nobodys" in record.getMessage()] == [
        "tickets of nobodys, such as that of nobodys-0, stay in the outbox: this process does not know the type; "
        "restart it with the code and the VOCAQUEUE_JOB_TYPES of the system"
    ]


def test_a_job_that_was_submitted_while_the_broker_refused(system: System) -> None:
    """A ticket that could not be published stays in the outbox, and the reconciler sends it."""
    office = system.queue._office
    system.queue._office = type("Refuses", (), {"send": lambda self, tickets: [], "app": office.app})()
    job = system.queue.add(Noop(total=5))
    system.worker("one", ["noop"])
    system.reconciler()
    job.wait(30)
