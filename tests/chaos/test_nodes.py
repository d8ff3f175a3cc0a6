"""The system under pytest-celery's own hands: its nodes kill and restart our worker and our server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import toys
from tests.system.systems import System, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Any]:
    """A pytest-celery setup: two workers, one broker that is the ledger too, no result backend."""
    from pytest_celery import (
        CeleryBrokerCluster,
        CeleryTestSetup,
        CeleryTestWorker,
        CeleryWorkerCluster,
        RedisTestBroker,
    )

    from vocaqueue import QueueManager, Settings

    from .nodes import ValkeyProcess, WorkerProcess

    broker = RedisTestBroker(ValkeyProcess())
    env = {
        "REDIS_URL": broker.config()["host_url"],
        "STORAGE_URL": f"file://{tmp_path / 'files'}",
        "VOCAQUEUE_JOB_TYPES": "tests.toys:JOB_TYPES",
    }
    queue = QueueManager(Settings.from_env(env), toys.JOB_TYPES, patience_s=20)
    app = queue._office.app
    workers = [CeleryTestWorker(WorkerProcess(name, "toy", tmp_path, env), app) for name in ("one", "two")]
    made = CeleryTestSetup(CeleryWorkerCluster(*workers), CeleryBrokerCluster(broker), None, app)
    made.queue, made.env = queue, env
    yield made
    queue.close()
    made.teardown()
    for node in (*made.worker_cluster, *made.broker_cluster):  # which it leaves alone
        node.teardown()


def test_nodes_killed_and_restarted_in_the_middle_of_a_job(setup: Any, system: System, tmp_path: Path) -> None:
    """A worker node killed and restarted, then the broker node: the job goes on, and each item counts once."""
    system.env |= setup.env
    system.reconciler()
    assert len(setup) == 3
    assert setup.ready(ping=False, control=True, docker=True)
    log = tmp_path / "calls"
    job = setup.queue.add(toys.Toy(ids=[f"i{n}" for n in range(1500)], seconds=0.01, log=str(log)))

    until(lambda: len(toys.calls(log)) > 200)
    setup.worker.kill()
    assert setup.worker.container.status == "exited"
    setup.worker.restart()
    setup.worker.assert_log_exists("ready.")

    until(lambda: len(toys.calls(log)) > 700)
    setup.broker.restart()
    job.wait(90)
    assert (job.progress.completed, job.progress.failed) == (1500, 0)
    assert len(toys.calls(log)) <= 1500 + 10  # what the killed worker's two children had in hand
