"""Clean, empty and bulk acts: which jobs they take, in which steps, and what is left."""

from __future__ import annotations

import threading

import pytest

from tests.toys import Noop
from vocaqueue import InvalidParams, JobFilter, NoPreview, TooMany
from vocaqueue.engine import bulk as bulk_module
from vocaqueue.engine import removal as removal_module


def statuses(queue):
    return {job.id: job.status.value for job in queue.jobs(limit=100).items}


def test_empty_takes_what_never_began_and_nothing_else(queue):
    """
    Waiting and held jobs go, delayed ones on request; begun and ended ones stay, and so does every hold.
    """
    waiting, also, held, begun, paused, ended = (queue.waiting() for _ in range(6))
    queue.pause(held)
    queue.run(ended)
    for job_id in (begun, paused):
        queue.begin(job_id)
    queue.pause(paused)
    later = queue.waiting(delay_s=3600)
    other = queue.add(Noop(total=3)).record.id
    queue.pause_all("toy")
    assert queue.empty(type_name="toy") == 3
    assert set(statuses(queue)) == {later, begun, paused, ended, other}
    assert queue.stats()["types"]["toy"]["isPaused"] is True
    assert queue.empty(delayed=True) == 2
    assert set(statuses(queue)) == {begun, paused, ended}
    assert queue.mentions(waiting) == queue.mentions(also) == queue.mentions(held) == []
    raw = queue.raw()
    assert raw["items-left"] == {"toy": "4"}  # of the two that were begun
    assert not raw.get("backlog:toy:3")
    assert queue.empty() == 0


def test_empty_gives_the_places_to_the_next(queue):
    """
    With more jobs than places and a limit, those that stay have the tickets, and none is owed to one that is gone.
    """
    jobs = [queue.waiting() for _ in range(40)]
    assert queue.empty(limit=22) == 22
    kept = jobs[:18]
    raw = queue.raw()
    assert set(raw["jobs"]) == set(kept)
    assert set(raw["line:toy:3"]) == set(kept[:16])
    assert set(raw["backlog:toy:3"]) == set(kept[16:])
    assert set(raw["sent:toy:3"]) | set(raw.get("outbox", {})) == set(kept[:16])


def test_emptying_the_middle_fills_the_line(queue):
    """
    When those with a ticket go, the next ones get theirs in the same step.
    """
    jobs = [queue.waiting() for _ in range(20)]
    taken = queue._removal.take(jobs[:10], "empty", "unbegun")
    assert (taken.affected, taken.skipped) == (10, [])
    raw = queue.raw()
    assert set(raw["line:toy:3"]) == set(jobs[10:])
    assert set(raw["sent:toy:3"]) == set(jobs[10:])


@pytest.mark.parametrize("skip_bin", [False, True])
def test_many_go_in_steps_with_one_event_each(queue, monkeypatch, skip_bin):
    """
    Seven jobs in steps of three: three events whose numbers add up; only the bin keeps files.
    """
    monkeypatch.setattr(removal_module, "JOBS_IN_A_STEP", 3)
    jobs = [queue.waiting() for _ in range(7)]
    for job_id in jobs:
        with queue.files.write(f"jobs/{job_id}/x") as out:
            out.write(b"x")
    assert queue.empty(skip_bin=skip_bin) == 7
    said = [event["data"]["affected"] for event in queue.events() if event["event"] == "jobs-changed"]
    assert sorted(said) == ([1, 3, 3])
    assert queue.bin().total == (0 if skip_bin else 7)
    assert all(bool(queue.files.list(f"jobs/{job_id}")) is not skip_bin for job_id in jobs)
    assert queue.raw().keys() <= {"turn", "types", "lines", "items-left"}


def test_clean_takes_what_ended_long_enough_ago(queue):
    """
    By status, type, age and number, the oldest first; the guide's cleanQueue(86400000, 'completed') is the default.
    """
    done = [queue.completed() for _ in range(3)]
    failed = queue.completed(failing=3)
    queue.waiting()
    assert queue.clean(grace_s=3600) == 0
    assert queue.clean(grace_s=0, limit=1) == 1
    assert done[0] not in statuses(queue)
    assert queue.clean(grace_s=0, type_name="noop") == 0
    assert queue.clean(grace_s=0, status="failed", type_name="toy") == 1
    assert failed not in statuses(queue)
    assert queue.clean(grace_s=0) == 2
    assert [entry.action for entry in queue.bin().items] == ["clean"] * 4
    assert len(statuses(queue)) == 1


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"grace_s": -1}, "grace"),
        ({"grace_s": float("nan")}, "grace"),
        ({"grace_s": 1e12}, "grace"),
        ({"grace_s": True}, "grace"),
        ({"grace_s": 0, "limit": 0}, "limit"),
        ({"grace_s": 0, "limit": 1.5}, "limit"),
        ({"grace_s": 0, "status": "waiting"}, "status"),
    ],
)
def test_an_absurd_clean_names_the_field(queue, given, field):
    """
    Nothing is removed, and the error says which argument makes no sense.
    """
    job_id = queue.completed()
    with pytest.raises(InvalidParams) as caught:
        queue.clean(**given)
    assert [detail.field for detail in caught.value.details] == [field]
    assert job_id in statuses(queue)


def test_indexes_longer_than_a_page_are_walked_to_the_end(queue, monkeypatch):
    """
    Jobs that were made in the same millisecond straddle pages, and each is found once.
    """
    monkeypatch.setattr("vocaqueue.store.selection.PAGE", 3)
    given = {"type": "toy", "priority": 3, "params": "{}", "total": 1, "attempts": 1, "backoff_ms": 1}
    for now, ids in ((1000, "abcdefgh"), (2000, "i"), (3000, "jklmno")):
        for job_id in ids:
            queue.ledger.step("job_create", id=job_id, now=now, **given)
    found = queue._removal.selection.in_status(removal_module.UNBEGUN, None)
    assert found == list(reversed("abcdefghijklmno"))
    assert queue._removal.selection.listed(["toy"], [], 4) == list("abcde")


def test_a_bulk_act_does_what_fits_and_says_what_not(queue):
    """
    Each of the five; a job whose state does not allow it is skipped with a code.
    """
    waiting, held, ended, failed = queue.waiting(), queue.waiting(), queue.completed(), queue.completed(failing=1)
    queue.pause(held)
    ids = [waiting, held, ended, failed, "nobody", waiting]

    def codes(action):
        result = queue.bulk(action, ids=ids)
        assert result.affected + len(result.skipped) == 5
        return {job_id: code for job_id, code, _ in result.skipped}

    gone = {"nobody": "job_not_found"}
    assert codes("pause") == gone | {held: "already_paused", ended: "wrong_status", failed: "wrong_status"}
    assert codes("resume") == gone | {ended: "wrong_status", failed: "wrong_status"}
    assert codes("resume")[waiting] == "not_paused"
    assert codes("retry") == gone | {waiting: "wrong_status", held: "wrong_status", ended: "nothing_to_retry"}
    assert codes("cancel") == gone | {ended: "wrong_status"}
    assert statuses(queue) == {waiting: "cancelled", held: "cancelled", failed: "cancelled", ended: "completed"}
    assert codes("delete") == gone
    assert statuses(queue) == {}
    assert queue.bin().total == 4


def test_a_filter_means_jobs_that_fit_all_of_it(queue):
    """
    Type, status as it is seen, who submitted, labels, a part of the name.
    """
    one = queue.waiting(name="Spring words", labels=["a", "b"], created_by="kim")
    two = queue.waiting(name="spring again", labels=["a"], created_by="lee")
    three = queue.add(Noop(total=1), created_by="kim").record.id

    def chosen(**given):
        shown = queue.bulk_preview("cancel", filter=JobFilter(**given))
        return {job["jobId"] for job in shown["first"]}

    assert chosen(types=["toy"]) == {one, two}
    assert chosen(created_by="kim") == {one, three}
    assert chosen(types=["toy", "noop"], labels=["a"]) == {one, two}
    assert chosen(labels=["a", "b"]) == {one}
    assert chosen(name="SPRING") == {one, two}
    assert chosen(name="spring", created_by="lee") == {two}
    queue.pause_all("toy")
    assert chosen(statuses=["paused"]) == {one, two}
    assert chosen(statuses=["waiting"]) == {three}
    assert chosen(statuses=["completed"]) == set()


def test_a_preview_is_frozen_and_bound_to_its_act(queue):
    """
    It says what would be touched; the act by its id takes just those, whatever came meanwhile, and no other act.
    """
    ended = queue.completed()
    jobs = [queue.waiting() for _ in range(25)]
    shown = queue.bulk_preview("cancel", filter=JobFilter(types=["toy"]))
    assert (shown["count"], shown["byStatus"], shown["byType"]) == (25, {"waiting": 25}, {"toy": 25})
    assert len(shown["first"]) == 20
    assert shown["skipped"] == [{"jobId": ended, "code": "wrong_status", "status": "completed"}]
    assert set(statuses(queue).values()) == {"waiting", "completed"}
    late = queue.waiting()
    queue.cancel(jobs[0])
    with pytest.raises(NoPreview, match="made for cancel, not for retry"):
        queue.bulk("retry", preview_id=shown["previewId"])
    done = queue.bulk("cancel", preview_id=shown["previewId"])
    assert (done.affected, done.skipped) == (24, [(jobs[0], "wrong_status", "cancelled")])
    assert statuses(queue)[late] == "waiting"
    again = queue.bulk("cancel", preview_id=shown["previewId"])
    assert (again.affected, len(again.skipped)) == (0, 25)
    with pytest.raises(NoPreview, match="Ask for a new one"):
        queue.bulk("cancel", preview_id="nothing")


def test_a_bulk_cancel_gives_no_ticket_to_what_goes_next(queue):
    """
    The last in line go first, so that of forty jobs no more get a ticket than had one before.
    """
    jobs = [queue.waiting() for _ in range(40)]
    assert queue.bulk("cancel", ids=jobs).affected == 40
    raw = queue.raw()
    assert sum(int(raw[f"job:{job_id}"]["line"]) for job_id in jobs) == 16
    assert queue.bulk("retry", ids=list(reversed(jobs))).affected == 40
    assert set(queue.raw()["line:toy:3"]) == set(jobs[:16])


def test_a_bulk_act_has_a_ceiling_and_a_subject(queue, monkeypatch):
    """
    Too many jobs are refused, not cut; nothing chosen, or everything by an empty filter, is no choice.
    """
    monkeypatch.setattr(bulk_module, "MOST_JOBS", 3)
    jobs = [queue.waiting() for _ in range(4)]
    with pytest.raises(TooMany, match="at most 3 jobs"):
        queue.bulk("cancel", ids=jobs)
    with pytest.raises(TooMany, match="narrow the filter"):
        queue.bulk("cancel", filter=JobFilter(types=["toy"]))
    for wrong in ({}, {"ids": []}, {"ids": jobs[:1], "filter": JobFilter(types=["toy"])}, {"filter": JobFilter()}):
        with pytest.raises(InvalidParams):
            queue.bulk("cancel", **wrong)
    with pytest.raises(InvalidParams, match="retry, cancel, delete, pause, resume"):
        queue.bulk("stop", ids=jobs[:1])
    assert set(statuses(queue).values()) == {"waiting"}


def test_a_bulk_act_goes_on_after_the_server_forgot_its_scripts(queue):
    """
    SCRIPT FLUSH between two steps changes nothing.
    """
    jobs = [queue.waiting() for _ in range(5)]
    queue.ledger.client.script_flush()
    assert queue.bulk("pause", ids=jobs).affected == 5
    assert set(statuses(queue).values()) == {"paused"}


def test_two_who_empty_at_once_share_the_jobs(queue):
    """
    Each job is removed by one of them and is in the bin once.
    """
    jobs = [queue.waiting() for _ in range(300)]
    queue.bin()
    removed: list[int] = []
    threads = [threading.Thread(target=lambda: removed.append(queue.empty())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(removed) == 300
    assert queue.bin().total == 300
    assert queue.raw().keys() <= {"turn", "types", "lines", "items-left"}
    assert queue.restore(jobs[150]).record.status == "waiting"
