"""Lists of jobs by text, item, creator, priority, time and failures, in any order, together with paging."""

from __future__ import annotations

import random
import unicodedata
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.history.conftest import Kept
from tests.secret.toys import SENTINEL, guarded
from tests.toys import Bulk, Noop, Toy
from vocaqueue import HistoryUnavailable, InvalidParams
from vocaqueue.job import SORTS, JobRecord


@pytest.mark.parametrize(
    ("q", "names"),
    [
        ("학교", ["중학교생활"]),  # two syllables inside a longer word
        (unicodedata.normalize("NFD", "학교"), ["중학교생활"]),
        ("교", ["중학교생활"]),
        ("학규", []),
        ("하", []),  # a syllable is not a part of another one
        ("APPLE", ["Apple 100% pie"]),
        ("pple p", ["Apple 100% pie"]),  # two words, in any order, each a part of one
        ("pie apple", ["Apple 100% pie"]),
        ("apple 학교", []),
        ("100%", ["Apple 100% pie"]),
        ("a%e", []),  # wildcards of SQL are letters
        ("n_me", ["n_me"]),
        ("nxme", []),
        ("표지", ["Apple 100% pie"]),  # a label
        ("watercol", ["n_me"]),  # a parameter
        ("it will never", ["broken"]),  # a failure's message …
        ("bad_row", ["broken"]),  # … its code
        ("w0rd", ["broken"]),  # … the item's name
        ("zq", []),
        ('"', ["broken", "n_me", "Apple 100% pie", "중학교생활"]),  # as in all parameters
        ("İ", ["n_me"]),  # a letter that gets longer when it is made small
        ("😀", ["n_me"]),
    ],
)
def test_a_search_finds_parts_of_words(queue: Kept, q: str, names: list[str]) -> None:
    """
    Ids, names, labels, parameters and failures are searched by parts of words, Korean and English, literally.
    """
    queue.add(Toy(ids=["a"]), name="중학교생활")
    queue.add(Toy(ids=["a"]), name="Apple 100% pie", labels=["앞표지"])
    queue.add(Toy(ids=["a"], tag="Watercolor İ 😀"), name="n_me")
    broken = queue.add(Toy(ids=["w0"]), name="broken")
    token = queue.begin(broken.record.id)
    failed = [[0, "w0", "W0RD", "bad_row", "It will never work.", False, None]]
    queue.ledger.step("lease_commit", token=token, seq=1, failed=failed, cost_nano=0, jitter=0, close=True)
    queue.keep()
    assert queue.found(q=q) == names
    assert queue.jobs(q=q).total == len(names)


def test_an_id_is_found_by_any_part_of_it(queue: Kept) -> None:
    """
    A job is found by its whole id, by its end, and by a piece from its middle.
    """
    ids = [queue.waiting() for _ in range(3)]
    queue.keep()
    for job_id in ids:
        for part in (job_id, job_id[-8:], job_id[2:9].upper()):
            assert job_id in queue.found(q=part)
        assert queue.found(q=job_id) == [job_id]


def test_a_search_in_many_jobs_is_the_same_as_in_few(queue: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where more jobs may fit than are looked up one by one, their texts are read: the answer is the same.
    """
    for number in range(12):
        queue.add(Toy(ids=["a"]), name=f"학교 number {number}")
    queue.keep()
    few = {q: queue.found(q=q) for q in ("학교", "number", "학교 ber 수", "r")}
    monkeypatch.setattr("vocaqueue.archive.search.CANDIDATES_MOST", 2)
    assert {q: queue.found(q=q) for q in few} == few
    assert [len(found) for found in few.values()] == [12, 12, 0, 12]


def test_words_that_changed_are_found_and_old_ones_are_not(queue: Kept) -> None:
    """
    A retry takes failures away: they are not found any more, while the rest of the job is.
    """
    job_id = queue.completed(failing=1, name="초급")
    queue.keep()
    assert queue.found(q="never work") == ["초급"]
    queue.retry(job_id)
    queue.keep()
    assert queue.found(q="never work") == []
    assert queue.found(q="초급") == ["초급"]


def test_everything_together_is_what_asking_each_job_gives(queue: Kept) -> None:
    """
    150 random combinations of filters, orders and pages answer what a look at every job does.
    """
    dice = random.Random(11)
    for number in range(40):
        given: dict[str, Any] = {
            "name": dice.choice([None, f"학교 {number}", f"lesson {number % 7}"]),
            "created_by": dice.choice(["kim", "lee"]),
            "priority": dice.choice(["critical", "high", "normal", "low"]),
        }
        ids = dice.sample(["a", "b", "c", "d"], 2)
        job = queue.add(dice.choice([Toy, Bulk])(ids=ids), **given).record
        match dice.randrange(4):
            case 0:
                queue.cancel(job.id)
            case 1:
                queue.run(job.id, failing=dice.randrange(3))
            case 2:
                queue.pause(job.id)
    queue.pause_all("bulk")
    queue.keep()
    every = [job for page in (1, 2) for job in queue.jobs(page=page).items]
    items = {job.id: {item.item_id for item in queue.get(job.id).items().items} for job in every}
    times = sorted(job.created_at_ms for job in every)
    for _ in range(150):
        asked, fits = _random_question(dice, times, items)
        sort = dice.choice(["", "-"]) + dice.choice(SORTS)
        expected = [job.id for job in _sorted([job for job in every if fits(job)], sort)]
        page = queue.jobs(**asked, sort=sort, page=dice.choice([1, 1, 2]), limit=7)
        first = (page.page - 1) * 7
        assert [job.id for job in page.items] == expected[first : first + 7], (asked, sort)
        assert page.total == len(expected), asked


def _random_question(dice: random.Random, times: list[int], items: dict[str, set[str]]) -> tuple[dict[str, Any], Any]:
    asked: dict[str, Any] = {}
    tests: list[Any] = []

    def perhaps(name: str, value: Any, test: Any) -> None:
        if dice.random() < 0.3:
            asked[name] = value
            tests.append(test)

    status = dice.sample(["waiting", "paused", "completed", "failed", "cancelled"], 2)
    priority = dice.sample(["critical", "high", "normal", "low"], 2)
    item, by, failures = dice.choice("abcd"), dice.choice(["kim", "lee"]), dice.random() < 0.5
    word = dice.choice(["학교", "LESSON", "son less", "교"])
    after, before = dice.choice(times), dice.choice(times)
    perhaps("types", ["toy"], lambda job: job.type == "toy")
    perhaps("statuses", status, lambda job: job.status in status)
    perhaps("priorities", priority, lambda job: job.priority.label in priority)
    perhaps("item_id", item, lambda job: item in items[job.id])
    perhaps("created_by", by, lambda job: job.created_by == by)
    perhaps("failures", failures, lambda job: (job.progress.failed > 0) == failures)
    perhaps("q", word, lambda job: all(part in (job.name or "") for part in word.lower().split()))
    perhaps("created_after", _time(after), lambda job: job.created_at_ms >= after)
    perhaps("created_before", _time(before), lambda job: job.created_at_ms < before)
    perhaps("finished_after", _time(after), lambda job: (job.finished_at_ms or 0) >= after)
    return asked, lambda job: all(test(job) for test in tests)


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _sorted(jobs: list[JobRecord], sort: str) -> list[JobRecord]:
    value = {
        "createdAt": lambda job: job.created_at_ms,
        "startedAt": lambda job: job.started_at_ms,
        "finishedAt": lambda job: job.finished_at_ms,
        "priority": lambda job: int(job.priority),
        "name": lambda job: job.name,
    }[sort.removeprefix("-")]
    newest_first = sort != "createdAt"
    ordered = sorted(jobs, key=lambda job: (job.created_at_ms, job.id), reverse=newest_first)
    there = [job for job in ordered if value(job) is not None]
    there.sort(key=value, reverse=sort.startswith("-"))
    return there + [job for job in ordered if value(job) is None]


def test_the_ledger_says_what_a_job_is_now(queue: Kept) -> None:
    """
    A job that has moved on since the history was kept is shown as it is now, or not where it does not fit any more.
    """
    job_id = queue.waiting(created_by="me")
    queue.keep()
    queue.cancel(job_id)
    assert queue.found(created_by="me", statuses=["waiting"]) == []
    assert [job.status for job in queue.jobs(created_by="me").items] == ["cancelled"]
    queue.remove(job_id)
    assert queue.found(created_by="me") == []


def test_removed_jobs_are_in_no_list_until_they_are_restored(queue: Kept) -> None:
    """
    Jobs that were deleted, cleaned or emptied leave the history with their counts; a restored one comes back whole.
    """
    kept, deleted, cleaned = (queue.completed(created_by="me") for _ in range(3))
    emptied = queue.waiting(created_by="me")
    queue.keep()
    queue.remove(deleted)
    queue.empty()
    queue.cancel(queue.waiting(created_by="me"))
    queue.clean(grace_s=0, status="cancelled")
    queue.bulk("delete", ids=[cleaned])
    queue.keep()
    assert queue.found(created_by="me") == [kept]
    assert queue.jobs(created_by="me").total == 1
    queue.restore(deleted)
    queue.restore(emptied)
    queue.keep()
    assert set(queue.found(created_by="me")) == {kept, deleted, emptied}
    assert set(queue.found(item_id="w1")) == {kept, deleted}
    assert queue.rows() == queue.truth()


def test_a_job_is_found_by_each_of_its_items(queue: Kept) -> None:
    """
    Jobs of thousands of items that share some are found by any of them, also after pieces of the index were merged.
    """
    jobs = {}
    for number in range(20):
        ids = [f"단어{n}" for n in range(number * 500, number * 500 + 1500)]
        jobs[queue.add(Toy(ids=ids)).record.id] = set(ids)
        queue.keep()
    for n in (0, 499, 500, 1499, 4321, 9999, 10_999):
        expected = {job_id for job_id, ids in jobs.items() if f"단어{n}" in ids}
        assert set(queue.found(item_id=f"단어{n}")) == expected
    assert queue.found(item_id="단어11000") == []
    assert queue.found(item_id="단어") == []


def test_a_secret_is_found_by_nothing(queue: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Neither a secret parameter nor what is kept of it can be searched for; what is plain beside it can.
    """
    monkeypatch.setenv("VOCAQUEUE_SECRET_KEY", "the-key")
    queue.add(guarded(plain="beside it"), name="guarded")
    queue.keep()
    assert queue.found(q="beside") == ["guarded"]
    for secret in (SENTINEL, "한글", "731903117", "vqs1"):
        assert queue.found(q=secret) == []
    assert all(SENTINEL not in text and "vqs1" not in text for text in queue.texts())


def test_a_list_of_nothing_is_a_page_too(queue: Kept) -> None:
    """
    A page behind the last one has no items and the true total; types whose items are planned have no item ids.
    """
    queue.add(Noop(total=3), name="planned")
    queue.keep()
    behind = queue.jobs(q="planned", page=3)
    assert (behind.items, behind.total) == ([], 1)
    assert queue.found(item_id="0") == []


def test_wrong_questions_name_the_field(queue: Kept) -> None:
    """
    An order, a priority or a time that makes no sense is refused by name.
    """
    for field, wrong in (
        ("sort", {"sort": "colour"}),
        ("priority", {"priorities": ["urgent"]}),
        ("createdAfter", {"created_after": datetime(2030, 1, 1)}),  # noqa: DTZ001
    ):
        with pytest.raises(InvalidParams) as caught:
            queue.jobs(**wrong)
        assert [detail.field for detail in caught.value.details] == [field]


def test_a_history_that_is_not_there_yet_is_not_taken_for_an_empty_one(
    queue: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Before the history is made, and when it is far behind, a search says so; lists by type and status go on.
    """
    job_id = queue.waiting(created_by="me")
    with pytest.raises(HistoryUnavailable, match="being made"):
        queue.jobs(created_by="me")
    assert [job.id for job in queue.jobs(types=["toy"], statuses=["waiting"]).items] == [job_id]
    queue.keep()
    events = queue.ledger.keys("events")
    last = queue.position().place.events
    queue.ledger.client.xadd(events, {"event": "x", "job": "", "type": "", "at": "1", "data": "{}"}, id=_next(last))
    assert queue.found(created_by="me") == [job_id]  # a moment behind is nothing
    monkeypatch.setattr("vocaqueue.engine.finding.BEHIND_MOST_S", -1.0)
    with pytest.raises(HistoryUnavailable, match="s behind"):
        queue.jobs(created_by="me")


def _next(entry_id: str) -> str:
    ms, _, seq = entry_id.partition("-")
    return f"{ms}-{int(seq) + 1}"
