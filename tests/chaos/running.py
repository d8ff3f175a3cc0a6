"""One run of a plan and its account; SEED, KILLS, ITEMS and MINUTES of the environment say which."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .accounting import Account, account
from .deployment import Deployment
from .driver import Driver, Run
from .plan import Plan

SEED = int(os.environ.get("SEED", "7"))


@contextmanager
def deployed(folder: Path, *, children: int) -> Iterator[Deployment]:
    made = Deployment(folder, seed=SEED, children=children)
    try:
        yield made
    finally:
        made.stop()


def run(deployment: Deployment, plan: Plan, *, items: int, jobs: int, seconds: float) -> tuple[Run, Account]:
    """Strike, wait for the end, and print the account. Raises AssertionError when something was lost or doubled."""
    driver = Driver(deployment, plan, seed=SEED, items=items, jobs=jobs, seconds=seconds)
    ran = driver.go(end_within_s=180)
    found = account(deployment, ran, deployment.settings.lease_s)
    print(f"\nseed {SEED}", found.table(ran, deployment.proxy.done, deployment.restarts), sep="")
    for name in ("lost", "twice", "unexpected", "unexplained"):
        if listed := getattr(found, name):
            print(f"{name}: " + "\n  ".join(listed[:30]))
    assert found.acknowledged >= items
    assert not found.lost
    assert not found.twice
    assert not found.unexpected, "healthy items failed, or something was done that nobody asked for"
    assert not found.unexplained, "calls were repeated of items that nothing which was killed had in hand"
    assert found.repeated - found.forgotten <= found.in_hand
    return ran, found
