"""kill -9 in the middle of an act on many jobs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.system.systems import ROOT, until
from vocaqueue.engine import housekeeping as housekeeping_module

JOBS = 2000


@pytest.mark.slow
def test_a_killed_empty_loses_no_job(queue, housekeeping, monkeypatch):
    """
    Each job is in the ledger or in the bin afterwards, in one of them only, and can be restored.
    """
    given = {"type": "toy", "priority": 3, "params": "{}", "total": 1, "attempts": 1, "backoff_ms": 1}
    ids = {f"toy-{n:04}" for n in range(JOBS)}
    queue.ledger.steps("job_create", [{"id": job_id, **given} for job_id in ids])
    settings = queue.settings
    env = {
        "REDIS_URL": settings.redis_url, "DATABASE_URL": settings.database_url, "STORAGE_URL": settings.storage_url,
        "VOCAQUEUE_NAMESPACE": settings.namespace, "VOCAQUEUE_JOB_TYPES": "tests.toys:JOB_TYPES",
        "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    process = subprocess.Popen([sys.executable, "-m", "vocaqueue.cli.main", "empty"], cwd=ROOT, env=os.environ | env)
    until(lambda: queue.stats()["waiting"] < JOBS, 60, every_s=0.002)
    process.kill()
    process.wait()

    left = set(queue.raw()["jobs"])
    assert left, "it was through before it was killed"
    monkeypatch.setattr(housekeeping_module, "GRACE_MS", -1)
    monkeypatch.setattr(housekeeping_module, "PER_PASS", JOBS)
    housekeeping.once()
    entries = [entry for page in range(1, 21) for entry in queue.bin(page=page, limit=100).items]
    binned = {entry.job_id for entry in entries}
    assert left | binned == ids
    assert not left & binned
    assert len(entries) == len(binned)
    for job_id in sorted(binned)[:3]:
        assert queue.restore(job_id).record.status == "waiting"
    assert queue.empty() == len(left) + 3
