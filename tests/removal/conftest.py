"""A queue with its bin in a database of its own; jobs are ended by the ledger's own steps, without a worker."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.admin.conftest import Client, make_app
from tests.model.real import Real
from tests.toys import JOB_TYPES, Toy
from vocaqueue import QueueManager
from vocaqueue.engine.housekeeping import Housekeeping
from vocaqueue.store.ledger import Ledger

CLAIM = {"holder": "a test", "hard_ms": 60_000, "finishes": False, "first": 1000, "chunk_ms": 2000, "chunk_max": 1000}


class Removing(QueueManager):
    """A QueueManager with what these tests do to jobs."""

    def begin(self, job_id: str) -> str:
        """As a worker would; answers the lease's token."""
        token = secrets.token_hex(8)
        number = int(self.ledger.client.hget(self.ledger.keys("job", job_id), "line"))
        answer = self.ledger.step("lease_claim", job=job_id, ticket=number, token=token, **CLAIM)
        assert answer.state == "lease"
        return token

    def run(self, job_id: str, failing: int = 0) -> None:
        """Claim all items and settle them; the first `failing` fail."""
        total = int(self.get(job_id).record.progress.total or 0)
        token = self.begin(job_id)
        failed = [[i, f"w{i}", f"word {i}", "bad_row", "It will never work.", False, None] for i in range(failing)]
        self.ledger.step(
            "lease_commit",
            token=token,
            seq=1,
            done=[[failing, total]],
            failed=failed,
            cost_nano=7,
            jitter=0,
            close=True,
        )

    def completed(self, *, failing: int = 0, ids: int = 3, **given: Any) -> str:
        job_id: str = self.add(Toy(ids=[f"w{i}" for i in range(ids)]), **given).record.id
        self.run(job_id, failing)
        return job_id

    def waiting(self, **given: Any) -> str:
        return str(self.add(Toy(ids=["a", "b"]), **given).record.id)

    def raw(self) -> dict[str, Any]:
        """All of the namespace but streams, counts, the broker's, what is kept for a lost reply or a late ticket."""
        raw = Real.read(self.ledger.client, self.ledger.keys.prefix).raw
        left_out = (
            "minute:",
            "quarter:",
            "event",
            "progress",
            "audit",
            "told:",
            "gone:",
            "preview:",
            "broker:",
            "lease:",
            "login:",
        )
        return {key: value for key, value in raw.items() if not key.startswith(left_out)}

    def mentions(self, job_id: str) -> list[str]:
        """Keys that name the job in any way."""
        return [key for key, value in self.raw().items() if job_id in key or job_id in str(value)]

    def events(self) -> list[dict[str, Any]]:
        return Real.read(self.ledger.client, self.ledger.keys.prefix).events()


@pytest.fixture
def queue(make_ledger: Callable[..., Ledger], tmp_path: Path) -> Iterator[Removing]:
    settings = make_ledger(
        storage_url=f"file://{tmp_path}/files", database_url=f"sqlite:///{tmp_path}/queue.db", sse_heartbeat_s=0.2
    ).settings
    made = Removing(settings, JOB_TYPES)
    yield made
    made.close()


@pytest.fixture
def housekeeping(queue: Removing) -> Housekeeping:
    return Housekeeping(queue.settings, queue.job_types)


@pytest.fixture
def app(queue: Removing) -> Iterator[Flask]:
    made = make_app(queue)
    yield made
    made.extensions["admin"].close()


@pytest.fixture
def client(app: Flask) -> Client:
    return Client(app)


@pytest.fixture
def operator(app: Flask) -> Client:
    return Client(app, "operator")
