"""What a client of the stream gets when it comes back, where the parts that feed it meet: no gap, nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.admin.conftest import Client, make_app
from tests.admin.test_stream import is_number, numbers, say
from tests.system.systems import until
from tests.toys import Toy
from vocaqueue import QueueManager
from vocaqueue.admin import hub as hub_module
from vocaqueue.admin.hub import Hub
from vocaqueue.store.events import EventLog


def told(hub: Hub, queue: QueueManager) -> Callable[[], bool]:
    """Whether the reader has handed out all that there is."""
    return lambda: hub.told is not None and hub.told.position == queue.event_log.position()


def test_more_than_the_reader_keeps_comes_out_of_the_log(queue: QueueManager, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A client that comes back after more events than are kept in memory gets those that are not, too.
    """
    monkeypatch.setattr(hub_module, "RECENT_FRAMES", 20)
    app = make_app(queue)
    client = Client(app)
    first = client.events()
    first.named("queue-stats")
    say(queue, 0)
    last_id = first.until(is_number(0))["id"]
    first.close()
    for number in range(1, 71):
        say(queue, number)
    until(told(app.extensions["admin"].hub, queue))
    again = client.events(last_id=last_id)
    again.until(is_number(70))
    assert numbers(again.seen) == list(range(1, 71))
    again.close()
    app.extensions["admin"].close()


def test_what_the_reader_hands_out_again_is_not_sent_again(app: Flask, queue: QueueManager) -> None:
    """
    A reader that goes on from an earlier place, or that a client was ahead of, repeats what the client has.
    """
    hub = app.extensions["admin"].hub
    stream = Client(app).events()
    stream.named("queue-stats")
    before = hub.told
    for number in range(3):
        say(queue, number)
    stream.until(is_number(2))
    until(told(hub, queue))
    hub._place = before
    until(told(hub, queue))
    say(queue, 3)
    stream.until(is_number(3))
    assert numbers(stream.seen) == [0, 1, 2, 3]
    stream.close()


def test_a_client_that_comes_first_hears_nothing_from_before(app: Flask, queue: QueueManager) -> None:
    """
    Not even the one event that came just before it.
    """
    keeps_the_reader_awake = Client(app).events()
    keeps_the_reader_awake.named("queue-stats")
    say(queue, 1)
    until(told(app.extensions["admin"].hub, queue))
    stream = Client(app).events()
    stream.named("queue-stats")
    say(queue, 2)
    stream.until(is_number(2))
    assert numbers(stream.seen) == [2]
    stream.close()
    keeps_the_reader_awake.close()


def test_whether_the_end_is_known_is_not_looked_for_in_the_whole_log(
    client: Client, queue: QueueManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A client that comes back with the id of a job's end is told so, 204, after a look at what followed closely.
    """
    job = queue.add(Toy(ids=("a",)))
    stream = client.events(f"/events/job/{job.id}")
    queue.cancel(job.id)
    last_id = stream.named("job-cancelled")["id"]
    stream.close()
    monkeypatch.setattr("vocaqueue.admin.stream.LONG_AFTER_MS", 0)  # so that what follows came long after
    for number in range(50):
        say(queue, number)
    asked: list[Any] = []
    read = EventLog.read
    monkeypatch.setattr(
        EventLog, "read", lambda self, *place, **how: asked.append(how["block_ms"]) or read(self, *place, **how)
    )
    assert client.get(f"/events/job/{job.id}", headers={"Last-Event-ID": last_id}).status_code == 204
    assert asked.count(None) == 1
