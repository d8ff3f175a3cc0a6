"""Flower on the same system: it names the workers of the Procfile and a running ticket, and steers."""

from __future__ import annotations

import base64
import json
import os
import shlex
import sys
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.rabbitmq import free_port
from tests.toys import Toy
from vocaqueue.cli.start import parse_procfile

from .systems import ROOT, System, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

KEY = "a-key:of-the-test"
LINES = ("image-generation", "content-generation", "batch-import", "export", "cleanup")


class Flower:
    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"

    def call(self, path: str, *, method: str = "GET", key: str | None = KEY) -> Any:
        request = urllib.request.Request(self.base + path, method=method, data=b"" if method == "POST" else None)
        if key is not None:
            request.add_header("Authorization", "Basic " + base64.b64encode(f"admin:{key}".encode()).decode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            body = answer.read()
            return json.loads(body) if "json" in answer.headers["Content-Type"] else body.decode()

    def answers(self) -> bool:
        try:
            return bool(self.call("/healthcheck"))
        except OSError:
            return False


def _full(workers: dict[str, Any], expected: set[str]) -> dict[str, Any] | None:
    """The workers once all of them have answered every question of Flower's."""
    whole = {name for name, worker in workers.items() if {"stats", "active_queues"} <= worker.keys()}
    return workers if whole >= expected else None


@pytest.fixture
def flower(system: System) -> Flower:
    """The Procfile's five worker lines, one of them also for `toy`, and its Flower."""
    port = free_port()
    system.env |= {
        "VOCAQUEUE_JOB_TYPES": "workers.job_types:JOB_TYPES,tests.toys:JOB_TYPES",
        "VOCAQUEUE_ADMIN_KEY": KEY,
        "FLOWER_PORT": str(port),
    }
    lines = parse_procfile((ROOT / "Procfile").read_text())
    for name in LINES:
        words = shlex.split(lines[name].replace("-Q cleanup", "-Q cleanup,toy"))
        system._run(name, [sys.executable, "-m", *words])
    assert lines["flower"] == "vocaqueue flower"
    system._run("flower", [sys.executable, "-m", "vocaqueue.cli.main", "flower"])
    made = Flower(port)
    until(made.answers, 60)
    return made


def test_flower_names_the_workers_and_a_running_ticket_and_cancels(system: System, flower: Flower) -> None:
    """All five workers with their queues, the ticket that runs now, the queues' lengths; its revoke cancels the job."""
    for key in (None, "wrong"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            flower.call("/api/workers", key=key)
        assert refused.value.code == 401

    host = os.uname().nodename
    expected = {f"{name}@{host}" for name in LINES}
    workers = until(lambda: _full(flower.call("/api/workers?refresh=1"), expected), 60, every_s=0.5)
    assert set(workers) == expected
    assert flower.call("/api/workers?status=1") == dict.fromkeys(expected, True)
    for name in LINES:
        assert name in {queue["name"] for queue in workers[f"{name}@{host}"]["active_queues"]}
    assert workers[f"content-generation@{host}"]["stats"]["pool"]["max-concurrency"] == 5

    job = system.queue.add(Toy(ids=[f"i{n}" for n in range(20_000)], seconds=0.01))

    def running() -> Any:
        tasks = flower.call("/api/tasks?state=STARTED")
        return [task for uuid, task in tasks.items() if uuid.partition("/")[0] == job.record.id]

    (task, *_) = until(running, 30)
    assert (task["name"], task["worker"]) == ("toy", f"cleanup@{host}")
    assert {queue["name"] for queue in flower.call("/api/queues/length")["active_queues"]} >= set(LINES)
    page = flower.call("/workers")
    assert all(name in page for name in expected)

    flower.call(f"/api/task/revoke/{task['uuid']}?terminate=true", method="POST")
    ended = until(lambda: (r := system.queue.get(job.record.id).record).status.is_final and r)
    assert (ended.status.value, ended.progress.failed) == ("cancelled", 0)
    assert KEY not in system.log("flower")
    assert "Traceback" not in system.log("flower")
