"""Children killed from outside, again and again, while their items are slow and healthy: nothing ends as `poison`."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from tests.system.systems import System, until
from tests.toys import Toy, calls

SEED = int(os.environ.get("SEED", "7"))
KILLS, EVERY_S = 40, 0.5

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def test_healthy_items_survive_any_number_of_killed_children(system: System, tmp_path: Path) -> None:
    """Forty kills of children in twenty seconds, items of a second: every item is done, and none is blamed."""
    rng = random.Random(SEED)
    for name in ("one", "two"):
        system.worker(name, ["toy"])
    system.reconciler()
    system.ready("one", "two")
    log = tmp_path / "calls"
    job = system.queue.add(Toy(ids=[f"i{n}" for n in range(40)], seconds=1.0, log=str(log)))
    until(lambda: len(calls(log)) >= 4)
    for _ in range(KILLS):
        children = [child for name in ("one", "two") for child in system.children(name)]
        with suppress(ProcessLookupError, IndexError):
            os.kill(rng.choice(children), signal.SIGKILL)
        time.sleep(EVERY_S)  # the pace of the killer
    job.wait_until_ended(100)
    most = Counter(what for what, _, _ in calls(log)).most_common(3)
    print("\ncalled most:", most, "errors:", job.progress.errors, "took", time.time() - calls(log)[0][2])
    assert job.record.status.value == "completed"
    assert (job.progress.completed, job.progress.failed) == (40, 0), job.progress.errors
