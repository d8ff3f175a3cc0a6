"""The audit log of a real system: Celery's own commands, the relay's archivist, and kills."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.system.systems import ROOT, System, until
from tests.toys import Toy
from vocaqueue import QueueManager, StoreUnavailable
from vocaqueue.cli.main import main

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture
def system(tmp_path: Path):
    made = System(tmp_path)
    yield made
    made.stop()


def celery(system: System, *words: str) -> None:
    command = [sys.executable, "-m", "celery", "-A", "workers", *words]
    subprocess.run(command, cwd=ROOT, env=os.environ | system.env, check=True, capture_output=True, timeout=60)


def stored(system: System) -> list[tuple[str, str, str]]:
    """(action, target, via), oldest first."""
    return [(e.action, e.target, e.via) for e in reversed(system.queue.audit(limit=100).items)]


def test_what_celerys_own_commands_do_is_in_the_log(system: System) -> None:
    """
    `celery control revoke` and `celery purge` are acts on each job that they cancel, via celery.
    """
    system.relay()
    system.queue.pause_all("toy")
    system.worker("one", ["toy"], children=1)
    system.ready("one")
    revoked, waiting = (system.queue.add(Toy(ids=["a"])).record.id for _ in range(2))
    celery(system, "control", "revoke", revoked)
    until(lambda: system.queue.get(revoked).record.status == "cancelled", 20)
    system.kill("one", group=True)
    system.queue.resume_all("toy")
    celery(system, "purge", "-f", "-Q", "toy")
    until(lambda: system.queue.get(waiting).record.status == "cancelled", 20)
    until(lambda: len(stored(system)) == 6, 20)
    assert stored(system) == [
        ("type.pause", "toy", "python"),
        ("job.submit", revoked, "python"),
        ("job.submit", waiting, "python"),
        ("job.cancel", revoked, "celery"),
        ("type.resume", "toy", "python"),
        ("queue.purge", waiting, "celery"),
    ]


def test_the_command_line_lists_and_verifies(system: System) -> None:
    """
    `vocaqueue audit` shows what a command did, by its user; `verify` takes a head that `head` printed.
    """

    def run(*words: str) -> str:
        ran = CliRunner(env=system.env).invoke(main, words)
        assert ran.exit_code == 0, ran.output
        return ran.output

    system.relay()
    job_id = run("submit", "toy", "-p", 'ids=["a"]').strip()
    run("cancel", job_id)
    until(lambda: len(stored(system)) == 2, 20)
    shown = json.loads(run("audit", "--action", "job.cancel", "--json"))["items"]
    assert [(row["target"]["id"], row["actor"]["via"]) for row in shown] == [(job_id, "cli")]
    assert job_id in run("audit", "--target", job_id)
    assert "2 rows" in run("audit", "verify", "--known", run("audit", "head").strip())
    assert CliRunner(env=system.env).invoke(main, ["audit", "verify", "--known", "x"]).exit_code == 2
    assert "2 acts are stored" in CliRunner(env=system.env).invoke(main, ["doctor"]).output


def test_kills_of_the_store_and_the_relay_leave_one_row_for_each_act(system: System) -> None:
    """
    Jobs are submitted while the relay is killed and the job store crashes: each job that is there has one row, in a
    whole chain, and no row is of a job that is not.
    """
    system.relay()
    done = threading.Event()
    queue = QueueManager(system.settings, system.queue.job_types, patience_s=20.0)

    def submit() -> None:
        while not done.is_set():
            try:
                queue.add(Toy(ids=["a"]))
            except StoreUnavailable:
                continue

    thread = threading.Thread(target=submit)
    thread.start()
    try:
        for _ in range(2):
            before = system.queue.audit().total
            until(lambda before=before: system.queue.audit().total > before + 20, 30)
            system.kill("relay")
            system.valkey.kill()
            system.valkey.start()
            system.again("relay")
    finally:
        done.set()
        thread.join()
        queue.close()
    until(lambda: system.queue.audit.waiting() == 0, 30)
    total = system.queue.audit().total
    entries = [
        entry for page in range(1, -(-total // 100) + 1) for entry in system.queue.audit(page=page, limit=100).items
    ]
    keys = system.queue.ledger.keys("jobs")
    there = sorted(job_id.decode() for job_id in system.queue.ledger.client.zrange(keys, 0, -1))
    assert sorted(entry.target for entry in entries if entry.outcome == "done") == there
    assert len(there) > 60
    verdict = system.queue.audit.verify()
    assert (verdict.broken, verdict.rows) == (None, total)
