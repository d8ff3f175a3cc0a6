"""Acts of people on jobs and gates, step by step: what the random lives of tests/model found wrong, as plain cases."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.model.real import Real, RealJob
from vocaqueue.job import JobStatus
from vocaqueue.store.jobs import Jobs
from vocaqueue.store.ledger import Answer, Ledger

START = 1_800_000_000_000


class Desk:
    """Jobs of one type, and a clock."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.now, self.tokens = ledger, START, 0

    def step(self, name: str, **arguments: Any) -> Answer:
        return self.ledger.step(name, now=self.now, server="one", **arguments)

    def act(self, name: str, **arguments: Any) -> Answer:
        self.tokens += 1
        return self.step(name, token=f"act{self.tokens}", **arguments)

    def create(self, job_id: str, **arguments: Any) -> None:
        given = {"type": "toy", "priority": 3, "params": "{}", "total": 2, "attempts": 3, "backoff_ms": 100}
        self.step("job_create", id=job_id, **given | arguments)

    def job(self, job_id: str) -> RealJob:
        return Real.read(self.ledger.client, self.ledger.keys.prefix).jobs[job_id]

    def claim(self, job_id: str, *, finishes: bool = True) -> str:
        """A token for the lease; the ticket is the one that counts."""
        self.tokens += 1
        answer = self.step(
            "lease_claim", job=job_id, ticket=self.job(job_id).number("line"), token=f"t{self.tokens}", holder="h",
            hard_ms=60_000, finishes=finishes, first=4, chunk_ms=2000, chunk_max=50,
        )  # fmt: skip
        assert answer.state == "lease"
        return f"t{self.tokens}"

    def settle(self, token: str, *, close: bool = True, **arguments: Any) -> None:
        self.step("lease_commit", token=token, seq=1, jitter=0, close=close, **arguments)

    def wake(self, **arguments: Any) -> Answer:
        return self.step("job_wake", **{"limit": 10, "rest_ms": 5000} | arguments)


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    return Desk(ledger)


def failed(*items: int, code: str = "bad_row", again: bool = False) -> list[list[Any]]:
    return [[item, "w", "w", code, "a sentence", again, None] for item in items]


def test_a_hold_ends_with_its_run(desk: Desk) -> None:
    """
    A job that was held while its last chunk ran, and ended with it, is not held when it is run again.
    """
    desk.create("a", total=1)
    token = desk.claim("a", finishes=False)
    desk.act("job_hold", id="a", held=True)
    desk.settle(token, failed=failed(0))
    assert (desk.job("a").status, desk.job("a").is_held) == ("failed", False)
    assert desk.act("job_retry", id="a").tickets
    assert desk.job("a").status == "waiting"


def test_held_jobs_do_not_hide_the_retries_of_others(desk: Desk) -> None:
    """
    However many held jobs have retries that are long due, a pass that looks at few jobs finds the one that may run.
    """
    for job_id in ("a", "b", "c"):
        desk.create(job_id, total=1)
        desk.settle(desk.claim(job_id), failed=failed(0, code="busy", again=True))
        if job_id != "c":
            desk.act("job_hold", id=job_id, held=True)
        desk.now += 10
    desk.now += 200
    woken = [ticket.job_id for _ in range(3) for ticket in desk.wake(limit=1).tickets]
    assert woken == ["c"]
    assert [ticket.job_id for ticket in desk.act("job_hold", id="a", held=False).tickets] == ["a"]


def test_an_error_that_ends_a_held_job_ends_it(desk: Desk) -> None:
    """
    A held job whose chunk says that it cannot go on gets its finish at once; nobody could let it go on any more.
    """
    desk.create("a")
    token = desk.claim("a")
    desk.act("job_hold", id="a", held=True)
    desk.settle(token, fatal={"code": "bad_key", "message": "No key."})
    assert desk.act("job_hold", id="a", held=False).state == "refused"
    desk.step("lease_finish", token=desk.claim("a"), result="{}")
    assert desk.job("a").status == "failed"


@pytest.mark.parametrize("how", ["cancelled", "fatal"])
@pytest.mark.parametrize("gate", ["all", "type:toy"])
def test_a_hold_of_all_does_not_keep_a_stopped_job_from_its_end(desk: Desk, gate: str, how: str) -> None:
    """A job that is cancelled, or ends with an error, while its type is held still has its finish step."""
    desk.create("a")
    desk.create("b")
    token = desk.claim("a")
    desk.act("gate_set", gate=gate, shut=True)
    if how == "cancelled":
        desk.settle(token, done=[[0, 1]])
        desk.act("job_cancel", id="a")
    else:
        desk.settle(token, fatal={"code": "no_credit", "message": "Top it up."})
    finish = desk.claim("a")
    desk.step("lease_finish", token=finish)
    assert desk.job("a").status == ("cancelled" if how == "cancelled" else "failed")
    late = desk.step(
        "lease_claim", job="b", ticket=1, token="late", holder="h", hard_ms=60_000, finishes=True, first=4,
        chunk_ms=2000, chunk_max=50,
    )  # fmt: skip
    assert late.state == "nothing"


def test_a_promoted_job_is_said_to_wait(desk: Desk) -> None:
    """
    Whoever follows the events sees that a promoted job is delayed no more.
    """
    desk.create("a", run_at=START + 60_000)
    desk.act("job_promote", id="a")
    events = Real.read(desk.ledger.client, desk.ledger.keys.prefix).events()
    assert [event["data"]["status"] for event in events] == ["delayed", "waiting"]


def test_a_finish_that_failed_can_be_run_again(desk: Desk) -> None:
    """
    A job of which every item is done, but not its finish, runs just the finish again, and ends well.
    """
    desk.create("a", attempts=1)
    desk.settle(desk.claim("a"), done=[[0, 2]])
    desk.step("lease_fail", token=desk.claim("a"), code="disk_full", message="No room.")
    assert desk.job("a").status == "failed"
    answer = desk.act("job_retry", id="a")
    assert (answer.state, answer.data["items"]) == ("retrying", 0)
    assert desk.job("a").phase == "finish"
    desk.step("lease_finish", token=desk.claim("a"), result='{"file": "f"}')
    job = desk.job("a")
    assert (job.status, job.number("completed"), json.loads(job.fields["result"])) == ("completed", 2, {"file": "f"})


def test_there_is_nothing_to_run_again_with_a_code_that_did_not_occur(desk: Desk) -> None:
    """
    A retry by code of a job in which no item failed with it is refused, and takes nothing away.
    """
    desk.create("a")
    desk.settle(desk.claim("a", finishes=False), failed=failed(0), done=[[1, 2]])
    assert desk.act("job_retry", id="a", codes=["busy"]).state == "refused"
    job = desk.job("a")
    assert (job.status, job.failed, job.codes, len(job.errors)) == ("completed", {0}, {"bad_row": 1}, 1)


def test_a_retry_by_code_leaves_the_other_failures(desk: Desk) -> None:
    """
    What failed with the code is run again with fresh tries; what failed with another one stays failed, with its error.
    """
    desk.create("a", total=3, attempts=2)
    token = desk.claim("a")
    desk.settle(token, failed=[*failed(0), *failed(1, code="too_long")], done=[[2, 3]])
    desk.step("lease_finish", token=desk.claim("a"), result="{}")
    assert desk.act("job_retry", id="a", codes=["bad_row"]).data["items"] == 1
    job = desk.job("a")
    assert (job.settled, job.failed, job.codes, job.tries) == ({1, 2}, {1}, {"too_long": 1}, {})
    assert [(line[0], line[3]) for line in job.errors] == [(1, "too_long")]


@pytest.mark.parametrize(
    ("late", "then"),
    [
        (("job_hold", {"held": True}), ("job_hold", {"held": False})),
        (("job_hold", {"held": False}), ("job_hold", {"held": True})),
        (("job_priority", {"priority": 1}), ("job_priority", {"priority": 4})),
        (("job_promote", {}), ("job_hold", {"held": True})),
        (("job_retry", {}), ("job_cancel", {})),
    ],
)
def test_an_act_that_arrives_again_late_counts_once(
    desk: Desk, late: tuple[str, dict[str, Any]], then: tuple[str, dict[str, Any]]
) -> None:
    """
    A copy of an act that was on its way while another act was made changes nothing, and is answered as the first was.
    """
    desk.create("a", run_at=START + 60_000)
    if late[0] == "job_retry":
        desk.act("job_cancel", id="a")
    first = desk.step(late[0], id="a", token="late", **late[1])
    desk.act(then[0], id="a", **then[1])
    before = Real.read(desk.ledger.client, desk.ledger.keys.prefix).raw
    again = desk.step(late[0], id="a", token="late", **late[1])
    assert (again.state, again.data) == (first.state, first.data)
    assert Real.read(desk.ledger.client, desk.ledger.keys.prefix).raw == before


def test_an_act_that_was_refused_stays_refused(desk: Desk) -> None:
    """
    The copy of an act that was refused is refused, also when the same act would be taken by now.
    """
    desk.create("a")
    assert desk.step("job_retry", id="a", token="early").state == "refused"
    desk.act("job_cancel", id="a")
    assert desk.step("job_retry", id="a", token="early").state == "refused"
    assert desk.job("a").status == "cancelled"


def test_an_act_on_a_gate_that_arrives_again_late_counts_once(desk: Desk) -> None:
    """
    A copy of "go on" that arrives after "hold everything" does not open the gate again.
    """
    desk.step("gate_set", gate="all", shut=True, token="shut")
    opened = desk.step("gate_set", gate="all", shut=False, token="open")
    desk.step("gate_set", gate="all", shut=True, token="shut again")
    again = desk.step("gate_set", gate="all", shut=False, token="open")
    assert again.data == opened.data == {"changed": True}
    assert desk.ledger.client.hkeys(desk.ledger.keys("gates")) == [b"all"]


def test_counts_and_jobs_agree_on_what_is_held(desk: Desk) -> None:
    """
    A job behind a shut gate whose lease is open, and that has nothing in hand any more, is paused for all who look.
    """
    desk.create("a", total=1)
    desk.create("b", total=1)
    desk.settle(desk.claim("a"), failed=failed(0, code="busy", again=True), close=False)
    desk.claim("b")
    desk.step("gate_set", gate="type:toy", shut=True, token="shut")
    jobs = Jobs(desk.ledger)
    assert (jobs.get("a").status, jobs.get("b").status) == (JobStatus.PAUSED, JobStatus.ACTIVE)
    counts = jobs.counts(["toy"])["types"]["toy"]
    assert (counts["paused"], counts["active"]) == (1, 1)
