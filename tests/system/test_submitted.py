"""With real workers: deadlines stop what runs, and what handlers say is kept."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.toys import Chatty, Phased, Toy, calls
from vocaqueue import JobFailed
from vocaqueue.store.keys import LOG_LINES_KEPT

from .systems import System, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]


def test_a_deadline_stops_a_running_job(system: System, tmp_path: Path) -> None:
    """
    A job in hand ends as failed soon after its deadline; what was done stays done, and a retry does the rest.
    """
    system.worker("one", ["toy"])
    system.reconciler()
    system.ready("one")
    log = str(tmp_path / "calls")
    job = system.queue.add(Toy(ids=[f"{n}" for n in range(60)], seconds=0.1, log=log), deadline_s=2)
    with pytest.raises(JobFailed, match="within its deadline of 2 s"):
        job.wait(30)
    progress = job.record.progress
    assert job.record.error["code"] == "deadline_exceeded"
    assert 0 < progress.completed < 60
    assert progress.failed == 0
    assert len(calls(log)) == progress.completed
    again = system.queue.retry(job.id)
    assert again.record.deadline_at_ms > job.record.finished_at_ms


def test_what_a_handler_says_is_kept(system: System, tmp_path: Path) -> None:
    """
    `ctx.log`, plain logging, logging in tasks and in threads of the handler's own, tracebacks, and the finish step.
    """
    system.worker("one", ["chatty", "phased"])
    system.ready("one")
    job = system.queue.add(Chatty(ids=["good", "bad"], words=" 단어 \ud800".encode("utf-8", "replace").decode()))
    job.wait(30)
    lines = job.logs()
    said = {(line.level, line.item_id, line.message.splitlines()[0]) for line in lines}
    assert {
        ("info", "good", "line 1 of good 단어 ?"),
        ("warning", "bad", "plain bad"),
        ("info", "good", "task good"),
        ("debug", None, "thread bad"),
        ("info", None, "the end"),
    } <= said
    (trace,) = (line.message for line in lines if "surprise" in line.message)
    assert trace.endswith("ValueError: a surprise")
    assert [line.number for line in lines] == list(range(1, len(lines) + 1))
    assert system.log("one").count("line 1 of good") == 1, "it stands in the worker's log too"
    silent = system.queue.add(Phased(total=3, log=str(tmp_path / "calls")))
    silent.wait(30)
    assert silent.logs() == []
    assert not system.queue.ledger.client.exists(system.queue.ledger.keys("logs", silent.id))


def test_a_chatty_handler_keeps_its_last_lines(system: System) -> None:
    """
    Of 100,000 lines exactly the last ones are kept, in order and each cut to a length.
    """
    system.worker("one", ["chatty"], children=1)
    system.ready("one")
    job = system.queue.add(Chatty(ids=["much"], lines=100_000))
    job.wait(60)
    lines = [line for line in job.logs() if line.message.startswith("line ")]
    said = [int(line.message.split()[1]) for line in lines]
    assert said == list(range(100_001 - len(said), 100_001))
    assert len(job.logs()) == LOG_LINES_KEPT
    assert system.queue.logs(job.id).written == 100_000 + 4
    long = system.queue.add(Chatty(ids=["a"], words="x" * 10_000))
    long.wait(30)
    assert 4000 < len(long.logs()[0].message) < 4100


def test_a_ledger_that_is_away_costs_lines_at_most(system: System) -> None:
    """
    The chunk goes on while the server is gone, nothing is done twice, and what was said meanwhile is told afterwards.
    """
    system.worker("one", ["chatty"], children=1)
    system.reconciler()
    system.ready("one")
    job = system.queue.add(Chatty(ids=[f"{n}" for n in range(40)], lines=50, seconds=0.2))
    until(lambda: job.refresh().progress.completed >= 5)
    system.valkey.kill()
    system.valkey.restart()
    job.wait(90)
    assert job.record.progress.completed == 40
    firsts = [line.item_id for line in job.logs() if line.message.startswith("line 1 of")]
    assert sorted(set(firsts), key=int) == [f"{n}" for n in range(40)]


def test_the_command_follows(system: System) -> None:
    """
    `vocaqueue logs --follow` prints lines as they come and ends with the job.
    """
    system.worker("one", ["chatty"])
    system.ready("one")
    job = system.queue.add(Chatty(ids=["a", "b"], words="\x1b[2J", seconds=2.0))
    command = [sys.executable, "-m", "vocaqueue.cli.main", "logs", job.id, "--follow"]
    system._run("follow", command)
    system._run("json", [*command, "--json"])
    for name in ("follow", "json"):
        assert system.processes[name].wait(60) == 0, system.log(name)
    assert "the end" in system.log("follow")
    assert "[a] line 1 of a\N{REPLACEMENT CHARACTER}[2J" in system.log("follow")
    last = json.loads(system.log("json").splitlines()[-1])
    assert (last["message"], last["level"], last["itemId"]) == ("the end", "info", None)
