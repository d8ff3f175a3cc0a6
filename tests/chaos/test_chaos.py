"""Faults of every kind in a minute, and an account of every item; ten_minutes.py is the long form."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .plan import short_plan
from .running import SEED, deployed, run

KILLS = int(os.environ.get("KILLS", "10"))
ITEMS = int(os.environ.get("ITEMS", "4000"))
SECONDS = 36.0


@pytest.mark.slow
@pytest.mark.timeout(360)
def test_every_fault_once_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """
    Kills, stops, faults of the server and of connections in the middle of jobs: every item counts once, and only what
    was in hand of a killed process is called again.
    """
    with deployed(tmp_path, children=2) as deployment:
        plan = short_plan(SEED, KILLS, SECONDS, deployment.settings.lease_s)
        ran, _ = run(deployment, plan, items=ITEMS, jobs=8, seconds=0.04)
    assert ran.kills == KILLS
