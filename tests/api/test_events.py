"""The events of the contract, as a client of the running service sees them: names, fields, order, rates."""

from __future__ import annotations

import http.client
import json
import signal
import threading
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.api.web import Web
from tests.system.systems import until
from tests.toys import Toy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]

BASE = "/api/admin/queue"
KEY = {"Authorization": "Bearer key"}
#: What the data of each event has beside `timestamp`.
JOB = {"jobId", "type", "status", "progress"}
FIELDS = {
    "job-created": JOB,
    "job-active": JOB,
    "job-progress": JOB,
    "job-completed": JOB,
    "job-failed": JOB | {"error"},
    "job-cancelled": JOB,
    "job-paused": JOB,
    "job-resumed": JOB,
    "job-delayed": JOB | {"runAt", "reason"},
    "job-retrying": JOB | {"run"},
    "job-removed": JOB,
    "job-restored": JOB,
    "queue-paused": set(),
    "queue-resumed": set(),
    "jobs-changed": {"action", "affected"},
    "worker-online": {"worker"},
    "worker-offline": {"worker"},
}
PROGRESS = {"total", "completed", "failed", "skipped", "percent", "currentItem", "itemsPerSecond", "etaSeconds"}


class Listener:
    """A client of a stream over a socket of its own."""

    def __init__(self, web: Web, path: str = "/events", last_id: str | None = None) -> None:
        self.line = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
        self.line.request("GET", BASE + path, headers=KEY | ({"Last-Event-ID": last_id} if last_id else {}))
        self.response = self.line.getresponse()
        self.events: list[dict[str, Any]] = []
        self.has_ended = False
        threading.Thread(target=self._read, daemon=True).start()

    def named(self, name: str, job_id: str | None = None) -> list[dict[str, Any]]:
        return [e for e in self.events if e["event"] == name and job_id in {None, e["data"].get("jobId")}]

    def wait(self, name: str, job_id: str | None = None, timeout_s: float = 40.0) -> dict[str, Any]:
        try:
            until(lambda: self.named(name, job_id), timeout_s)
        except AssertionError:
            raise AssertionError(f"no {name} among {[e['event'] for e in self.events]}") from None
        return self.named(name, job_id)[0]

    def _read(self) -> None:
        try:
            fields: dict[str, str] = {}
            for raw in self.response:
                name, _, value = raw.decode().rstrip("\n").partition(":")
                if raw != b"\n":
                    fields[name] = value
                    continue
                if "data" in fields:
                    data = json.loads(fields["data"])
                    self.events.append({"event": fields["event"], "id": fields.get("id"), "data": data})
                fields = {}
        except (OSError, ValueError, AttributeError):
            pass
        self.has_ended = True


def call(web: Web, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    line = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
    text = None if body is None else json.dumps(body)
    line.request(method, BASE + path, text, KEY | ({"Content-Type": "application/json"} if text else {}))
    answer = line.getresponse()
    raw = answer.read()
    line.close()
    return answer.status, json.loads(raw)["data"] if raw and answer.status < 300 else raw


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    made = Web(tmp_path)
    made.system.reconciler()
    yield made
    made.system.stop()


def test_every_event_of_the_contract_comes_with_its_fields(web: Web, tmp_path: Path) -> None:
    """
    Jobs that live every kind of life, holds, bulk acts, a worker that comes and goes: each name, with what it carries.
    """
    system = web.system
    all_ = Listener(web)
    assert all_.wait("queue-stats")["data"] == call(web, "GET", "/stats")[1]
    system.relay()
    system.worker("toys", ["toy"], children=1)
    all_.wait("worker-online")
    log = str(tmp_path / "calls")
    ids = [f"i{number}" for number in range(40)]

    def make(**body: Any) -> str:
        status, made = call(web, "POST", "/jobs/toy", {"log": log, **body})
        assert status == 201, made
        return made["jobId"]

    done = make(ids=ids, seconds=0.05, tag="a", fail={"i3": ["final"]})
    own = Listener(web, f"/events/job/{done}")
    all_.wait("job-completed", done)
    until(lambda: own.has_ended)
    assert {e["data"]["jobId"] for e in own.events} == {done}
    assert own.events[-1]["event"] == "job-completed"
    failed = make(ids=["x"], tag="b", fail={"x": ["final"]})
    assert all_.wait("job-failed", failed)["data"]["error"].keys() >= {"code", "message"}
    call(web, "POST", f"/jobs/{failed}/retry")
    all_.wait("job-retrying", failed)
    until(lambda: len(all_.named("job-failed", failed)) == 2)
    late = make(ids=["x"], delay=3600)
    call(web, "POST", f"/jobs/{late}/cancel")
    all_.wait("job-cancelled", late)
    call(web, "DELETE", f"/jobs/{late}")
    all_.wait("job-removed", late)
    call(web, "POST", f"/bin/{late}/restore")
    all_.wait("job-restored", late)
    call(web, "POST", "/action", {"action": "pause", "type": "toy"})
    assert all_.wait("queue-paused")["data"]["type"] == "toy"
    held = make(ids=["x"], tag="c")
    call(web, "POST", f"/jobs/{held}/pause")
    call(web, "POST", "/action", {"action": "resume", "type": "toy"})
    all_.wait("queue-resumed")
    all_.wait("job-paused", held)
    call(web, "POST", f"/jobs/{held}/resume")
    all_.wait("job-resumed", held)
    all_.wait("job-completed", held)
    call(web, "POST", "/action", {"action": "clean", "options": {"status": "completed", "grace": 0}})
    assert all_.wait("jobs-changed")["data"]["affected"] >= 1
    flaky = make(ids=["x"], tag="d", fail={"x": ["later"]})
    assert all_.wait("job-delayed", flaky)["data"]["reason"] == "retry"
    system.kill("toys", signal.SIGTERM)
    assert all_.wait("worker-offline")["data"]["worker"].startswith("toys@")

    said = defaultdict(list)
    for event in all_.events:
        said[event["event"]].append(event)
    assert set(FIELDS) <= set(said), f"missing: {set(FIELDS) - set(said)}"
    for name, events in said.items():
        for event in events:
            if name == "queue-stats":
                assert event["id"] is None
                assert event["data"].keys() >= {"waiting", "active", "isPaused", "jobCounts", "types"}
                continue
            assert event["id"], f"{name} has no id"
            assert event["data"].keys() >= FIELDS[name] | {"timestamp"}, f"{name}: {event['data']}"
            if "progress" in event["data"]:
                assert event["data"]["progress"].keys() >= PROGRESS
    orders = [tuple(map(int, e["id"].split(".")[1].split("-"))) for e in all_.events if e["id"]]
    assert orders == sorted(set(orders)), "the ids grow, and none comes twice"
    progress = all_.named("job-progress", done)
    assert progress[-1]["data"]["progress"]["percent"] == 100, "the last state is said"
    _at_most(5, 1.0, progress)


def _at_most(count: int, within_s: float, events: list[dict[str, Any]]) -> None:
    times = [datetime.fromisoformat(event["data"]["timestamp"]).timestamp() for event in events]
    for first, after in zip(times, times[count:], strict=False):
        assert after - first >= within_s - 0.002, f"more than {count} in {within_s:g} s"


def test_a_bulk_act_tells_those_who_follow_one_job(web: Web) -> None:
    """
    A job that goes with many others has one event for all; who follows just this one hears that it is gone.
    """
    queue = web.system.queue
    jobs = [queue.add(Toy(ids=("a",)), delay_s=3600) for _ in range(3)]
    own = Listener(web, f"/events/job/{jobs[0].id}")
    status, _ = call(web, "POST", "/jobs/bulk", {"action": "cancel", "ids": [job.id for job in jobs]})
    assert status == 200
    assert own.wait("job-cancelled")["data"]["jobId"] == jobs[0].id
    until(lambda: own.has_ended)


def waiting(web: Web, path: str, into: list[tuple[int, Any]]) -> threading.Thread:
    thread = threading.Thread(target=lambda: into.append(call(web, "GET", path)))
    thread.start()
    return thread


def test_waiting_ends_with_the_job_and_costs_the_server_nothing(web: Web) -> None:
    """
    A hundred calls that wait for a job are answered when it ends, and hold no connection of the job store meanwhile.
    """
    queue = web.system.queue
    job = queue.add(Toy(ids=("a",)), delay_s=3600)
    answers: list[tuple[int, Any]] = []
    threads = [waiting(web, f"/jobs/{job.id}/wait?timeout=60", answers) for _ in range(100)]
    until(lambda: web.connections() >= 100)
    clients = web.system.valkey.client.info("clients")["connected_clients"]
    assert clients < 60, f"{clients} connections to the job store"
    assert answers == []
    queue.cancel(job.id)
    for thread in threads:
        thread.join(30)
    assert [(status, data["status"]) for status, data in answers] == [(200, "cancelled")] * 100
    other = queue.add(Toy(ids=("a",)), delay_s=3600)
    status, data = call(web, "GET", f"/jobs/{other.id}/wait?timeout=1")
    assert (status, data["status"]) == (200, "delayed")
