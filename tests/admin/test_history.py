"""Lists that are found in the history of jobs, and counts for charts, over HTTP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.admin.conftest import Client, make_app
from tests.history.conftest import Kept
from tests.toys import JOB_TYPES
from vocaqueue.job import iso
from vocaqueue.store.counts import ITEMS, JOBS
from vocaqueue.store.ledger import Ledger


@pytest.fixture
def queue(make_ledger: Callable[..., Ledger], tmp_path: Path) -> Iterator[Kept]:
    settings = make_ledger(
        storage_url=f"file://{tmp_path}/files", database_url=f"sqlite:///{tmp_path}/queue.db"
    ).settings
    made = Kept(settings, JOB_TYPES)
    yield made
    made.close()


@pytest.fixture
def app(queue: Kept) -> Iterator[Flask]:
    made = make_app(queue)
    yield made
    made.extensions["admin"].close()


def listed(client: Client, query: str) -> list[str]:
    answer = client.get(f"/jobs?{query}")
    assert answer.status_code == 200, answer.json
    return [job["name"] for job in answer.json["data"]["items"]]


def test_a_list_is_filtered_by_all_that_is_given(client: Client, queue: Kept) -> None:
    """
    Each argument narrows the list, together they do so more, and a page says how many there are in all.
    """
    for name, priority in (("가을 소풍", "high"), ("가을 방학", "low"), ("겨울 방학", "low")):
        queue.completed(name=name, priority=priority, created_by="kim", failing=int(name == "겨울 방학"))
    middle = queue.jobs().items[1]
    queue.keep()
    assert listed(client, "q=가을") == ["가을 방학", "가을 소풍"]
    assert listed(client, "q=가을&priority=high,critical") == ["가을 소풍"]
    assert listed(client, "priority=4&failures=true") == ["겨울 방학"]
    assert listed(client, "failures=false&sort=createdAt") == ["가을 소풍", "가을 방학"]
    assert listed(client, "createdBy=lee") == []
    assert listed(client, "word=w1&createdBy=kim&sort=-name") == ["겨울 방학", "가을 소풍", "가을 방학"]
    assert "가을 소풍" not in listed(
        client, f"createdAfter={iso(middle.created_at_ms)}&createdBefore=2999-01-01T00:00:00Z"
    )
    assert listed(client, "finishedBefore=2001-01-01T00:00:00Z") == []
    assert listed(client, "q=%20&status=completed,failed&type=toy") == ["겨울 방학", "가을 방학", "가을 소풍"]
    page = client.get("/jobs?q=방학&limit=1&page=2").json["data"]
    assert ([job["name"] for job in page["items"]], page["total"], page["totalPages"]) == (["가을 방학"], 2, 2)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("sort=colour", "sort"),
        ("priority=urgent", "priority"),
        ("failures=maybe", "failures"),
        ("createdAfter=yesterday", "createdAfter"),
        ("createdBefore=2030-01-31T09:00:00", "createdBefore"),
        ("q=" + "x" * 501, "q"),
        ("createdby=me", "createdby"),
    ],
)
def test_arguments_that_make_no_sense_are_named(client: Client, query: str, field: str) -> None:
    """
    422 names the argument.
    """
    answer = client.get(f"/jobs?{query}")
    assert answer.status_code == 422
    assert [detail["field"] for detail in answer.json["error"]["details"]] == [field]


def test_without_the_archive_the_plain_list_goes_on(client: Client, queue: Kept, tmp_path: Path) -> None:
    """
    A search without a database, or with an empty one, is 503 with a sentence and Retry-After; the plain list goes on.
    """
    queue.waiting(name="here")
    empty = client.get("/jobs?q=here")
    queue.archive.close()
    queue.archive.url = "sqlite:////proc/nowhere/queue.db"
    for answer in (empty, client.get("/jobs?q=here")):
        assert (answer.status_code, answer.json["error"]["code"]) == (503, "archive_unavailable")
        assert answer.headers["Retry-After"]
    assert listed(client, "type=toy&status=waiting") == ["here"]


def test_the_counts_are_what_happened(client: Client, queue: Kept) -> None:
    """
    What every range counts is what the jobs' own counters say, by type and in all; nothing is counted twice.
    """
    for failing in (0, 1, 3):
        queue.completed(failing=failing)
    queue.cancel(queue.waiting())
    step = {"token": queue.begin(queue.waiting()), "seq": 1, "skipped": [[0, 2]], "close": True, "jitter": 0}
    for _ in range(2):  # as after a lost reply
        queue.ledger.step("lease_commit", **step, cost_nano=0)
    truth: Counter[str] = Counter()
    for job in queue.jobs(limit=100).items:
        truth.update({"jobs created": 1, f"jobs {job.status}": int(job.status.is_final)})
        truth.update({f"items {name}": getattr(job.progress, name) for name in ITEMS})
    assert truth["items failed"] == 4
    assert truth["items skipped"] == 2
    for name, buckets, seconds in (("1h", 60, 60), ("24h", 1440, 60), ("7d", 672, 900)):
        data = client.get(f"/history?range={name}").json["data"]
        assert (data["range"], data["bucketSeconds"]) == (name, seconds)
        for counts in (data, data["types"]["toy"]):
            for group, names in (("jobs", JOBS), ("items", ITEMS)):
                for what in names:
                    assert len(counts[group][what]) == buckets
                    assert sum(counts[group][what]) == truth[f"{group} {what}"], (name, group, what)
        assert not any(map(any, data["types"]["noop"]["jobs"].values()))


def test_what_happened_stands_in_its_minute(client: Client, queue: Kept) -> None:
    """
    Buckets begin at whole minutes of UTC, the present one is the last; what is older than the range is left out.
    """
    now_ms = queue.now_ms() // 900_000 * 900_000 + 899_000
    seen: dict[str, Any] = {}
    for minutes in (0, 1, 59, 60, 61):
        at = now_ms - minutes * 60_000
        queue.ledger.step("job_create", now=at, id=f"toy-{minutes}", type="toy", priority=3, attempts=1, backoff_ms=1,
                          params="{}", total=1)  # fmt: skip
    clock = queue.ledger.client.time
    queue.ledger.client.time = lambda: (now_ms // 1000, 0)
    try:
        for name in ("1h", "24h", "7d"):
            seen[name] = client.get(f"/history?range={name}").json["data"]
    finally:
        queue.ledger.client.time = clock
    hour = seen["1h"]
    assert [n for n, count in enumerate(hour["jobs"]["created"]) if count] == [0, 58, 59]
    assert hour["to"] == iso(now_ms + 1000)
    assert hour["from"] == iso(now_ms + 1000 - 3_600_000)
    assert sum(seen["24h"]["jobs"]["created"]) == 5
    week = seen["7d"]
    assert (week["jobs"]["created"][-1], week["jobs"]["created"][-5]) == (2, 2)
    assert client.get("/history?range=2h").status_code == 422


def test_counts_are_kept_for_a_bounded_time(queue: Kept) -> None:
    """
    Minutes go after a day and quarters of an hour after a week, so their memory is bounded.
    """
    queue.waiting()
    for name, most_s in (("minute", 26 * 3600), ("quarter", 9 * 86_400)):
        keys = queue.ledger.client.keys(queue.ledger.keys(name) + "*")
        assert len(keys) == 1
        assert 0 < queue.ledger.client.ttl(keys[0]) <= most_s
