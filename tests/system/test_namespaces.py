"""Two systems on one server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.toys import Parallel, Toy, calls

from .systems import System, until
from .test_celery_tools import celery, inspect

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def test_two_namespaces_do_not_touch_each_other(system: System, tmp_path: Path) -> None:
    """Same server, same queue and worker names, both under load: tickets, workers, control and purges are apart."""
    (tmp_path / "other").mkdir()
    other = System(tmp_path / "other", namespace="other", valkey=system.valkey)
    systems = {"this": system, "other": other}
    try:
        for one in systems.values():
            one.worker("main", ["toy"])
            one.reconciler()
            one.relay()
        logs = {name: tmp_path / f"{name}-calls" for name in systems}
        jobs = {
            name: [
                one.queue.add(Toy(ids=[f"i{n}" for n in range(20)], seconds=0.005, log=str(logs[name]), tag=f"{k}-"))
                for k in range(30)
            ]
            for name, one in systems.items()
        }
        waiting = {name: one.queue.add(Parallel(ids=["a"])).record.id for name, one in systems.items()}
        for one in systems.values():
            one.ready("main")
        pids = {name: inspect(one, "stats") for name, one in systems.items()}
        for ours in jobs.values():
            for job in ours:
                job.wait(60)

        children: dict[str, set[int]] = {}
        for name, one in systems.items():
            children[name] = {pid for _, pid, _ in calls(logs[name])}
            assert len(calls(logs[name])) == 600, "each item once"
            assert one.queue.stats()["completed"] == 30
            assert one.queue.dead_letters().total == 0
            (stats,) = pids[name].values()
            assert stats["pid"] == one.processes["main"].pid, "its own worker answered, and no other"
            known = until(one.queue.workers)
            assert [worker["pid"] for worker in known.values()] == [one.processes["main"].pid]
        assert not children["this"] & children["other"]

        celery(other, "purge", "-f")
        celery(other, "control", "shutdown", check=False)
        until(lambda: other.processes["main"].poll() is not None)
        assert other.queue.get(waiting["other"]).record.status == "cancelled"
        assert system.queue.get(waiting["this"]).record.status == "waiting"
        assert system.processes["main"].poll() is None
        system.queue.add(Toy(ids=["a"])).wait(30)
        prefixes = {key.split(b":")[0] for key in system.valkey.client.keys("*")}
        assert prefixes == {b"{vq}", b"{other}"}, "every key is under its namespace"
    finally:
        other.stop()
