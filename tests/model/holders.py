"""Those who hold a lease, or believe so: what they commit, plan and finish, and their signs of life."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from vocaqueue.store.ledger import Answer

from .world import CHOICE, FATE, Holder, World

OUTCOMES = ("open", "done", "skipped", "failed", "retryable", "limited")


def as_ranges(items: Sequence[int], *, single: bool) -> list[list[int]]:
    found: list[list[int]] = []
    for i in sorted(items):
        if found and found[-1][1] == i and not single:
            found[-1][1] = i + 1
        else:
            found.append([i, i + 1])
    return found


class Holders(World):
    """What a child does with its lease, also with one that is gone."""

    @precondition(lambda self: any(holder.kind == "run" for holder in self.awake))
    @rule(
        choice=CHOICE,
        outcomes=st.lists(st.sampled_from(OUTCOMES), max_size=6),
        rest=st.sampled_from(("done", "done", *OUTCOMES)),
        close=st.sampled_from([False, False, True]),
        single=st.booleans(),
        cost=st.sampled_from([0, 7, 1_000_000]),
        after_ms=st.sampled_from([None, None, 10_000]),
        fatal=st.sampled_from([False] * 15 + [True]),
        fate=FATE,
    )
    def commit(
        self, choice: int, outcomes: list[str], rest: str, close: bool, single: bool, cost: int, after_ms: int | None,
        fatal: bool, fate: str,
    ) -> None:  # fmt: skip
        """Some of what is in hand, in any split, by somebody whose lease may be gone."""
        holders = [holder for holder in self.awake if holder.kind == "run"]
        holder = holders[choice % len(holders)]
        chosen = dict(zip(holder.hand, outcomes + [rest] * len(holder.hand), strict=False))
        self.hand_in(holder, chosen, close=close, single=single, cost=cost, after_ms=after_ms, fatal=fatal, fate=fate)
        self.verify()

    def hand_in(
        self, holder: Holder, chosen: dict[int, str], *, close: bool, single: bool = False, cost: int = 0,
        after_ms: int | None = None, fatal: bool = False, fate: str = "told",
    ) -> None:  # fmt: skip
        by = {outcome: [i for i, each in chosen.items() if each == outcome] for outcome in OUTCOMES}
        failed = [(i, ("too_long", "bad_row")[i % 2], False, None) for i in by["failed"]]
        failed += [(i, "busy", True, after_ms) for i in by["retryable"]]
        limited = [[i, 700 * (i % 3)] for i in by["limited"]]
        unused = len(holder.permits) // 2 if close and not by["limited"] else 0
        holder.seq += 1
        holder.hand = by["open"]
        answer = self.step(
            "lease_commit", fate, token=holder.token, seq=holder.seq,
            done=as_ranges(by["done"], single=single), skipped=as_ranges(by["skipped"], single=single),
            failed=[[i, f"w{i}", f"word {i}", code, "a sentence", again, after] for i, code, again, after in failed],
            limited=limited or None, unused=unused or None, cost_nano=cost, jitter=0.5, close=close,
            begun=len(chosen) - len(by["open"]) if close else None, elapsed_ms=100 if close else None,
            fatal={"code": "bad_key", "message": "No key."} if fatal else None,
            sent=self.tell(),
        )  # fmt: skip
        job = self.model.jobs.get(holder.job)
        live = job is not None and holder.token in job.leases
        assert answer.state == self.expected(holder, live), f"{answer}, {live=}"
        if not live:
            assert answer.data["stop"] is True
        self.model.commit(
            holder.token, holder.seq, self.now, done=by["done"], skipped=by["skipped"], failed=failed, limited=limited,
            cost_nano=cost, close=close, fatal=fatal,
        )  # fmt: skip
        if unused and job is not None:
            for at in holder.permits[-unused:]:
                if at in self.model.starts.get(job.type, ()):  # else its rate was changed since
                    self.model.starts[job.type].remove(at)
        if live and job is not None and not close:
            assert answer.data["stop"] is bool(job.stops), "19: a holder is told to stop when its job is stopped"
        if close:
            self.holders.remove(holder)

    @precondition(lambda self: any(holder.kind == "run" and holder.hand for holder in self.awake))
    @rule(choice=CHOICE, n=st.integers(1, 6))
    def provider_is_away(self, choice: int, n: int) -> None:
        """Items fail for now, and their holder goes on with what it has."""
        holders = [holder for holder in self.awake if holder.kind == "run" and holder.hand]
        holder = holders[choice % len(holders)]
        chosen = {i: "retryable" if at < n else "open" for at, i in enumerate(holder.hand)}
        self.hand_in(holder, chosen, close=False)
        self.verify()

    def expected(self, holder: Holder, live: bool) -> str:
        """What a step with this holder's token is answered."""
        if holder.token not in self.model.tokens:  # the ledger was put back to before its claim
            return "gone"
        return "ok" if live else "closed"

    @precondition(lambda self: any(holder.kind == "plan" for holder in self.awake))
    @rule(choice=CHOICE, total=st.sampled_from([0, 1, 3, 9, 20]), how=CHOICE, fate=FATE)
    def end_plan(self, choice: int, total: int, how: int, fate: str) -> None:
        holders = [holder for holder in self.awake if holder.kind == "plan"]
        holder = holders[choice % len(holders)]
        if how % 5 < 3:
            answer = self.step("lease_plan", fate, token=holder.token, total=total, source='{"file": 1}')
            live = self.model.plan(holder.token, total)
            self.after_phase(holder, answer, live)
        else:
            self.fail_phase(holder, how, fate)

    @precondition(lambda self: any(holder.kind == "finish" for holder in self.awake))
    @rule(choice=CHOICE, how=CHOICE, fate=FATE)
    def end_finish(self, choice: int, how: int, fate: str) -> None:
        holders = [holder for holder in self.awake if holder.kind == "finish"]
        holder = holders[choice % len(holders)]
        if how % 5 < 3:
            result = json.dumps({"by": holder.token})
            answer = self.step("lease_finish", fate, token=holder.token, result=result)
            live = self.model.finish(holder.token, result)
            self.after_phase(holder, answer, live)
        else:
            self.fail_phase(holder, how, fate)

    def fail_phase(self, holder: Holder, how: int, fate: str) -> None:
        if how % 5 == 3:
            answer = self.step("lease_release", fate, token=holder.token)
            live = self.model.release(holder.token)
        else:
            final = how % 3 == 0
            answer = self.step("lease_fail", fate, token=holder.token, code="away", message="It is away.", final=final)
            live = self.model.fail_phase(holder.token, final)
        self.after_phase(holder, answer, live)

    def after_phase(self, holder: Holder, answer: Answer, live: bool) -> None:
        assert answer.state == self.expected(holder, live)
        self.holders.remove(holder)
        self.verify()

    def renew(self, choice: int) -> None:
        self.beat(self.awake[choice % len(self.awake)])
        self.verify()

    def beat(self, holder: Holder) -> None:
        answer = self.step("lease_renew", token=holder.token, sent=self.tell())
        job = self.model.jobs.get(holder.job)
        live = job is not None and holder.token in job.leases
        assert answer.state == self.expected(holder, live)
        assert answer.data["stop"] is (not live or bool(job and job.stops)), "19: told to stop"
        self.model.renew(holder.token, self.now)

    def do_all(self, holder: Holder, outcome: str = "done") -> None:
        if holder.kind == "run":
            self.hand_in(holder, dict.fromkeys(holder.hand, outcome), close=True, cost=3)
            self.verify()
        elif holder.kind == "plan":
            answer = self.step("lease_plan", token=holder.token, total=4)
            self.after_phase(holder, answer, self.model.plan(holder.token, 4))
        else:
            answer = self.step("lease_finish", token=holder.token, result="{}")
            self.after_phase(holder, answer, self.model.finish(holder.token, "{}"))

    @precondition(lambda self: self.awake)
    @rule(choice=CHOICE, frozen=st.booleans(), outcome=st.sampled_from(["done", "done", "failed", "skipped"]))
    def holder_does_all(self, choice: int, frozen: bool, outcome: str) -> None:
        """The usual case again; or a zombie wakes up and does it."""
        holders = [holder for holder in self.holders if holder.frozen] if frozen else []
        holders = holders or self.awake
        self.do_all(holders[choice % len(holders)], outcome)
