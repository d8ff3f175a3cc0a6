"""
Submits with idempotency keys while the service, and once the job store, is killed: each key has exactly one job.

VOCAQUEUE_SUBMITS=10000 VOCAQUEUE_KILLS=20 is the long form; `-s` shows what was met.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.api.test_browser import Web
from tests.system.systems import until

SUBMITS = int(os.environ.get("VOCAQUEUE_SUBMITS", "1000"))
KILLS = int(os.environ.get("VOCAQUEUE_KILLS", "3"))
CLIENTS = 8
PAUSE_S = 0.05  #: of a client between two tries
EXPECTED = frozenset({200, 201, 502, 503})  #: of answers; a connection that breaks is none

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 if SUBMITS <= 1000 else 3600)]


class Clients:
    """Threads that each submit their share, and ask again under the same key until they are answered."""

    def __init__(self, url: str, submits: int) -> None:
        self.submits = submits
        self.url = f"{url}/api/admin/queue/jobs/toy"
        self.answered: dict[str, str] = {}  #: key -> job id
        self.statuses: Counter[int] = Counter()
        self.broken = 0  #: tries whose connection broke, or never came about
        self._threads = [threading.Thread(target=self._work, args=(n,), daemon=True) for n in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def submit(self, session: requests.Session, key: str) -> str:
        """The job's id, once there is an answer."""
        while True:
            try:
                answer = session.post(
                    self.url,
                    json={"ids": [key], "tag": key},
                    headers={"Authorization": "Bearer key", "Idempotency-Key": key},
                    timeout=10,
                )
            except requests.RequestException:
                self.broken += 1
                session.close()
            else:
                self.statuses[answer.status_code] += 1
                if answer.status_code in {200, 201}:
                    return str(answer.json()["data"]["jobId"])
            time.sleep(PAUSE_S)

    def _work(self, number: int) -> None:
        session = requests.Session()
        for submit in range(number, self.submits, CLIENTS):
            key = f"key-{submit}"
            self.answered[key] = self.submit(session, key)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    made = Web(tmp_path)
    yield made
    made.system.stop()


def kill_service(web: Web) -> None:
    """kill -9 of gunicorn and all that it started; then it is started again, as a supervisor would."""
    os.killpg(web.process.pid, signal.SIGKILL)
    web.process.wait()
    web.system.again("web")


def check(web: Web, clients: Clients) -> None:
    """Each key was answered with a job of its own, which is there once, and no other job is."""
    submits = clients.submits
    print(f"{submits} submits: answers {dict(clients.statuses)}, {clients.broken} broken connections")
    assert set(clients.statuses) <= EXPECTED, clients.statuses
    assert len(clients.answered) == submits
    ids = set(clients.answered.values())
    assert len(ids) == submits, "no two keys share a job"
    found: dict[str, str] = {}
    page = 1
    while items := web.system.queue.jobs(page=page, limit=1000).items:
        found |= {job.id: job.params["tag"] for job in items}
        page += 1
    assert found == {job_id: key for key, job_id in clients.answered.items()}
    assert web.system.queue.stats()["jobCounts"]["toy"] == submits
    session = requests.Session()
    for key in list(clients.answered)[:: max(1, submits // 50)]:
        assert clients.submit(session, key) == clients.answered[key], "a late repeat finds the same job"


def test_a_killed_service_makes_no_job_twice_and_forgets_none(web: Web) -> None:
    """gunicorn is killed again and again in the middle of submits; every client is answered in the end."""
    clients = Clients(web.url, SUBMITS)
    for kill in range(1, KILLS + 1):
        until(lambda at=kill * SUBMITS // (KILLS + 1): len(clients.answered) >= at, 600, 0.001)
        kill_service(web)
    clients.join()
    assert clients.broken >= KILLS, "the kills met submits"
    check(web, clients)


def test_a_killed_job_store_makes_no_job_twice_and_forgets_none(web: Web) -> None:
    """What was answered was on the disk before, so it outlives a kill -9 of Valkey, also together with the service."""
    submits = max(SUBMITS * 2 // 5, CLIENTS)
    clients = Clients(web.url, submits)
    until(lambda: len(clients.answered) >= submits // 3, 600, 0.001)
    web.system.valkey.restart(60)
    until(lambda: len(clients.answered) >= 2 * submits // 3, 600, 0.001)
    kill_service(web)
    web.system.valkey.restart(60)
    clients.join()
    check(web, clients)
