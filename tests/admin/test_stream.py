"""The live stream: complete, in order, nothing twice, bounded, and honest while the job store is away."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from tests.admin.conftest import BASE, Client, Events, make_app, settings_of
from tests.toys import JOB_TYPES, Toy
from vocaqueue import QueueManager
from vocaqueue.admin import hub as hub_module
from vocaqueue.admin import inbox as inbox_module
from vocaqueue.admin.stream import Stream
from vocaqueue.testing.valkey import PrivateValkey


def say(queue: QueueManager, number: int) -> None:
    queue.ledger.step("event_add", event="worker-online", data={"worker": f"w{number}"})


def numbers(events: list) -> list[int]:
    return [int(event["data"]["worker"][1:]) for event in events if event["event"] == "worker-online"]


def is_number(number: int):
    return lambda event: event["event"] == "worker-online" and event["data"]["worker"] == f"w{number}"


def test_counts_come_at_once_then_what_happens(client, queue):
    """
    A stream begins with the counts, then says each change with its id, then the counts again.
    """
    stream = client.events()
    assert stream.response.headers["X-Accel-Buffering"] == "no"
    assert stream.response.headers["Cache-Control"] == "no-store"
    first = stream.named("queue-stats")
    assert (first["id"], first["data"]["waiting"]) == (None, 0)
    job = queue.add(Toy(ids=("a",)))
    created = stream.named("job-created")
    assert (created["data"]["jobId"], created["data"]["type"]) == (job.id, "toy")
    assert created["data"]["progress"]["total"] == 1
    assert created["id"].split(".")[0] == queue.event_log.server_run()
    assert stream.until(lambda e: e["event"] == "queue-stats" and e["data"]["waiting"] == 1)
    queue.cancel(job.id)
    assert stream.named("job-cancelled")["data"]["status"] == "cancelled"
    stream.close()


def test_counts_at_most_once_a_second(client, queue):
    """
    However much happens, the counts come about once a second.
    """
    stream = client.events()
    stream.named("queue-stats")
    begun = time.monotonic()
    for number in range(60):
        say(queue, number)
        time.sleep(0.05)
    say(queue, 1000)
    stream.until(is_number(1000))
    seconds = time.monotonic() - begun
    assert sum(event["event"] == "queue-stats" for event in stream.seen) <= seconds + 2
    stream.close()


def test_a_silent_stream_has_heartbeats(client):
    """
    Comment lines keep proxies awake while nothing happens.
    """
    stream = client.events()
    stream.named("queue-stats")
    end = time.monotonic() + 10
    while stream.heartbeats < 3 and time.monotonic() < end:
        stream._next()
    assert stream.heartbeats >= 3
    stream.close()


def test_a_stream_that_is_cut_goes_on_without_gap_or_double(app, queue):
    """
    A client that is cut again and again while 600 events are written, and comes back with its last id, gets each once.
    """
    total = 600
    writer = threading.Thread(target=lambda: [say(queue, number) for number in range(total)])
    got: list[int] = []
    stream = Client(app).events()
    stream.named("queue-stats")
    writer.start()
    last_id = None
    while len(got) < total:
        part = []
        while len(part) < 37 and len(got) + len(part) < total:
            event = stream.until(lambda e: e["event"] in {"worker-online", "reset"})
            assert event["event"] != "reset"
            part.append(event)
        got += numbers(part)
        last_id = part[-1]["id"]
        stream.close()
        stream = Client(app).events(last_id=last_id)
    stream.close()
    writer.join()
    assert got == list(range(total))


@pytest.mark.parametrize("last_id", ["nonsense", "00000000.5-0", "0-0", "x" * 5000])
def test_an_id_that_is_not_ours_is_answered_with_a_reset(client, queue, last_id):
    """
    Another server run, or any text: the client gets the present state and the position to go on from.
    """
    stream = client.events(last_id=last_id)
    reset = stream.named("reset")
    assert reset["data"]["stats"]["waiting"] == 0
    assert reset["data"]["position"] == reset["id"]
    say(queue, 1)
    event = stream.until(is_number(1))
    stream.close()
    again = client.events(last_id=reset["id"])
    assert again.until(is_number(1))["id"] == event["id"], "the position of a reset can be resumed from"
    again.close()


def test_an_id_that_was_trimmed_is_answered_with_a_reset(client, queue):
    """
    What the stream does not keep any more cannot be replayed, and is not left out in silence.
    """
    for number in range(20):
        say(queue, number)
    place = f"{queue.event_log.server_run()}.{queue.event_log.position()}"
    for number in range(20):
        say(queue, number)
    queue.ledger.client.xtrim(queue.ledger.keys("events"), maxlen=2, approximate=False)
    stream = client.events(last_id=place)
    stream.named("reset")
    stream.close()


def test_the_stream_of_a_job_ends_with_it(client, queue):
    """
    It says only what is the job's, ends after its terminal event, and a reconnect with that id is 204.
    """
    job, other = queue.add(Toy(ids=("a",))), queue.add(Toy(ids=("b",)))
    stream = client.events(f"/events/job/{job.id}")
    stream._next()
    worker = threading.Timer(0.5, lambda: (queue.cancel(other.id), queue.cancel(job.id)))
    worker.start()
    events = stream.to_the_end()
    assert [event["event"] for event in events] == ["job-cancelled"]
    assert events[0]["data"]["jobId"] == job.id
    again = client.get(f"/events/job/{job.id}", headers={"Last-Event-ID": events[0]["id"]})
    assert (again.status_code, again.data) == (204, b"")


def test_the_stream_of_an_ended_job_says_its_end(client, queue):
    """
    Who comes late gets the terminal event, then the end, and 204 when the browser comes back by itself.
    """
    job = queue.add(Toy(ids=("a",)))
    before = f"{queue.event_log.server_run()}.{queue.event_log.position()}"
    queue.cancel(job.id)
    for last_id in (None, before, "11111111.1-1"):
        events = client.events(f"/events/job/{job.id}", last_id).to_the_end()
        assert [event["event"] for event in events] == ["job-cancelled"]
        again = client.get(f"/events/job/{job.id}", headers={"Last-Event-ID": events[0]["id"]})
        assert again.status_code == 204
    missing = client.get("/events/job/none-1")
    assert (missing.status_code, missing.json["error"]["code"]) == (404, "job_not_found")


def test_a_client_that_does_not_read_is_cut_off(app, client, queue, monkeypatch):
    """
    Its inbox is bounded; the others get everything meanwhile, and it loses nothing when it comes back.
    """
    monkeypatch.setattr(inbox_module, "INBOX_SIZE", 50)
    slow, quick = client.events(), client.events()
    slow.named("queue-stats")
    quick.named("queue-stats")
    say(queue, 0)
    last_id = slow.until(is_number(0))["id"]
    got = [quick.until(is_number(0))]
    for number in range(1, 301):
        say(queue, number)
        got.append(quick.until(is_number(number)))
    assert slow.to_the_end()[-1]["id"] == last_id, "it was cut off"
    assert numbers(got) == list(range(301))
    monkeypatch.setattr(inbox_module, "INBOX_SIZE", 1000)
    back = client.events(last_id=last_id)
    back.until(is_number(300))
    assert numbers(back.seen) == list(range(1, 301))
    for stream in (quick, back):
        stream.close()
    assert app.extensions["admin"].hub.clients == 0


def test_closing_ends_every_stream(app, client):
    """
    When the process stops, open streams end at once rather than hold it up.
    """
    stream = client.events()
    stream.named("queue-stats")
    threading.Timer(0.3, app.extensions["admin"].close).start()
    stream.to_the_end()


@pytest.mark.slow
def test_a_job_store_that_goes_away_and_comes_back(tmp_path: Path):
    """
    Calls answer 503 with Retry-After; a stream says that it is away, sends no counts meanwhile, and then goes on.
    """
    with PrivateValkey(aof=True, fsync="always") as server:
        queue = QueueManager(settings_of(server.url, tmp_path), JOB_TYPES, patience_s=0.3)
        app = make_app(queue)
        client = Client(app)
        stream = client.events()
        stream.named("queue-stats")
        queue.add(Toy(ids=("a",)))
        last_id = stream.named("job-created")["id"]
        server.kill()
        stream.named("store-away")
        for path in ("/stats", "/jobs", "/jobs/toy-1", "/workers", "/jobs/toy-1/wait?timeout=1"):
            answer = client.get(path)
            assert (answer.status_code, answer.json["error"]["code"]) == (503, "store_unavailable"), path
            assert int(answer.headers["Retry-After"]) > 0
        refused = client.post("/jobs/toy", {"ids": ["a"], "delay": 5})
        assert refused.status_code == 503
        silent = len(stream.seen)
        early = client.events(last_id=last_id)  # begins although nobody answers
        early.heartbeats = 0
        while early.heartbeats < 2:
            early._next()
        assert early.seen == []
        server.start()
        assert stream.named("reset")["data"]["stats"]["waiting"] == 1
        assert [event["event"] for event in stream.seen[silent:]] == ["store-back", "reset"]
        assert early.named("reset")["data"]["stats"]["waiting"] == 1
        assert client.post("/jobs/toy", {"ids": ["b"]}).status_code == 201
        assert stream.named("job-created")
        assert early.named("job-created")
        for one in (stream, early):
            one.close()
        app.extensions["admin"].close()
        queue.close()


def test_a_text_with_odd_line_ends_stays_one_event(client, queue):
    """
    Characters that Python takes for line ends, and the stream does not, arrive as they were.
    """
    stream = client.events()
    stream.named("queue-stats")
    odd = "a\u2028b\u2029c\x85d\re\nf"
    queue.ledger.step("event_add", event="worker-online", data={"worker": odd})
    assert stream.named("worker-online")["data"]["worker"] == odd
    stream.close()


def test_a_client_that_heard_nothing_yet_misses_nothing_either(client, queue):
    """
    The id that a stream begins with is one to come back with, though no event was sent.
    """
    stream = client.events()
    stream.named("queue-stats")
    place = stream.last_id
    stream.close()
    say(queue, 7)
    again = client.events(last_id=place)
    assert again.until(is_number(7))
    assert "reset" not in [event["event"] for event in again.seen]
    again.close()


def test_a_log_that_went_back_is_noticed(client, queue, monkeypatch):
    """
    A ledger that was emptied under the same server makes every stream begin again, rather than wait for ever.
    """
    monkeypatch.setattr(hub_module, "LOOK_EVERY_S", 0.2)
    for number in range(5):
        say(queue, number)
    stream = client.events()
    stream.named("queue-stats")
    keys = queue.ledger.client.keys(queue.ledger.keys.prefix + "*")
    queue.ledger.client.unlink(*keys)
    stream.named("reset")
    say(queue, 9)
    assert stream.until(is_number(9))
    stream.close()


def test_a_browser_gives_each_of_its_tabs_a_turn(queue):
    """
    Where a browser opens one stream too many its oldest ends with a pause to come back after; programs are left alone.
    """
    app = make_app(queue)

    def stream(**headers: str) -> Events:
        given = {"X-Role": "viewer", "User-Agent": "Firefox"} | headers
        return Events(app.test_client().get(f"{BASE}/events", headers=given))

    tabs = [stream() for _ in range(queue.settings.sse_per_browser)]
    other, program = stream(**{"User-Agent": "Chrome"}), stream(Authorization="Bearer key")
    for one in (*tabs, other, program):
        one.named("queue-stats")
    newest = stream()
    newest.named("queue-stats")
    tabs[0].to_the_end()
    assert 0 < tabs[0].retry_ms < 2000
    say(queue, 1)
    for one in (*tabs[1:], newest, other, program):
        assert one.until(is_number(1))
    app.extensions["admin"].close()


def test_a_head_request_is_answered_at_once(client):
    """
    It gets the headers of a stream, and holds no place.
    """
    answer = client.call("HEAD", "/events")
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "text/event-stream", b"")


def test_a_write_that_hangs_ends(queue, monkeypatch):
    """
    The connection of a client that takes nothing for a while is ended by the reader, though no inbox is full.
    """
    monkeypatch.setattr(hub_module, "SEND_S", 0.3)
    hub = hub_module.Hub(queue)
    hung_up = threading.Event()
    messages = Stream(hub, None, None, hang_up=hung_up.set).messages()
    next(messages)  # and never asks for the next: its write hangs
    assert hung_up.wait(10)
    time.sleep(1.5 * hub_module.READ_MS / 1000)  # the reader finds it hanging again
    assert hub.cut_off == 1
    messages.close()
    hub.close()
