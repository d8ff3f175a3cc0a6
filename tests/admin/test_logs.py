"""A job's log over HTTP."""

from __future__ import annotations

import json

import pytest

from tests.toys import Toy


@pytest.fixture
def job_id(queue):
    """A job with five lines, of which the second was lost and the first has left."""
    job_id = queue.add(Toy(ids=["a"])).record.id
    step = queue.ledger.step
    step("lease_claim", job=job_id, ticket=1, token="t", hard_ms=60_000, first=1, chunk_ms=1, chunk_max=1)
    lines = [json.dumps([1_800_000_000_000 + n, "info", f"line {n}", None, "shop"]) for n in (1, 3, 4, 5)]
    step("job_log", token="t", seq=1, lines=lines[:1], kept=3)
    step("job_log", token="t", seq=2, lines=lines[1:], lost=1, kept=3)
    return job_id


def test_a_log_is_read_on_from_its_cursor(client, job_id):
    """
    `next` is where to go on, also when there is nothing more for now.
    """
    first = client.get(f"/jobs/{job_id}/logs?limit=2").json["data"]
    assert [line["message"] for line in first["items"]] == ["line 3", "line 4"]
    assert first["items"][0] == {
        "number": 3, "timestamp": "2027-01-15T08:00:00.003Z", "level": "info", "message": "line 3", "itemId": None,
        "logger": "shop",
    }  # fmt: skip
    assert (first["next"], first["total"], first["written"]) == (4, 3, 5)
    rest = client.get(f"/jobs/{job_id}/logs?after={first['next']}").json["data"]
    assert [line["number"] for line in rest["items"]] == [5]
    end = client.get(f"/jobs/{job_id}/logs?after={rest['next']}").json["data"]
    assert (end["items"], end["next"]) == ([], 5)


@pytest.mark.parametrize("query", ["after=-1", "after=x", "limit=0", "limit=1001", "page=2"])
def test_a_cursor_that_makes_no_sense(client, job_id, query):
    """
    422 that names the argument.
    """
    answer = client.get(f"/jobs/{job_id}/logs?{query}")
    assert (answer.status_code, answer.json["error"]["details"][0]["field"]) == (422, query.partition("=")[0])


def test_a_log_goes_with_its_job(client, queue, job_id):
    """
    After the removal nothing of it is left, and it is 404.
    """
    queue.ledger.step("lease_commit", token="t", seq=1, done=[[0, 1]], jitter=0, close=True)
    queue.remove(job_id)
    assert client.get(f"/jobs/{job_id}/logs").status_code == 404
    queue.ledger.step("job_log", token="t", seq=3, lines=['["late"]'], kept=3)
    assert queue.ledger.client.keys(queue.ledger.keys("logs", "*")) == []
