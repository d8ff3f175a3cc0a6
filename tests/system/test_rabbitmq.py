"""RabbitMQ as the broker: priority numbers run the other way, queues cannot be listed; the ledger is the same."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import amqp
import pytest

from tests import rabbitmq
from tests.malformed import bodies
from tests.rabbitmq import PrivateRabbit
from tests.toys import Bulk, Parallel, Toy, calls

from .systems import ROOT, System, until
from .test_celery_tools import celery, inspect

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def rabbit() -> Iterator[PrivateRabbit]:
    if rabbitmq.program() is None:
        pytest.skip("rabbitmq-server is not installed")
    broker = PrivateRabbit().start()
    yield broker
    broker.stop()


@pytest.fixture(scope="module")
def running(rabbit: PrivateRabbit, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A worker for `toy` and `bulk`, none for `parallel`; a reconciler."""
    system = System(tmp_path_factory.mktemp("rabbit"), broker_url=rabbit.url)
    system.worker("main", ["toy", "bulk"])
    system.reconciler()
    system.ready("main")
    yield system
    system.stop()


def test_an_urgent_job_overtakes_a_backlog(running: System) -> None:
    """Jobs run to their ends, and a critical one that comes last is done before most of those that wait."""
    normal = [running.queue.add(Toy(ids=[str(n) for n in range(10)], seconds=0.02)) for _ in range(24)]
    urgent = running.queue.add(Toy(ids=[str(n) for n in range(10)], seconds=0.02), priority="critical")
    low = running.queue.add(Toy(ids=["a"]), priority="low")
    for job in (*normal, urgent, low):
        job.wait(60)
    ended = {job.record.id: running.queue.get(job.record.id).record.finished_at_ms or 0 for job in normal}
    mine = running.queue.get(urgent.record.id).record.finished_at_ms or 0
    assert sum(at > mine for at in ended.values()) > len(normal) / 2
    last = running.queue.get(low.record.id).record.finished_at_ms or 0
    assert sum(at > last for at in ended.values()) <= 2, "the low one may end beside the last of the others"


def test_inspect_revoke_and_purge_work(running: System) -> None:
    """Celery's commands mean on RabbitMQ what they mean on Redis."""
    job = running.queue.add(Toy(ids=[f"i{n}" for n in range(20_000)], seconds=0.01))
    until(lambda: running.queue.get(job.record.id).record.progress.completed > 0)
    active = inspect(running, "active")
    assert {task["id"].partition("/")[0] for tasks in active.values() for task in tasks} == {job.record.id}
    celery(running, "control", "revoke", job.record.id)
    ended = until(lambda: (r := running.queue.get(job.record.id).record).status.is_final and r)
    assert (ended.status, ended.progress.failed) == ("cancelled", 0)

    waiting = [running.queue.add(Parallel(ids=["a"])).record.id for _ in range(20)]
    done = celery(running, "purge", "-f", "-Q", "parallel")
    assert "purged parallel: 20 waiting jobs cancelled" in done.stderr
    purged = re.search(r"Purged (\d+) messages", done.stdout)
    assert purged, done.stdout
    assert int(purged[1]) >= 16, "those in the line, and perhaps tickets that counted no more"
    for job_id in waiting:
        record = running.queue.get(job_id).record
        assert (record.status.value, (record.error or {}).get("code")) == ("cancelled", "purged")


def test_malformed_messages_are_set_aside_here_too(running: System, rabbit: PrivateRabbit) -> None:
    """Each is listed once with its reason, the worker lives, and a good job is done among them."""
    before = running.queue.dead_letters().total
    pid = running.processes["main"].pid
    log_before = len(running.log("main"))
    sent: list[str] = []
    with rabbit.connection() as connection:
        channel = connection.channel()

        def send(reason: str, body: bytes, **properties: object) -> None:
            channel.basic_publish(amqp.Message(body, **properties), routing_key="toy")
            sent.append(reason)

        for n, (reason, body, headers) in enumerate(bodies()):
            known = {"lang": "py", "task": "toy", "id": f"m{n}"} | headers
            text = body if isinstance(body, str) else json.dumps(body)
            flat = {name: value for name, value in known.items() if not isinstance(value, float)}
            send(reason, text.encode(), content_type="application/json", content_encoding="utf-8",
                 application_headers=flat)  # fmt: skip
        send("bad_body", b"not json", content_type="application/json", content_encoding="utf-8")
        send("no_task", b"{}", content_type="application/json", content_encoding="utf-8")
        send("no_task", b"no properties at all")
        send("bad_content_type", b"\x80\x04\x95", content_type="application/x-python-serialize",
             content_encoding="binary", application_headers={"task": "toy", "id": "p"})  # fmt: skip
        good = running.queue.add(Toy(ids=["a", "b"]))
    good.wait(60)
    until(lambda: running.queue.dead_letters().total >= before + len(sent), 60)
    listed = running.queue.dead_letters(limit=100).items[: len(sent)]
    assert running.queue.dead_letters().total == before + len(sent)
    assert Counter(letter.reason for letter in listed) == Counter(sent)
    assert (running.processes["main"].poll(), running.processes["main"].pid) == (None, pid)
    assert "Traceback" not in running.log("main")[log_before:]


def test_doctor_checks_the_broker(running: System, rabbit: PrivateRabbit) -> None:
    """It answers; what an old RabbitMQ needs to be told in its own settings is said; one that is away is an error."""

    def findings(**env: str) -> list[dict[str, str]]:
        words = [sys.executable, "-m", "vocaqueue.cli.main", "doctor", "--json"]
        given = os.environ | running.env | env
        done = subprocess.run(words, cwd=ROOT, env=given, capture_output=True, check=False, timeout=60)
        return [check for check in json.loads(done.stdout)["checks"] if check["part"] == "broker"]

    found = findings()
    assert found[0]["state"] == "ok"
    with rabbit.connection() as connection:
        is_old = connection.server_properties["version"] < "3.12"
    assert any("consumer_timeout" in check["message"] for check in found) == is_old
    (away,) = findings(CELERY_BROKER_URL="amqp://guest:secret@127.0.0.1:1//")
    assert away["state"] == "error"
    assert "secret" not in away["message"]


def test_a_purge_from_elsewhere_is_healed(running: System, rabbit: PrivateRabbit) -> None:
    """Emptied from RabbitMQ's own page, a queue gets the tickets again that were in it, and the jobs run."""
    running.queue.pause_all("bulk")
    job = running.queue.add(Bulk(ids=["a", "b"]))
    running.queue.resume_all("bulk")
    waits = running.queue.add(Parallel(ids=["a"]))
    with rabbit.connection() as connection:
        for queue in ("bulk", "parallel"):
            connection.channel().queue_purge(queue)
        assert connection.channel().queue_declare("parallel", passive=True).message_count == 0
        until(lambda: connection.channel().queue_declare("parallel", passive=True).message_count, 30)
    job.wait(60)
    running.queue.cancel(waits.record.id)


def test_a_restart_of_the_broker_loses_nothing(running: System, rabbit: PrivateRabbit, tmp_path: Path) -> None:
    """In the middle of a job the broker goes and comes back; every item is done, none is called twice."""
    log = tmp_path / "calls"
    pid = running.processes["main"].pid
    job = running.queue.add(Toy(ids=[f"i{n}" for n in range(600)], seconds=0.02, log=str(log)))
    waiting = [running.queue.add(Toy(ids=["w"])) for _ in range(5)]
    until(lambda: len(calls(log)) > 50)
    rabbit.restart()
    for one in (job, *waiting):
        one.wait(120)
    assert Counter(Counter(what for what, _, _ in calls(log)).values()) == {1: 600}
    assert running.queue.get(job.record.id).record.progress.completed == 600
    assert (running.processes["main"].poll(), running.processes["main"].pid) == (None, pid)
