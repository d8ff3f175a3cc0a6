"""Workers come and go, and the relay says so."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.toys import Noop

from .systems import ROOT, System, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def _names(system: System, worker: str) -> list[str]:
    log = system.queue.event_log
    run, position, found = log.server_run(), "0-0", []
    while batch := log.read(position, run, block_ms=None):
        found += [e.name for e in batch if str(e.data.get("worker", "")).startswith(worker)]
        position = batch[-1].id.partition(".")[2]
    return found


def _control(system: System, *words: str) -> str:
    import os

    return subprocess.run(
        [sys.executable, "-m", "celery", "-A", "workers", *words],
        cwd=ROOT,
        env=os.environ | system.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    ).stdout


def test_a_worker_that_is_shut_down_and_started_again(system: System) -> None:
    """`celery control shutdown` shows as worker-offline within 10 s, its restart as worker-online; so does kill -9."""
    system.relay()
    system.worker("one", ["noop"])
    system.ready("one")
    until(lambda: _names(system, "one") == ["worker-online"], 20)
    _control(system, "control", "shutdown")
    asked = time.monotonic()
    until(lambda: _names(system, "one") == ["worker-online", "worker-offline"], 15)
    assert time.monotonic() - asked < 10
    system.again("one")
    until(lambda: _names(system, "one")[-1] == "worker-online", 30)
    system.kill("one", group=True)
    until(lambda: _names(system, "one")[-1] == "worker-offline", 20)


def test_with_the_relay_off_nothing_else_is_lost(system: System, tmp_path: Path) -> None:
    """Without a relay no worker events appear, and jobs run as ever."""
    system.worker("one", ["noop"])
    system.ready("one")
    job = system.queue.add(Noop(total=2000))
    job.wait(30)
    assert job.progress.completed == 2000
    assert _names(system, "one") == []
    assert system.queue.workers() == {}


def test_celerys_own_tools_see_the_worker(system: System) -> None:
    """`celery inspect` names the worker, its queue and its task."""
    system.worker("one", ["noop"])
    system.ready("one")
    assert "noop" in _control(system, "inspect", "active_queues")
    assert "noop" in _control(system, "inspect", "registered")
