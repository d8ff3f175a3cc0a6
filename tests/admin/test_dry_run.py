"""`?dryRun=true`: what a submission would come to, with nothing made."""

from __future__ import annotations

import io

import pytest

from tests.admin.conftest import Client, make_app
from tests.admin.test_jobs import MORE
from tests.toys import JOB_TYPES, Toy
from vocaqueue import QueueManager
from vocaqueue.admin.forecasts import DryRun

KEY = {"Idempotency-Key": "order 66"}


def test_it_answers_what_would_run(client, queue):
    """
    200 with items, time, cost, their bases and what stands in the way; no Location, and no job.
    """
    answer = client.post("/jobs/toy?dryRun=true", {"ids": ["a", "b", "a"], "priority": "high"}, headers=KEY)
    assert answer.status_code == 200
    assert "Location" not in answer.headers
    data = answer.json["data"]
    assert data == {
        "dryRun": True,
        "type": "toy",
        "jobId": None,
        "totalItems": 2,
        "estimate": {
            "items": 2,
            "seconds": None,
            "costUsd": None,
            "basis": {"items": "counted", "seconds": "none", "costUsd": "none"},
        },
        "itemsAhead": 0,
        "slots": 0,
        "warnings": [{"code": "no_worker", "message": "No worker runs for toy now; the job would wait for one."}],
    }
    assert DryRun.model_validate(data)
    assert queue.jobs().total == 0
    made = client.post("/jobs/toy", {"ids": ["a", "b"], "priority": "high"}, headers=KEY)
    assert made.status_code == 201, "a dry run leaves no trace of its idempotency key"
    again = client.post("/jobs/toy?dryRun=true", {"ids": ["a", "b"], "priority": "high"}, headers=KEY).json["data"]
    assert (again["jobId"], again["estimate"]["items"]) == (made.json["data"]["jobId"], 0)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/jobs/toy", {"ids": []}),
        ("/jobs/toy", {"ids": ["b"], "taag": "x"}),
        ("/jobs/toy", {"ids": ["a"], "unique": True}),
        ("/jobs/toy", {"ids": ["b"], "delay": 5, "runAt": "2030-01-01T00:00:00Z"}),
        ("/jobs/noop", {}),
        ("/jobs/nonsense", {}),
    ],
)
def test_what_is_wrong_is_said_as_in_the_real_one(client, queue, path, body):
    """
    The same status and the same error, details and all.
    """
    queue.add(Toy(ids=["a"]), unique=True)
    tried, real = client.post(f"{path}?dryRun=true", body), client.post(path, body)
    assert tried.status_code == real.status_code >= 400
    assert tried.json == real.json
    assert queue.jobs().total == 1


def test_it_needs_the_role_of_the_real_one(app, queue):
    """
    Who may not submit a job may not try it either.
    """
    assert Client(app, "viewer").post("/jobs/toy?dryRun=true", {"ids": ["a"]}).status_code == 403
    assert Client(app, None).post("/jobs/toy?dryRun=true", {"ids": ["a"]}).status_code == 401
    assert Client(app, "operator").post("/jobs/toy?dryRun=true", {"ids": ["a"]}).status_code == 200


def test_a_file_is_looked_at_and_not_kept(queue):
    """
    It is thrown away at once, and known by its content; without a way to do that a dry run takes no file.
    """
    types = (*JOB_TYPES, *MORE)
    kept: list[str] = []

    def keep(stream, filename):
        kept.append(stream.read().decode())
        return kept[-1]

    with_files = QueueManager(queue.settings, types)
    client = Client(make_app(with_files, uploads=keep, discard_upload=kept.remove))

    def send(path, name="words.csv", client=client):
        form = {"file": (io.BytesIO(b"abc"), name)}
        return client.call("POST", path, data=form, content_type="multipart/form-data", headers=KEY)

    try:
        answer = send("/jobs/files?dryRun=true")
        assert answer.status_code == 200
        assert answer.json["data"]["totalItems"] is None
        assert (kept, with_files.jobs().total) == ([], 0)
        careless = Client(make_app(with_files, uploads=keep))
        assert send("/jobs/files?dryRun=true", client=careless).status_code == 501
        assert kept == []
        made = send("/jobs/files")
        assert made.status_code == 201
        again = send("/jobs/files?dryRun=true").json["data"]
        assert again["jobId"] == made.json["data"]["jobId"], "the same file by its content"
        assert kept == ["abc"]
    finally:
        with_files.close()
