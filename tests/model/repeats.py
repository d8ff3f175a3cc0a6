"""Steps that must change nothing: those made again after their reply was lost, and those of strangers."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from .world import CHOICE, HARD_MS, Made, World

#: A repeat of these says what is so now; nobody waits for more than that.
ANSWERS_DIFFER = {"job_create", "job_remove", "lease_died"}
ACTS_KEPT = 8  #: answers to acts on a job that the ledger keeps


class Repeats(World):
    """Old commands arrive again."""

    @precondition(lambda self: self.made)
    @rule(choice=CHOICE, last=st.booleans())
    def a_step_again(self, choice: int, last: bool) -> None:
        if last:
            self.repeat_the_last()
        else:
            self.repeat_an_old_one(choice)

    def repeat_the_last(self) -> None:
        """The reply was lost, so the caller makes the same step again."""
        self.make_again(self.made[-1], same_answer=True)

    def repeat_an_old_one(self, choice: int) -> None:
        """A command that was on its way for long arrives."""
        made = self.made[choice % len(self.made)]
        id_ = made.arguments.get("id")
        is_removed = made.name == "job_create" and id_ in self.model.removed
        if is_removed and not self.ledger.client.exists(self.ledger.keys("gone", id_)):
            return  # commands are on their way for minutes at most, and this job was older
        if self.acts_since(made) >= ACTS_KEPT:
            return
        seq = made.arguments.get("seq")
        newest = seq is not None and self.model.applied.get(made.arguments["token"]) == seq
        self.make_again(made, same_answer=newest)

    def acts_since(self, made: Made) -> int:
        """Later acts on the same job, or on gates."""
        target = made.arguments.get("id")
        later = self.made[self.made.index(made) + 1 :]
        return sum("token" in m.arguments and "lease" not in m.name and m.arguments.get("id") == target for m in later)

    def make_again(self, made: Made, *, same_answer: bool) -> None:
        before = self.read()
        # What was sent is said once more only to a ledger that knows it already.
        answer = self.ledger.step(made.name, now=self.now, server=self.server, **made.arguments)
        after = self.read()
        changed = {key for key in {*before.raw, *after.raw} if before.raw.get(key) != after.raw.get(key)}
        assert not changed, f"4: {made.name} again changed {changed}"
        if made.name == "lease_claim" and made.answer.state != "lease":
            # Its ticket is used by now, and its job may have been removed.
            assert answer.state in {made.answer.state, "stale", "gone"}, f"10: {answer}"
        elif made.name == "job_restore":
            # Also when the job was removed again: what it once was told.
            assert (answer.state, answer.data) == (made.answer.state, made.answer.data), f"20: {answer}"
        elif made.name == "job_create":
            assert answer.state == "exists", f"20: {answer}"
        elif made.arguments.get("id") in self.model.removed:
            assert answer.state == "gone", f"20: {made.name} of a job that was removed: {answer}"
        elif same_answer and made.name not in ANSWERS_DIFFER:
            assert (answer.state, answer.data) == (made.answer.state, made.answer.data), f"4: {made.name}: {answer}"

    def strangers(self) -> None:
        """20: steps with ids and tokens nobody knows leave no key."""
        before = self.read().raw
        common = {"now": self.now, "server": self.server}
        gone = [
            self.ledger.step("lease_claim", job="none", ticket=1, token="none", holder="", hard_ms=HARD_MS,
                             finishes=True, first=1, chunk_ms=2000, chunk_max=10, **common),
            self.ledger.step("lease_commit", token="none", seq=1, done=[[0, 1]], cost_nano=5, jitter=0.1, **common),
            self.ledger.step("lease_renew", token="none", **common),
            self.ledger.step("lease_plan", token="none", total=4, **common),
            self.ledger.step("lease_finish", token="none", result="{}", **common),
            self.ledger.step("lease_fail", token="none", code="a", message="b", **common),
            self.ledger.step("lease_release", token="none", **common),
            *(self.ledger.step(f"job_{act}", id="none", token="none", priority=1, held=True, **common)
              for act in ("cancel", "hold", "priority", "promote", "retry", "remove")),
        ]  # fmt: skip
        assert [answer.state for answer in gone] == ["gone"] * len(gone)
        self.ledger.step("lease_keep", held=[["none", 1]], **common)
        self.ledger.step("lease_died", job="none", ticket=1, how="child", **common)
        self.ledger.step("ticket_sent", sent=[["none", 1]], **common)
        self.ledger.step("ticket_resend", age_ms=1 << 40, limit=10, missing=[["none", 1]], missing_ms=1, **common)
        assert self.read().raw == before, "20: a stranger left something"
