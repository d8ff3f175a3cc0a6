"""Readiness with every part real: who is there is named, and a part that is frozen holds nothing up."""

from __future__ import annotations

import http.client
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.web import Web
from tests.system.systems import until
from tests.toys import JOB_TYPES
from vocaqueue import QueueManager
from vocaqueue.engine.health import KEPT_S, Checks, parts_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]


def ask(web: Web) -> tuple[int, str | None, dict[str, Any]]:
    line = http.client.HTTPConnection("127.0.0.1", web.port, timeout=15)
    line.request("GET", "/readyz")
    answer = line.getresponse()
    text = answer.read().decode()
    line.close()
    assert "127.0.0.1" not in text
    assert web.system.valkey.url not in text
    return answer.status, answer.getheader("Retry-After"), json.loads(text)["data"]


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    made = Web(tmp_path, env={"VOCAQUEUE_SAMPLE": "off"})
    system = made.system
    system._run("release", [sys.executable, "-m", "workers.release"])
    system.processes["release"].wait(60)
    system.worker("all", [job_type.name for job_type in JOB_TYPES], children=1)
    system.relay()
    system.reconciler()
    beat = ["celery", "-A", "workers", "-q", "beat", "-S", "vocaqueue.engine.beat:LedgerScheduler", "-l", "WARNING"]
    system._run("beat", [sys.executable, "-m", *beat])
    system.ready("all")
    until(lambda: ask(made)[0] == 200, 40, 0.5)
    yield made
    for process in system.processes.values():
        if process.poll() is None:
            os.kill(process.pid, signal.SIGCONT)
    made.system.stop()


def test_each_part_is_named_and_a_frozen_one_holds_nothing_up(web: Web) -> None:
    """
    Ready with names and ages; without a reconciler it says so; with the job store frozen it answers all the same.
    """
    _, _, data = ask(web)
    assert set(data["checks"]) >= {
        "jobStore",
        "broker",
        "database",
        "archive",
        "workers",
        "relay",
        "reconciler",
        "beat",
    }
    for kind in ("relay", "reconciler", "beat"):
        (process,) = data["checks"][kind]["processes"]
        assert process["name"].endswith(f":{web.system.processes[kind].pid}")
        assert process["ageSeconds"] < 15
    assert data["checks"]["workers"]["types"]["toy"][0]["worker"].startswith("all@")
    web.system.kill("reconciler", signal.SIGTERM)
    until(lambda: ask(web)[0] == 503, 40, 0.5)
    status, retry_after, data = ask(web)
    assert status == 503
    assert int(retry_after or 0) > 0
    assert [name for name, check in data["checks"].items() if not check["ok"]] == ["reconciler"]
    assert "reconciler" in data["checks"]["reconciler"]["message"]
    web.system.processes["reconciler"].wait(20)
    web.system.again("reconciler")
    until(lambda: ask(web)[0] == 200, 40, 0.5)
    server = web.system.valkey.pid
    os.kill(server, signal.SIGSTOP)
    try:
        until(lambda: ask(web)[0] == 503, 20, 0.2)
        for _ in range(3):  # each is answered, though the first question still hangs
            _, _, data = ask(web)
            assert not data["checks"]["jobStore"]["ok"]
            assert data["checks"]["database"]["ok"]
            time.sleep(1.1)  # longer than an answer is kept
    finally:
        os.kill(server, signal.SIGCONT)
    until(lambda: ask(web)[0] == 200, 40, 0.5)


def test_a_frozen_database_is_asked_once_and_waited_for_a_bounded_time(postgres, make_ledger, tmp_path) -> None:
    """
    PostgreSQL frozen as a whole: the answer says so, however often it is asked, and one question hangs, not many.
    """
    settings = make_ledger(database_url=postgres, storage_url=f"file://{tmp_path}").settings
    queue = QueueManager(settings, JOB_TYPES)
    asked: list[int] = []

    def ask_archive() -> dict[str, Any]:
        asked.append(1)
        return parts_of(queue)["archive"]()  # type: ignore[return-value]

    checks = Checks({"archive": ask_archive, "jobStore": parts_of(queue)["jobStore"]}, longest_s=0.5)
    until(lambda: checks.look()["archive"].ok)
    folder = Path(postgres.partition("host=")[2])
    main = int((folder / "data" / "postmaster.pid").read_text().split()[0])
    server = [main, *map(int, Path(f"/proc/{main}/task/{main}/children").read_text().split())]
    starter = int(Path(f"/proc/{main}/stat").read_text().rpartition(")")[2].split()[1])
    for pid in server:
        os.kill(pid, signal.SIGSTOP)
    try:
        until(lambda: not checks.look()["archive"].ok)
        before = len(asked)
        for _ in range(3):
            found = checks.look()
            assert (found["archive"].ok, found["jobStore"].ok) == (False, True)
            time.sleep(KEPT_S + 0.1)
        assert len(asked) == before
    finally:
        for pid in (*server, starter):  # `runuser` stops with its child
            os.kill(pid, signal.SIGCONT)
    until(lambda: checks.look()["archive"].ok)
    queue.close()
