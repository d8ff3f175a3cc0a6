"""The state of each item of a job, page by page, against what the ledger's keys say one by one."""

from __future__ import annotations

import json
import random

import pytest

from tests.model.real import Real
from tests.store.test_steering import Desk, failed
from vocaqueue.errors import JobNotFound
from vocaqueue.store.item_states import ItemStates, ItemStatus
from vocaqueue.store.items import write_blocks
from vocaqueue.store.ledger import Ledger

STATUSES = [status.value for status in ItemStatus]


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    return Desk(ledger)


def claim(desk: Desk, count: int, job_id: str = "a") -> tuple[str, list[int]]:
    """A lease of up to so many items, whatever the pace was."""
    desk.tokens += 1
    token = f"t{desk.tokens}"
    answer = desk.step(
        "lease_claim", job=job_id, ticket=desk.job(job_id).number("line"), token=token, holder="w@h/7",
        hard_ms=60_000, finishes=False, first=count, chunk_ms=2000, chunk_max=count,
    )  # fmt: skip
    ranges = answer.data.get("ranges", []) if answer.state == "lease" else []
    return token, [item for a, b in ranges for item in range(a, b)]


def settle(desk: Desk, token: str, items: list[int], *, close: bool, chances: random.Random) -> None:
    """Each item is done, skipped, fails in one of several ways, or stays in hand."""
    done, skipped, failures = [], [], []
    for item in items:
        match chances.choice(["done", "done", "skipped", "failed", "again", "open"]):
            case "done":
                done.append([item, item + 1])
            case "skipped":
                skipped.append([item, item + 1])
            case "failed":
                failures += failed(item, code=chances.choice(["bad_row", "no_word"]))
            case "again":
                failures += failed(item, again=True)
    desk.settle(token, close=close, done=done, skipped=skipped, failed=failures)


def told(desk: Desk) -> dict[int, str]:
    """Each item's state, from the keys themselves."""
    job = desk.job("a")
    held = {item for lease in job.leases.values() for item in job.open_of(lease)}
    return {
        i: "failed" if i in job.failed
        else "skipped" if i in job.skipped
        else "completed" if i in job.settled
        else "not_done" if job.has_ended
        else "retrying" if i in job.retry
        else "active" if i in held
        else "waiting"
        for i in range(job.total or 0)
    }  # fmt: skip


def check(desk: Desk, chances: random.Random) -> None:
    """Random pages of random choices of states are what a list of all items would give."""
    states, truth = ItemStates(desk.ledger), told(desk)
    for _ in range(12):
        wanted = chances.sample(STATUSES, chances.randint(0, 3))
        fitting = [i for i, status in truth.items() if status in (wanted or STATUSES)]
        limit = chances.choice([1, 7, 100, 1000])
        pages = -(-len(fitting) // limit)
        number = chances.choice([1, max(1, pages), pages + 1, chances.randint(1, pages + 1)])
        page = states.page("a", [ItemStatus(status) for status in wanted], page=number, limit=limit)
        expected = fitting[(number - 1) * limit : number * limit]
        assert [item.position for item in page.items] == expected, (wanted, number, limit)
        assert [item.status.value for item in page.items] == [truth[i] for i in expected]
        assert (page.total, page.total_pages) == (len(fitting), pages)
        assert page.counts == {status: list(truth.values()).count(status) for status in STATUSES}


@pytest.mark.parametrize("seed", range(6))
def test_any_page_of_any_states_is_right(desk: Desk, seed: int) -> None:
    """
    In random lives of a job of ten thousand items, retried and cancelled ones too, no page misses or doubles an item.
    """
    chances = random.Random(seed)
    desk.create("a", total=10_003, finishes="0")
    held: list[tuple[str, list[int]]] = []
    for _ in range(12):
        token, items = claim(desk, chances.choice([1, 10, 300, 2000]))
        if items:
            held.append((token, items))
        if held and chances.random() < 0.7:
            token, items = held.pop(chances.randrange(len(held)))
            settle(desk, token, items, close=chances.random() < 0.8, chances=chances)
        desk.now += chances.choice([10, 150])
    check(desk, chances)
    desk.act("job_cancel", id="a")
    for token, items in held:
        settle(desk, token, items, close=True, chances=chances)
    for lease in list(desk.job("a").leases):
        desk.step("lease_commit", token=lease, seq=9, jitter=0, close=True)
    check(desk, chances)
    assert desk.job("a").has_ended
    desk.act("job_retry", id="a", codes=["bad_row"])
    check(desk, chances)


def test_what_a_page_says_of_an_item(desk: Desk) -> None:
    """
    A failed item has its error, one that waits for a retry its time and its tries, and ids come from the job's blocks.
    """
    write_blocks(desk.ledger, "new", [f"word-{i}" for i in range(2500)], patience_s=1)
    desk.create("a", total=2500, blocks="new")
    token, items = claim(desk, 1)
    assert items == [0]
    desk.settle(token, failed=[[0, "word-0", "사과", "bad_row", "It will never work.", False, None]])
    token, items = claim(desk, 1)
    desk.settle(token, failed=failed(items[0], again=True))
    token, items = claim(desk, 1)
    shown = [item.as_dict() for item in ItemStates(desk.ledger).page("a", [], page=1, limit=4).items]
    empty = dict.fromkeys(("itemName", "attempts", "nextTryAt", "code", "message", "timestamp"))
    assert shown == [
        empty | {
            "position": 0, "itemId": "word-0", "itemName": "사과", "status": "failed", "attempts": 1, "code": "bad_row",
            "message": "It will never work.", "timestamp": "2027-01-15T08:00:00.000Z",
        },
        empty | {
            "position": 1, "itemId": "word-1", "status": "retrying", "attempts": 1,
            "nextTryAt": "2027-01-15T08:00:00.100Z",
        },
        empty | {"position": 2, "itemId": "word-2", "status": "active", "attempts": 0},
        empty | {"position": 3, "itemId": "word-3", "status": "waiting", "attempts": 0},
    ]  # fmt: skip
    last = ItemStates(desk.ledger).page("a", [ItemStatus.WAITING], page=50, limit=50).items
    assert [item.item_id for item in last][-1] == "word-2499"


def test_failures_beyond_the_newest_have_their_code(desk: Desk) -> None:
    """
    Of 10,500 failures the oldest 500 are known by their code, on a page and in the list of all.
    """
    desk.create("a", total=10_500)
    claimed = 0
    while claimed < 10_500:
        token, items = claim(desk, 500)
        claimed += len(items)
        desk.settle(token, failed=[error for i in items for error in failed(i, code=f"code{i % 2}")])
    states = ItemStates(desk.ledger)
    (old,) = states.page("a", [ItemStatus.FAILED], page=500, limit=1).items
    (new,) = states.page("a", [ItemStatus.FAILED], page=501, limit=1).items
    assert (old.position, old.code, old.message, old.attempts) == (499, "code1", None, None)
    assert (new.position, new.code, new.message, new.attempts) == (500, "code0", "a sentence", 1)
    batches = list(states.failures("a"))
    every = [failure for batch in batches for failure in batch]
    assert [failure.position for failure in every] == list(range(10_500))
    assert [failure.code for failure in every] == [f"code{i % 2}" for i in range(10_500)]
    assert [failure.position for failure in every if failure.message is None] == list(range(500))
    assert max(map(len, batches)) <= 4096


def test_a_job_without_items_or_without_being_there(desk: Desk) -> None:
    """
    A job whose plan has not run, and one of no items, have empty pages; a missing one is an error.
    """
    states = ItemStates(desk.ledger)
    desk.create("a", total=None)
    desk.create("b", total=0)
    for job_id in ("a", "b"):
        page = states.page(job_id, [], page=1, limit=10)
        assert (page.items, page.total, set(page.counts.values())) == ([], 0, {0})
        assert list(states.failures(job_id)) == []
    with pytest.raises(JobNotFound):
        states.page("c", [], page=1, limit=10)
    with pytest.raises(JobNotFound):
        next(states.failures("c"))


def picked(*items: int, total: int = 20) -> bytes:
    bits = bytearray(-(-total // 8))
    for item in items:
        bits[item // 8] |= 128 >> item % 8
    return bytes(bits)


@pytest.fixture
def ended(desk: Desk) -> Desk:
    """Job `a` of twenty items: 0 to 5 have failed, the even ones with another code than the odd ones."""
    desk.create("a", total=20)
    token, _ = claim(desk, 20)
    failures = [error for i in range(6) for error in failed(i, code=f"code{i % 2}")]
    desk.settle(token, failed=failures, done=[[6, 20]])
    assert desk.job("a").status == "completed"
    return desk


def test_a_retry_of_some_items_takes_just_those(ended: Desk) -> None:
    """
    What is picked, by itself or by its code, leaves the failures, their codes and their errors; a repeat is harmless.
    """
    answer = ended.step("job_retry", id="a", token="x", picked=True, blob=picked(1, 4), codes=["code0"])
    job = ended.job("a")
    assert (answer.state, answer.data["items"]) == ("retrying", 4)
    assert (job.failed, job.codes, job.by_code) == ({3, 5}, {"code1": 2}, {"code1": {3, 5}})
    assert [line[0] for line in job.errors] == [5, 3]
    assert job.number("failed") == 2
    before = Real.read(ended.ledger.client, ended.ledger.keys.prefix).raw
    again = ended.step("job_retry", id="a", token="x", picked=True, blob=picked(1, 4), codes=["code0"])
    assert (again.state, again.data["items"]) == ("retrying", 4)
    assert Real.read(ended.ledger.client, ended.ledger.keys.prefix).raw == before
    assert [item for _ in range(3) for item in claim(ended, 20)[1]] == [0, 1, 2, 4]


def test_a_retry_of_an_item_that_has_not_failed_changes_nothing(ended: Desk) -> None:
    """
    One item among the picked that has not failed is enough.
    """
    before = Real.read(ended.ledger.client, ended.ledger.keys.prefix).raw
    answer = ended.step("job_retry", id="a", token="x", picked=True, blob=picked(1, 7))
    after = Real.read(ended.ledger.client, ended.ledger.keys.prefix).raw
    assert answer.state == "not_failed"
    assert "not_failed" in after["job:a"].pop("acts")
    assert "not_failed" in str(after.pop("audit")[-1])
    del before["audit"]
    assert after == before


def test_a_story_is_told_only_where_there_is_one(ended: Desk) -> None:
    """
    A job that just ran has no story of its own; a retry, a change of priority and a hold are noted in order.
    """
    client, keys = ended.ledger.client, ended.ledger.keys
    assert not client.exists(keys("story", "a"))
    ended.act("job_retry", id="a")
    ended.act("job_priority", id="a", priority=1)
    ended.act("job_hold", id="a", held=True)
    story = [json.loads(line) for line in client.lrange(keys("story", "a"), 0, -1)]
    assert [(entry[1], *entry[2:]) for entry in story] == [
        ("job-retrying", {"run": 2}),
        ("job-priority", {"priority": 1}),
        ("job-paused",),
    ]
