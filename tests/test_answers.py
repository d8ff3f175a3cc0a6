"""What the code of a job type answered is made sure of before the ledger is told."""

from __future__ import annotations

from typing import Any

import pytest

from vocaqueue import Item, JobFatal, Outcome, Plan
from vocaqueue.engine import answers


@pytest.mark.parametrize("after_s", [float("inf"), float("nan"), "5", True])
def test_a_wait_is_a_number(after_s: Any) -> None:
    """A wait that no clock can keep is refused by name."""
    with pytest.raises(ValueError, match="retry_after_s"):
        answers.outcome(Outcome.failed("busy", "Later.", retryable=True, retry_after_s=after_s))


@pytest.mark.parametrize("cost", [1.5, "1", -1, 10**30, True])
def test_a_cost_is_a_whole_number(cost: Any) -> None:
    """Money that the ledger cannot add up is refused by name."""
    with pytest.raises(ValueError, match="cost_nano"):
        answers.outcome(Outcome.done(cost_nano=cost))


def test_texts_are_mended() -> None:
    """A number as code, an exception as message, half a letter, three megabytes: kept as text of a fitting length."""
    odd: Any = Outcome.failed(404, OSError("half \udc80"))  # type: ignore[arg-type]
    mended = answers.outcome(odd)
    assert (mended.code, mended.message) == ("404", "half ?")
    assert len(answers.outcome(Outcome.failed("big", "m" * 3_000_000)).message) == answers.MESSAGE_CHARACTERS
    assert answers.fatal(JobFatal(401, "half \ud800")) == {"code": "401", "message": "half ?"}  # type: ignore[arg-type]
    assert answers.outcome(Outcome.failed("c", "m", retryable=True, retry_after_s=-3)).retry_after_s == 0.0


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        (None, "must answer a Plan"),
        (Plan(-1, {}), "not -1"),
        (Plan(2.5, {}), "not 2.5"),  # type: ignore[arg-type]
        (Plan(10**15, {}), "whole number"),
        (Plan(1, {"ids": {1, 2}}), "must be JSON"),
        (Plan(1, [1]), "must be a dict"),  # type: ignore[arg-type]
    ],
)
def test_a_plan_makes_sense(plan: Any, why: str) -> None:
    """A number of items that cannot be, or a source that JSON cannot say, is refused with what is wrong."""
    with pytest.raises((TypeError, ValueError), match=why):
        answers.plan(plan)


@pytest.mark.parametrize("found", [[], ["a", "b"], [Item(1, "b"), Item(0, "a")], [Item(0, "a"), Item(0, "a")]])
def test_load_answers_what_it_was_asked(found: Any) -> None:
    """Items that are missing, doubled, in another order or no Items are refused."""
    with pytest.raises((TypeError, ValueError), match="load"):
        answers.items(found, [0, 1])


def test_the_ids_of_items_are_text() -> None:
    """An id that is a number, as a database gives it, becomes text."""
    assert answers.items([Item(0, 7)], [0])[0].id == "7"  # type: ignore[arg-type]
