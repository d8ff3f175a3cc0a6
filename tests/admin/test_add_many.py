"""Several jobs in one call: all of them, or none."""

from __future__ import annotations

import pytest

from tests.toys import Noop, Toy
from vocaqueue import DuplicateJob, InvalidParams, UnknownType


def test_many_jobs_in_one_call(queue):
    """
    In the order asked for, with options for all and of their own.
    """
    jobs = queue.add_many(
        [Toy(ids=["a", "b"]), (Noop(total=1), {"priority": "critical", "name": "Mine"}), Toy(ids=["c"])],
        created_by="me",
        priority="low",
    )
    assert [(job.type, job.priority.label, job.name, job.created_by) for job in jobs] == [
        ("toy", "low", None, "me"),
        ("noop", "critical", "Mine", "me"),
        ("toy", "low", None, "me"),
    ]
    assert queue.jobs().total == 3
    assert queue.add_many([]) == []


@pytest.mark.parametrize(
    ("jobs", "options", "fields"),
    [
        ([Toy(ids=["a"]), Toy(ids=[])], {}, ["1.ids"]),
        ([Toy(ids=[]), Toy(ids=["a"]), Toy(ids=[])], {}, ["0.ids", "2.ids"]),
        ([Toy(ids=["a"]), (Toy(ids=["b"]), {"delay_s": -1})], {}, ["1.delay"]),
        ([Toy(ids=["a", "b"]), Toy(ids=["c"]), Toy(ids=["b", "a"])], {"unique": True}, ["2"]),
    ],
)
def test_one_that_is_wrong_keeps_all_from_being_made(queue, jobs, options, fields):
    """
    The error names each wrong one by its number and field.
    """
    with pytest.raises(InvalidParams, match="None of the jobs was made") as caught:
        queue.add_many(jobs, **options)
    assert [detail.field for detail in caught.value.details] == fields
    assert queue.jobs().total == 0
    assert queue.ledger.client.keys(queue.ledger.keys("items", "*")) == []


def test_a_duplicate_of_another_job_keeps_all_from_being_made(queue):
    """
    One whose parameters an unended job has; once that has ended, they are made.
    """
    first = queue.add(Toy(ids=["x"]), unique=True)
    with pytest.raises(DuplicateJob, match=first.id):
        queue.add_many([Toy(ids=["a"]), Toy(ids=["x"])], unique=True)
    assert queue.jobs().total == 1
    queue.cancel(first.id)
    assert len(queue.add_many([Toy(ids=["a"]), Toy(ids=["x"])], unique=True)) == 2


def test_a_type_that_is_not_registered(queue):
    """
    Is said before anything is made.
    """

    class Stranger(Toy):
        pass

    with pytest.raises(UnknownType):
        queue.add_many([Toy(ids=["a"]), Stranger(ids=["a"])])
    assert queue.jobs().total == 0


def test_the_same_call_again_finds_the_same_jobs(queue):
    """
    Under one idempotency key of the whole call.
    """
    asked = [Toy(ids=["a"]), Toy(ids=["a"]), Noop(total=1)]
    first = [job.id for job in queue.add_many(asked, idempotency_key="order 66")]
    assert [job.id for job in queue.add_many(asked, idempotency_key="order 66")] == first
    assert len(set(first)) == queue.jobs().total == 3
