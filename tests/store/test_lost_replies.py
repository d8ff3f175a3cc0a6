"""A reply that is lost: the step was made, its caller does not know, and makes it again."""

from __future__ import annotations

import json
from typing import Any

import pytest
import redis

from tests.model.real import Real
from vocaqueue.errors import StoreUnavailable
from vocaqueue.store.ledger import Answer, Ledger

START = 1_800_000_000_000


class LosesReplies:
    """A client that makes what it is told and now and then raises instead of answering."""

    def __init__(self, client: redis.Redis, lose: int | None = None) -> None:
        self._client = client
        self.steps = 0  #: that were made, those made again not counted
        self.lose = lose  #: number of the step whose reply is lost
        self.lost: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def evalsha(self, *arguments: Any) -> Any:
        return self._made(self._client.evalsha(*arguments), arguments[-1])

    def eval(self, *arguments: Any) -> Any:
        return self._made(self._client.eval(*arguments), arguments[-1])

    def _made(self, answer: Any, payload: str) -> Any:
        if self.steps == self.lose and not self.lost:
            self.lost.append(payload)
            raise redis.ConnectionError("the reply was lost")
        return answer


class Life:
    """One little life of three jobs, in which every step occurs; the clock is the test's."""

    def __init__(self, ledger: Ledger, client: LosesReplies) -> None:
        self.ledger, self.client = ledger, client
        ledger.client = client  # type: ignore[assignment]
        self.now = START
        self.names: list[str] = []
        self.answers: list[tuple[str, dict[str, Any], list[Any]]] = []

    def step(self, name: str, **arguments: Any) -> Answer:
        answer = self.ledger.step(name, now=self.now, server="one", **arguments)
        self.client.steps += 1
        self.names.append(name)
        # The answer of a repeat may say less (there is nothing to send or to wake any more), never something else.
        self.answers.append((answer.state, answer.data, answer.tickets))
        return answer

    def claim(self, token: str, ticket: int, job: str = "a", **arguments: Any) -> Answer:
        given = {"holder": "h", "hard_ms": 60_000, "finishes": True, "first": 4, "chunk_ms": 2000, "chunk_max": 9}
        return self.step("lease_claim", job=job, ticket=ticket, token=token, **(given | arguments))

    def run(self) -> Life:
        self.step("job_create", id="a", type="toy", priority=2, params="{}", attempts=3, backoff_ms=100)
        self.step("ticket_sent", sent=[["a", 1]])
        self.claim("plan-1", 1)
        self.step("lease_fail", token="plan-1", code="away", message="It is away.")
        self.now += 200
        self.step("job_wake", limit=10, rest_ms=5000)
        self.claim("plan-2", 2)
        self.step("lease_release", token="plan-2")
        self.claim("plan-3", 3)
        self.step("lease_plan", token="plan-3", total=12, source="{}")
        self.claim("t1", 4)
        busy = [1, "w1", "one", "busy", "a sentence", True, None]
        bad = [2, "w2", "two", "bad_row", "a sentence", False, None]
        self.step("lease_commit", token="t1", seq=1, done=[[0, 1]], failed=[busy, bad], cost_nano=5, jitter=0, sent=[])
        self.step("lease_renew", token="t1")
        self.step("lease_keep", held=[["a", 4, "h"]])
        self.step(
            "lease_commit",
            token="t1",
            seq=2,
            skipped=[[3, 4]],
            cost_nano=7,
            jitter=0,
            close=True,
            begun=4,
            elapsed_ms=9000,
        )
        self.step("progress_flush", limit=10)
        self.claim("t2", 5)  # dies in company, so that its items are suspects
        self.step("lease_died", job="a", ticket=5, holder="h", how="child")
        self.claim("t3", 6)  # alone now; runs out
        for _ in range(8):
            self.now += 2000
            self.step("lease_reap", gap_ms=3000, limit=10)
        self.step("job_wake", limit=10, rest_ms=5000)
        self.step("ticket_resend", age_ms=2000, limit=10, missing=[], missing_ms=1000)
        ticket = 7
        job = self.ledger.keys("job", "a")
        while self.ledger.client.hget(job, "phase") == b"run":
            token = f"run-{ticket}"
            taken = self.claim(token, ticket)
            if taken.state == "lease":
                self.step(
                    "lease_commit", token=token, seq=1, done=taken.data["ranges"], cost_nano=1, jitter=0, close=True
                )
            ticket += 1
        self.claim("end", ticket)
        self.step("lease_finish", token="end", result='{"file": "f"}')
        self.step("job_create", id="b", type="toy", priority=2, params="{}", total=3, attempts=1, backoff_ms=100)
        self.claim("t9", 1, job="b", finishes=False)
        self.step("job_cancel", id="b", token="c1")
        self.step("lease_commit", token="t9", seq=1, done=[[0, 1]], cost_nano=2, jitter=0, close=True)
        self.step("job_create", id="c", type="toy", priority=2, params="{}", total=0, attempts=1, backoff_ms=100)
        self.step("job_remove", id="c", token="rm-c", with_files=True)
        self.steered()
        self.limited()
        self.binned()
        self.asked_for_more()
        self.scheduled()
        self.unwanted()
        self.looked_into()
        self.step("event_add", event="worker-online", data={"type": "toy"})
        self.step("audit_add", does="session.begin", token="s1", kind="session", target="", outcome="done")
        return self

    def steered(self) -> None:
        """A delayed job that is hurried, held, let go, fails, and is tried again."""
        given = {
            "priority": 3,
            "params": "{}",
            "total": 2,
            "attempts": 1,
            "backoff_ms": 100,
            "run_at": self.now + 10**6,
        }
        self.step("job_create", id="d", type="toy", **given)
        self.step("job_promote", id="d", token="p1")
        self.step("job_priority", id="d", token="p2", priority=1)
        for shut in (True, False):
            self.step("gate_set", gate="type:toy", shut=shut, token=f"g{shut}")
        self.step("job_hold", id="d", token="h1", held=True)
        self.step("job_hold", id="d", token="h2", held=False)
        job = self.ledger.keys("job", "d")
        for run in (1, 2):
            number = int(self.ledger.client.hget(job, "line"))
            taken = self.claim(f"d{run}", number, job="d", finishes=False)
            failed = [[item, "w", "w", "bad_row", "a sentence", False, None] for item in range(taken.data["count"])]
            self.step("lease_commit", token=f"d{run}", seq=1, failed=failed, jitter=0, close=True)
            if run == 1:
                more = self.claim("d1-more", int(self.ledger.client.hget(job, "line")), job="d", finishes=False)
                self.step("lease_commit", token="d1-more", seq=1, done=more.data["ranges"], jitter=0, close=True)
                self.step("job_retry", id="d", token="r1")

    def limited(self) -> None:
        """A job of a type with a rate and a cap: a provider refuses a call, then a run of failures holds the type."""
        given = {"priority": 3, "params": "{}", "total": 4, "attempts": 3, "backoff_ms": 100}
        self.step("job_create", id="r", type="rated", **given)
        declared = json.dumps({"account": None, "account_rate": None, "cap": 1, "rate": None})
        self.step("limits_declare", types=[["rated", declared]])
        rate = {"max": 10, "window_ms": 1000, "burst": 0}
        self.step("limits_set", token="l1", type="rated", rate=rate, cap=2)
        job = self.ledger.keys("job", "r")
        taken = self.claim("r1", 1, job="r", finishes=False, at_once=2)
        assert len(taken.data["permits"]) == 2
        self.now += 300
        self.step("lease_permits", token="r1", want=2)
        self.step("lease_commit", token="r1", seq=1, limited=[[0, 700]], jitter=0, close=True, unused=1)
        self.now += 1000
        self.step("limits_wake", limit=10)
        taken = self.claim("r2", int(self.ledger.client.hget(job, "line")), job="r", finishes=False, at_once=2)
        assert taken.state == "lease"
        busy = [[item, "w", "w", "busy", "a sentence", True, 100] for item in taken.data["ranges"][0][:1]]
        self.step("lease_commit", token="r2", seq=1, failed=busy, jitter=0, close=True, breaker=[1, 1])
        self.step("gate_set", gate="type:rated", shut=False, token="g3")
        self.step("job_cancel", id="r", token="c2")

    def binned(self) -> None:
        """Two jobs that never began are read, taken away in one step, and one of them comes back."""
        given = {"type": "toy", "priority": 3, "params": "{}", "total": 2, "attempts": 1, "backoff_ms": 100}
        for job in ("e", "f"):
            self.step("job_create", id=job, **given)
        ((_, seen, _, packed), _) = self.ledger.ask(
            "jobs_read", ids=["e", "f"], what="unbegun", bytes=10**6, items=10**6
        )
        self.client.steps += 1
        self.names.append("jobs_read")
        jobs = [["e", seen.decode()], ["f", ""], ["a", ""], ["nobody", ""]]
        taken = self.step("jobs_remove", jobs=jobs, what="unbegun", action="empty", token="rm-ef")
        assert taken.data["removed"] == 2
        assert [code for _, code, _ in taken.data["skipped"]] == ["wrong_status", "job_not_found"]
        assert self.step("job_restore", id="e", token="back", blob=packed).state == "restored"

    def asked_for_more(self) -> None:
        """A job with a key, a guard and a deadline that it misses while it is in hand and says something."""
        given = {"priority": 3, "params": "{}", "total": 2, "attempts": 1, "backoff_ms": 100}
        asked = {"idem": "key", "body": "body", "unique": "same"}
        self.step("job_create", id="g", type="toy", deadline_ms=5000, **asked, **given)
        self.step("job_create", id="g2", type="toy", **asked, **given)
        self.claim("g1", 1, job="g", finishes=False)
        self.step("job_log", token="g1", seq=1, lines=['["one"]', '["two"]'], lost=3, kept=10)
        self.step("job_log", token="g1", seq=2, lines=['["three"]'], kept=10)
        self.step("job_logs", id="g", after=4, limit=10)
        self.now += 5000
        self.step("job_overdue", limit=10)
        self.step("lease_commit", token="g1", seq=1, done=[[0, 1]], jitter=0, close=True)

    def scheduled(self) -> None:
        """A schedule that is made, changed, fires twice (once in vain) and is removed; another one that stays."""
        given = {"priority": 3, "params": "{}", "total": 0, "attempts": 1, "backoff_ms": 100}
        due = self.now + 1000
        self.step("schedule_put", id="s", token="s1", data="{}", next=due, once=True)
        self.step("schedule_put", id="s", token="s2", data='{"a": 1}', version=1, next=due)
        self.step("schedule_put", id="stays", token="s3", data="{}")
        self.now = due
        self.step("schedule_fire", id="s", version=2, due=due, next=due + 1000)
        self.step("job_create", id="h", type="toy", schedule="s", due=due, **given)
        self.now = due + 1000
        self.step("schedule_fire", id="s", version=2, due=self.now, next=None)
        self.step("schedule_failed", id="s", due=self.now, error={"code": "no_items", "message": "a sentence"})
        self.step("schedule_remove", id="s", token="s4")

    def unwanted(self) -> None:
        """A ticket that is postponed, jobs that are purged, a message that is set aside."""
        for job in ("u", "v"):
            self.step("job_create", id=job, type="toy", priority=2, params="{}", total=1, attempts=1, backoff_ms=100)
        self.step("ticket_postpone", token="x", job="u", ticket=1, type="toy", reason="unknown_type", message="…")
        self.step("line_purge", type="toy", before_ms=self.now, limit=10, message="…", first=0)
        self.step(
            "dead_letter_add", id="x", queue="toy", reason="not_json", message="…", raw="…", size=1, worker="w", kept=9
        )

    def looked_into(self) -> None:
        """A job whose two items fail; one of them is looked at, and run again."""
        self.step("job_create", id="k", type="toy", priority=1, params="{}", total=2, attempts=1, backoff_ms=100)
        job = self.ledger.keys("job", "k")
        for item in (0, 1):
            self.claim(f"k{item}", int(self.ledger.client.hget(job, "line")), job="k", finishes=False)
            bad = [[item, "w", "w", "bad_row", "a sentence", False, None]]
            self.step("lease_commit", token=f"k{item}", seq=1, failed=bad, jitter=0, close=True)
        found = self.ledger.ask("job_items", id="k", wanted={"failed": True}, skip=0, limit=10)
        assert found[0] == b"ok"
        self.client.steps += 1
        errors, _codes = self.ledger.ask("job_failures", id="k", items=[1])
        assert len(errors) == 1
        self.client.steps += 1
        self.names += ["job_items", "job_failures"]
        indexes = [self.ledger.keys("by_status", status) for status in ("failed", "completed")]
        total, skip, newest, *_ = self.ledger.ask("page_read", indexes=indexes, first=0, limit=1)
        assert (skip, newest) == (0, b"k")
        self.client.steps += 1
        hour = self.ledger.keys("minute", self.now - self.now % 3_600_000)
        number = self.now % 3_600_000 // 60_000
        counted = self.ledger.ask("counts_read", hash=hour, number=number, types=["toy"], what=["created"])
        assert int(counted[1][0]) >= total
        self.client.steps += 1
        stats = self.ledger.ask("stats_read", types=["toy"], statuses=["failed"], most=1)
        assert stats[1][0] >= stats[2][0][8] >= 1
        self.client.steps += 1
        self.names += ["page_read", "counts_read", "stats_read"]
        assert self.step("job_retry", id="k", token="rk", picked=True, blob=b"\x40").data["items"] == 1

    def end(self) -> dict[str, Any]:
        """All keys, but for what a repeat may leave behind: an event without a job is said twice rather than never."""
        raw = Real.read(self.ledger.client, self.ledger.keys.prefix).raw
        raw["events"] = [entry for entry in raw["events"] if "worker-online" not in entry[1]]
        raw.pop("event-id")
        # The archive stores one entry of each key; their ids are the real clock's.
        raw["audit"] = {flat[1]: json.loads(flat[3]) for _, flat in raw["audit"]}
        return raw


@pytest.fixture
def truth(make_ledger: Any) -> Life:
    """The life in which no reply is lost."""
    ledger = make_ledger()
    return Life(ledger, LosesReplies(ledger.client)).run()


def test_the_little_life_has_every_step(truth: Life) -> None:
    """
    Every step of the ledger occurs in it, and it ends as it should.
    """
    from importlib.resources import files

    known = {path.name[:-4] for path in (files("vocaqueue.store") / "lua").iterdir() if path.name.endswith(".lua")}
    assert known <= set(truth.names)
    a, b = truth.end()["job:a"], truth.end()["job:b"]
    assert (a["status"], b["status"]) == ("completed", "cancelled")
    assert (a["completed"], a["skipped"], a["failed"]) == ("10", "1", "1")
    assert (b["completed"], b["cost_nano"]) == ("1", "2")
    d = truth.end()["job:d"]
    assert truth.end()["job:e"]["status"] == "cancelled"
    assert (d["status"], d["run"], d["completed"], d["failed"], d["priority"]) == ("completed", "2", "1", "1", "1")
    g, h = truth.end()["job:g"], truth.end()["job:h"]
    assert (g["status"], g["completed"], g["log_lines"]) == ("failed", "1", "6")
    assert (h["status"], h["schedule"]) == ("completed", "s")
    assert "job:g2" not in truth.end()
    assert truth.end()["logs:g"] == ['4 ["one"]', '5 ["two"]', '6 ["three"]']
    assert truth.end()["schedules"].keys() == {"stays"}
    acts = truth.end()["audit"]
    assert [acts["c1/done"][name] for name in ("target", "outcome")] == ["b", "done"]
    assert (acts["c1/done"]["before"]["status"], acts["c1/done"]["by"]["does"]) == ("active", "job.cancel")


@pytest.mark.parametrize("which", range(140))
def test_a_lost_reply_changes_nothing(make_ledger: Any, truth: Life, which: int) -> None:
    """
    The reply to any one step is lost, the ledger makes it again by itself, and everything ends as without the loss.
    """
    if which >= len(truth.names):
        return  # the little life is shorter
    ledger = make_ledger()
    client = LosesReplies(ledger.client, lose=which)
    life = Life(ledger, client).run()
    assert client.lost, "no reply was lost"
    assert life.names == truth.names
    assert life.end() == truth.end(), f"after the loss of the reply to {truth.names[which]}"


def test_patience_ends(ledger: Ledger) -> None:
    """
    A server that never answers is said to be away, and what was asked was done once.
    """

    class AlwaysLoses(LosesReplies):
        def _made(self, answer: Any, payload: str) -> Any:
            raise redis.ConnectionError("the reply was lost")

    client = ledger.client
    ledger.client = AlwaysLoses(client)  # type: ignore[assignment]
    with pytest.raises(StoreUnavailable):
        ledger.step(
            "job_create", patience_s=0.2, id="a", type="toy", priority=2, params="{}", total=1, attempts=1, backoff_ms=1
        )
    real = Real.read(client, ledger.keys.prefix)
    assert list(real.jobs) == ["a"]
    assert len(real.raw["events"]) == 1
