"""Faults of every kind, and an account of every item. `make chaos` runs the long form, `make test` the short one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .accounting import Account, account
from .deployment import Deployment
from .driver import Driver, Run
from .plan import Plan, long_plan, short_plan

SEED = int(os.environ.get("SEED", "7"))
IS_LONG = os.environ.get("VOCAQUEUE_CHAOS") == "long"
KILLS = int(os.environ.get("KILLS", "100" if IS_LONG else "10"))
ITEMS = int(os.environ.get("ITEMS", "50000" if IS_LONG else "4000"))
MINUTES = float(os.environ.get("MINUTES", "10" if IS_LONG else "0.6"))
FINAL_WITHIN_S = 60.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 + 90 * MINUTES)]


@pytest.fixture
def deployment(tmp_path: Path):
    made = Deployment(tmp_path, seed=SEED, children=3 if IS_LONG else 2)
    yield made
    made.stop()


def run(deployment: Deployment, plan: Plan, *, jobs: int, seconds: float) -> tuple[Run, Account]:
    driver = Driver(deployment, plan, seed=SEED, items=ITEMS, jobs=jobs, seconds=seconds)
    ran = driver.go(end_within_s=180)
    found = account(deployment, ran, deployment.settings.lease_s)
    print(f"\nseed {SEED}", found.table(ran, deployment.proxy.done, deployment.restarts), sep="")
    for name in ("lost", "twice", "unexpected", "unexplained"):
        if listed := getattr(found, name):
            print(f"{name}: " + "\n  ".join(listed[:30]))
    return ran, found


def assert_exact(found: Account) -> None:
    assert found.acknowledged >= ITEMS
    assert not found.lost
    assert not found.twice
    assert not found.unexpected, "healthy items failed, or something was done that nobody asked for"
    assert not found.unexplained, "calls were repeated of items that nothing which was killed had in hand"
    assert found.repeated - found.forgotten <= found.in_hand


@pytest.mark.skipif(IS_LONG, reason="the long form is asked for")
def test_every_fault_once_loses_and_doubles_nothing(deployment: Deployment) -> None:
    """
    Kills, stops, faults of the server and of connections in the middle of jobs: every item counts once, and only what
    was in hand of a killed process is called again.
    """
    plan = short_plan(SEED, KILLS, MINUTES * 60, deployment.settings.lease_s)
    _, found = run(deployment, plan, jobs=8, seconds=0.04)
    assert_exact(found)


@pytest.mark.skipif(not IS_LONG, reason="ten minutes: make chaos")
def test_ten_minutes_of_faults(deployment: Deployment) -> None:
    """
    A hundred kills and all other faults in ten minutes: nothing is lost or counted twice, and every job is final a
    minute after the last kill.
    """
    plan = long_plan(SEED, KILLS, MINUTES, deployment.settings.lease_s)
    ran, found = run(deployment, plan, jobs=40, seconds=0.03)
    assert_exact(found)
    assert ran.kills == KILLS
    assert ran.ended - ran.last_kill <= FINAL_WITHIN_S
