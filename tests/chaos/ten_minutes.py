"""`make chaos`: ten minutes of faults. Its name keeps it out of `make test`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .plan import long_plan
from .running import SEED, deployed, run

KILLS = int(os.environ.get("KILLS", "100"))
ITEMS = int(os.environ.get("ITEMS", "50000"))
MINUTES = float(os.environ.get("MINUTES", "10"))
FINAL_WITHIN_S = 60.0


@pytest.mark.timeout(300 + 90 * MINUTES)
def test_ten_minutes_of_faults(tmp_path: Path) -> None:
    """
    A hundred kills and all other faults in ten minutes: nothing is lost or counted twice, and every job is final a
    minute after the last kill.
    """
    with deployed(tmp_path, children=3) as deployment:
        plan = long_plan(SEED, KILLS, MINUTES, deployment.settings.lease_s)
        ran, _ = run(deployment, plan, items=ITEMS, jobs=max(2, ITEMS // 1250), seconds=0.03)
    assert ran.kills == KILLS
    assert ran.ended - ran.last_kill <= FINAL_WITHIN_S
