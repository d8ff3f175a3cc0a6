"""What a request may say about itself: once only, alone, by when, not before; over HTTP and in Python."""

from __future__ import annotations

import io
import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.admin.conftest import Client, make_app
from tests.admin.test_jobs import MORE
from tests.toys import JOB_TYPES, Noop, Toy
from vocaqueue import (
    DuplicateJob,
    IdempotencyConflict,
    InvalidParams,
    JobParams,
    JobRemoved,
    JobType,
    QueueManager,
)

KEY = {"Idempotency-Key": "order 66"}


def total(queue: QueueManager) -> int:
    return queue.jobs().total


def test_the_same_request_again_is_the_same_job(client, queue):
    """
    A repeat under the same key is 200 with the first job, however the same request is spelled.
    """
    first = client.post("/jobs/toy", {"ids": ["a", "b"], "priority": 1, "tag": "x"}, headers=KEY)
    assert first.status_code == 201
    again = client.post("/jobs/toy", {"tag": "x", "ids": ["a", "b"], "priority": "critical", "seconds": 0}, headers=KEY)
    assert again.status_code == 200
    assert again.json["data"] == first.json["data"]
    assert again.headers["Location"] == first.headers["Location"]
    queue.cancel(first.json["data"]["jobId"])
    ended = client.post("/jobs/toy", {"ids": ["a", "b"], "priority": 1, "tag": "x"}, headers=KEY)
    assert (ended.status_code, ended.json["data"]["status"]) == (200, "cancelled")
    assert total(queue) == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/jobs/toy", {"ids": ["a"]}),
        ("/jobs/toy", {"ids": ["a", "b"], "priority": "low"}),
        ("/jobs/toy", {"ids": ["a", "b"], "deadlineSeconds": 5}),
        ("/jobs/noop", {"total": 1}),
    ],
)
def test_the_same_key_with_another_request_is_a_conflict(client, queue, path, body):
    """
    409 that names the first job; nothing is made.
    """
    first = client.post("/jobs/toy", {"ids": ["a", "b"]}, headers=KEY).json["data"]["jobId"]
    other = client.post(path, body, headers=KEY)
    assert (other.status_code, other.json["error"]["code"]) == (409, "idempotency_conflict")
    assert first in other.json["error"]["message"]
    assert total(queue) == 1


def test_a_key_belongs_to_who_sent_it(app, queue):
    """
    Somebody else's request under the same key is a job of its own.
    """
    for role in ("admin", "operator"):
        assert Client(app, role).post("/jobs/toy", {"ids": ["a"]}, headers=KEY).status_code == 201
    assert total(queue) == 2


def test_a_key_whose_job_was_removed_says_so(client, queue):
    """
    200 with `removed`, and no second job; in Python JobRemoved.
    """
    job_id = client.post("/jobs/toy", {"ids": ["a"]}, headers=KEY).json["data"]["jobId"]
    queue.cancel(job_id)
    queue.remove(job_id)
    again = client.post("/jobs/toy", {"ids": ["a"]}, headers=KEY)
    assert again.status_code == 200
    assert again.json["data"] == {
        "jobId": job_id, "type": "toy", "status": None, "totalItems": None, "warnings": [], "removed": True,
    }  # fmt: skip
    with pytest.raises(JobRemoved, match=job_id):
        queue.add(Toy(ids=["a"]), created_by="the-admin", idempotency_key="order 66")
    assert total(queue) == 0


def test_a_key_is_kept_until_a_day_after_the_end(queue):
    """
    It has no end while the job has none, a day from then, and none again when the job is retried.
    """
    job_id = queue.add(Toy(ids=["a"]), idempotency_key="k").record.id
    (key,) = queue.ledger.client.keys(queue.ledger.keys("idempotency", "*"))
    left = lambda: queue.ledger.client.ttl(key)  # noqa: E731
    assert left() == -1
    queue.cancel(job_id)
    assert 86_400 - 60 < left() <= 86_400
    queue.retry(job_id)
    assert left() == -1


def test_many_clients_at_once_make_one_job(queue):
    """
    Under any interleaving the same key, identity and body are one job, and the blocks of the others are gone.
    """
    clients = [QueueManager(queue.settings, JOB_TYPES) for _ in range(6)]
    start, found = threading.Barrier(len(clients)), []

    def submit(one: QueueManager) -> None:
        start.wait()
        found.append(one.add(Toy(ids=[f"{n}" for n in range(3000)]), idempotency_key="k").record.id)

    threads = [threading.Thread(target=submit, args=(one,)) for one in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in clients:
        one.close()
    assert len(found) == len(clients)
    assert len(set(found)) == 1
    assert total(queue) == 1
    blocks = queue.ledger.client.keys(queue.ledger.keys("items", "*"))
    assert blocks == [queue.ledger.keys("items", found[0]).encode()]


def test_the_step_itself_decides(queue, monkeypatch):
    """
    A client that looked before the other's job was there is told by the step that makes jobs.
    """
    first = queue.add(Toy(ids=["a"]), idempotency_key="k").record.id
    monkeypatch.setattr("vocaqueue.engine.submission.Submission.seen_before", lambda self: None)
    assert queue.add(Toy(ids=["a"]), idempotency_key="k").record.id == first
    with pytest.raises(IdempotencyConflict, match=first):
        queue.add(Toy(ids=["b"]), idempotency_key="k")
    assert total(queue) == 1


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "é"])
def test_a_key_that_is_none(client, key):
    """
    422 that names the header.
    """
    answer = client.post("/jobs/toy", {"ids": ["a"]}, headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json["error"]["details"][0]["field"]) == (422, "Idempotency-Key")


@pytest.fixture
def files(queue: QueueManager):
    """A client of an application with a type that takes a file, and what it was handed."""
    wide = QueueManager(queue.settings, JOB_TYPES + MORE)
    kept: list[bytes] = []

    def keep(stream, _filename):
        kept.append(stream.read())
        return f"up{len(kept)}"

    app = make_app(wide, uploads=keep)

    def send(content: bytes, **options):
        headers = options.pop("headers", {})
        form = {"file": (io.BytesIO(content), "list.csv"), **options}
        return Client(app).call("POST", "/jobs/files", data=form, content_type="multipart/form-data", headers=headers)

    yield send, kept
    app.extensions["admin"].close()
    wide.close()


def test_a_file_is_known_by_its_content(files):
    """
    The same file under the same key is the same job and is not kept twice; another one is a conflict.
    """
    send, kept = files
    first = send(b"a,b", headers=KEY)
    assert first.status_code == 201
    again = send(b"a,b", headers=KEY)
    assert (again.status_code, again.json["data"]["jobId"]) == (200, first.json["data"]["jobId"])
    assert send(b"a,c", headers=KEY).status_code == 409
    assert kept == [b"a,b"]
    assert send(b"a,b", unique="true").status_code == 201
    other = send(b"a,b", unique="true")
    assert (other.status_code, other.json["error"]["code"]) == (409, "duplicate_job")


def test_a_second_job_with_the_same_parameters_is_refused_on_request(client, queue):
    """
    409 names the first while that has not ended; the order of ids and the priority do not make a difference.
    """
    body = {"ids": ["a", "b"], "tag": "x", "unique": True}
    first = client.post("/jobs/toy", body | {"delay": 60}).json["data"]["jobId"]
    for act in (None, "promote", "pause"):
        if act:
            assert client.post(f"/jobs/{first}/{act}").status_code == 200
        second = client.post("/jobs/toy", body | {"ids": ["b", "a"], "priority": "high"})
        error = second.json["error"]
        assert (second.status_code, error["code"]) == (409, "duplicate_job")
        assert error["details"] == [{"field": "jobId", "code": "duplicate_job", "message": first}]
    assert client.post("/jobs/toy", body | {"tag": "y"}).status_code == 201, "other parameters"
    assert client.post("/jobs/toy", body | {"unique": False}).status_code == 201, "not asked for"
    queue.cancel(first)
    assert client.post("/jobs/toy", body).status_code == 201


def test_a_retry_takes_the_place_again_or_is_told_who_has_it(client, queue):
    """
    An ended job gives its place up; its retry has it again, unless another job took it meanwhile.
    """
    first = queue.add(Toy(ids=["a"]), unique=True).record.id
    queue.cancel(first)
    queue.retry(first)
    with pytest.raises(DuplicateJob, match=first):
        queue.add(Toy(ids=["a"]), unique=True)
    queue.cancel(first)
    second = queue.add(Toy(ids=["a"]), unique=True).record.id
    refused = client.post(f"/jobs/{first}/retry")
    assert (refused.status_code, refused.json["error"]["code"]) == (409, "duplicate_job")
    assert second in refused.json["error"]["message"]
    assert queue.get(first).record.status.value == "cancelled"
    queue.cancel(second)
    queue.remove(second)
    assert client.post(f"/jobs/{first}/retry").status_code == 200


class Alone(JobParams):
    ids: tuple[str, ...] | None = None


def test_a_type_may_be_unique_by_itself(queue):
    """
    A flag of the type is the default that a request may turn off.
    """
    wide = QueueManager(queue.settings, [JobType(name="alone", params=Alone, handler="x:Y", items="ids", unique=True)])
    wide.add(Alone(ids=["a"]))
    with pytest.raises(DuplicateJob):
        wide.add(Alone(ids=["a"]))
    wide.add(Alone(ids=["a"]), unique=False)
    wide.close()


def test_a_time_of_the_day_in_python(queue):
    """
    `run_at` takes a time with any zone; one that has passed means at once.
    """
    at = datetime.now(timezone(timedelta(hours=9))) + timedelta(hours=1)
    job = queue.add(Noop(total=1), run_at=at).record
    assert job.status.value == "delayed"
    assert abs(job.run_at_ms - at.timestamp() * 1000) <= 1
    assert queue.add(Noop(total=1), run_at=datetime(2020, 1, 1, tzinfo=UTC)).record.status.value == "waiting"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"run_at": datetime(2030, 1, 1)}, "runAt"),  # noqa: DTZ001
        ({"run_at": "2030-01-01T00:00:00Z"}, "runAt"),
        ({"run_at": datetime(2090, 1, 1, tzinfo=UTC)}, "runAt"),
        ({"run_at": datetime(2020, 1, 1, tzinfo=UTC), "delay_s": 1}, "runAt"),
        ({"delay_s": -1}, "delay"),
        ({"delay_s": True}, "delay"),
        ({"delay_s": float("nan")}, "delay"),
        ({"deadline_s": 0}, "deadlineSeconds"),
        ({"deadline_s": -5}, "deadlineSeconds"),
        ({"deadline_s": float("inf")}, "deadlineSeconds"),
        ({"deadline_s": 60, "delay_s": 60}, "deadlineSeconds"),
        ({"unique": 1}, "unique"),
        ({"labels": "one"}, "labels"),
        ({"idempotency_key": 7}, "Idempotency-Key"),
    ],
)
def test_options_that_make_no_sense(queue, options, field):
    """
    Each is refused by the name that the field has over HTTP.
    """
    with pytest.raises(InvalidParams) as caught:
        queue.add(Noop(total=1), **options)
    assert [detail.field for detail in caught.value.details] == [field]
    assert total(queue) == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"deadlineSeconds": 0}, "deadlineSeconds"),
        ({"deadlineSeconds": -1}, "deadlineSeconds"),
        ({"deadlineSeconds": 1e12}, "deadlineSeconds"),
        ({"deadlineSeconds": "soon"}, "deadlineSeconds"),
        ({"deadlineSeconds": 10, "delay": 20}, "deadlineSeconds"),
        ({"unique": "perhaps"}, "unique"),
        ({"delay": True}, "delay"),
        ({"deadlineSeconds": True}, "deadlineSeconds"),
        ({"priority": True}, "priority"),
        ({"runAt": 1}, "runAt"),
        ({"runAt": "9999-01-01T00:00:00Z"}, "runAt"),
        ({"runAt": "2026-01-01T00:00:00Z", "delay": 1}, "runAt"),
    ],
)
def test_fields_that_make_no_sense(client, body, field):
    """
    422 that names the field.
    """
    answer = client.post("/jobs/noop", {"total": 1} | body)
    assert (answer.status_code, answer.json["error"]["details"][0]["field"]) == (422, field), answer.json


def test_no_job_holds_what_json_cannot_say(client, queue):
    """
    A number that is read as infinity is 422 that names it: an answer that holds one could be read by nobody.
    """
    body = b'{"ids": ["a"], "seconds": 1e999}'
    answer = client.call("POST", "/jobs/toy", data=body, content_type="application/json")
    assert (answer.status_code, answer.json["error"]["details"][0]["field"]) == (422, "seconds")
    assert total(queue) == 0


def test_the_rest_is_still_to_come(client):
    """
    What the contract has and this version not yet is said so.
    """
    for field in ("budgetUsd", "execution"):
        assert client.post("/jobs/noop", {"total": 1, field: 1}).status_code == 501


def test_a_deadline_is_shown(client):
    """
    The job says by when it must have ended.
    """
    job_id = client.post("/jobs/noop", {"total": 1, "deadlineSeconds": 90}).json["data"]["jobId"]
    job = client.get(f"/jobs/{job_id}").json["data"]
    created, deadline = (datetime.fromisoformat(job[name]) for name in ("createdAt", "deadlineAt"))
    assert deadline - created == timedelta(seconds=90)
