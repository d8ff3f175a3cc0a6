"""Submitting, listing, showing and stopping jobs over HTTP, and what is answered to bad input."""

from __future__ import annotations

import io
import json
import time

import pytest

from tests.admin.conftest import Client, make_app
from tests.toys import JOB_TYPES
from vocaqueue import JobParams, JobType, QueueManager


class WordToy(JobParams):
    word_ids: tuple[str, ...] | None = None


class FileToy(JobParams):
    upload_id: str
    mapping: dict[str, str] | None = None
    header_row: int = 1


MORE = (
    JobType(name="words", params=WordToy, handler="x:Y", items="word_ids", role="admin"),
    JobType(name="files", params=FileToy, handler="x:Y"),
)


@pytest.fixture
def more(queue: QueueManager):
    """A client of an application that has a word type and a file type too, and the files that it was handed."""
    wide = QueueManager(queue.settings, JOB_TYPES + MORE)
    kept: dict[str, tuple[str, bytes]] = {}

    def keep(stream, filename):
        kept[f"up{len(kept)}"] = (filename, stream.read())
        return f"up{len(kept) - 1}"

    app = make_app(wide, uploads=keep)
    yield Client(app), kept
    app.extensions["admin"].close()
    wide.close()


def test_a_submitted_job_is_answered_listed_and_shown(client, queue):
    """
    201 with the place of the job; the list and the job itself show what was asked for and by whom.
    """
    body = {"ids": ["a", "b", "a"], "tag": "x", "priority": "high", "name": "이름", "labels": ["one"]}
    answer = client.post("/jobs/toy", body)
    assert answer.status_code == 201
    data = answer.json["data"]
    assert data == {"jobId": data["jobId"], "type": "toy", "status": "waiting", "totalItems": 2, "warnings": []}
    assert answer.headers["Location"].endswith(f"/queue/jobs/{data['jobId']}")
    job = client.get(f"/jobs/{data['jobId']}").json["data"]
    assert (job["name"], job["labels"], job["priority"], job["createdBy"]) == ("이름", ["one"], "high", "the-admin")
    assert job["params"]["tag"] == "x"
    assert job["files"] == []
    listed = client.get("/jobs?type=toy,noop&status=waiting").json["data"]
    assert [item["id"] for item in listed["items"]] == [data["jobId"]]
    assert (listed["page"], listed["limit"], listed["total"], listed["totalPages"]) == (1, 20, 1, 1)
    assert client.get("/stats").json["data"]["jobCounts"]["toy"] == 1


def test_a_word_job_counts_words(more):
    """
    What the guide calls totalWords is said for the types whose items are wordIds.
    """
    client, _ = more
    assert client.post("/jobs/words", {"wordIds": ["a", "b"]}).json["data"]["totalWords"] == 2


def test_a_file_comes_with_its_fields(more):
    """
    A multipart body hands the file to the host's hook, its id to the job, and its fields are read as what they are.
    """
    client, kept = more
    form = {
        "file": (io.BytesIO(b"a,b"), "list.csv"),
        "headerRow": "2",
        "mapping": '{"a": "b"}',
        "priority": "1",
        "name": "",
    }
    answer = client.call("POST", "/jobs/files", data=form, content_type="multipart/form-data")
    assert answer.status_code == 201, answer.json
    assert kept == {"up0": ("list.csv", b"a,b")}
    job = client.get(f"/jobs/{answer.json['data']['jobId']}").json["data"]
    assert job["params"] == {"uploadId": "up0", "mapping": {"a": "b"}, "headerRow": 2}
    assert (job["priority"], job["name"]) == ("critical", None)
    without = client.call("POST", "/jobs/files", data={"headerRow": "2"}, content_type="multipart/form-data")
    assert (without.status_code, without.json["error"]["details"][0]["field"]) == (422, "file")
    wrong = {"file": (io.BytesIO(b"a"), "x.csv"), "haederRow": "2"}
    refused = client.call("POST", "/jobs/files", data=wrong, content_type="multipart/form-data")
    assert "headerRow" in refused.json["error"]["message"]
    assert len(kept) == 1, "nothing is kept of a request that is refused"


def test_a_job_that_must_not_start_yet(client):
    """
    `delay` in seconds and `runAt` both make a job wait, and only one of them may be given.
    """
    delayed = client.post("/jobs/toy", {"ids": ["a"], "delay": 3600}).json["data"]
    assert delayed["status"] == "delayed"
    at = client.post("/jobs/toy", {"ids": ["a"], "runAt": "2099-01-01T00:00:00Z"})
    assert at.status_code == 422, "more than ten years away"
    both = client.post("/jobs/toy", {"ids": ["a"], "runAt": "2026-01-01T00:00:00Z", "delay": 1})
    assert both.json["error"]["details"][0]["code"] == "delay_or_run_at"
    past = client.post("/jobs/toy", {"ids": ["a"], "runAt": "2020-01-01T00:00:00Z"})
    assert past.status_code == 201
    naive = client.post("/jobs/toy", {"ids": ["a"], "runAt": "2030-01-01T00:00:00"})
    assert naive.json["error"]["details"][0]["field"] == "runAt"


def test_a_waiting_job_is_cancelled_once(client):
    """
    Cancel answers the whole job; a second time it is 409, for the job has ended.
    """
    job_id = client.post("/jobs/toy", {"ids": ["a"]}).json["data"]["jobId"]
    assert client.post(f"/jobs/{job_id}/cancel").json["data"]["status"] == "cancelled"
    again = client.post(f"/jobs/{job_id}/cancel", {})
    assert (again.status_code, again.json["error"]["code"]) == (409, "wrong_status")


@pytest.mark.timeout(120)  # less than the wait that is asked for
def test_waiting_for_a_job_ends_with_it_or_with_the_time(client, queue):
    """
    /wait answers the job in its present state when the time is over, and at once when it has ended.
    """
    job_id = client.post("/jobs/toy", {"ids": ["a"]}).json["data"]["jobId"]
    assert client.get(f"/jobs/{job_id}/wait?timeout=1").json["data"]["status"] == "waiting"
    queue.cancel(job_id)
    assert client.get(f"/jobs/{job_id}/wait?timeout=300").json["data"]["status"] == "cancelled"


def test_what_a_job_made_is_a_download(client, queue):
    """
    A file of the job's folder comes as an attachment that no browser will run; others are 404.
    """
    job_id = client.post("/jobs/toy", {"ids": ["a"]}).json["data"]["jobId"]
    with queue.files.write(f"jobs/{job_id}/page.html") as out:
        out.write(b"<script>alert(1)</script>")
    with queue.files.write("jobs/secret.txt") as out:
        out.write(b"other")
    answer = client.get(f"/jobs/{job_id}/files/page.html")
    assert answer.data.startswith(b"<script>")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert client.get(f"/jobs/{job_id}").json["data"]["files"] == ["page.html"]
    for name in ("nothing.csv", "..%2Fsecret.txt", "%2e%2e/secret.txt", ".."):
        missing = client.get(f"/jobs/{job_id}/files/{name}")
        assert (missing.status_code, missing.json["success"]) == (404, False)


def test_types_workers_and_me(client, queue):
    """
    The page learns from these what may be submitted, who works, and who it is.
    """
    now = queue.ledger.now_ms()
    queue.ledger.client.hset(
        queue.ledger.keys("workers"), "toy@here", json.dumps({"since": time.time(), "seen": time.time(), "pid": 7})
    )
    queue.ledger.client.hset(queue.ledger.keys("slots", "toy"), "toy@here", f"3:{now}")
    worker = client.get("/workers").json["data"]["items"][0]
    assert (worker["name"], worker["queues"], worker["concurrency"]) == ("toy@here", ["toy"], 3)
    types = {item["name"]: item for item in client.get("/types").json["data"]["items"]}
    assert types["noop"]["params"]["required"] == ["total"]
    assert client.get("/me").json["data"]["role"] == "admin"


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "field"),
    [
        ("/jobs/nonsense", {}, 404, "unknown_type", "type"),
        ("/jobs/toy", {"ids": []}, 422, "no_items", "ids"),
        ("/jobs/toy", {"ids": ["a"], "taag": "x"}, 422, "invalid_params", "taag"),
        ("/jobs/toy", {"ids": "a"}, 422, "invalid_params", "ids"),
        ("/jobs/toy", {"ids": ["a"], "seconds": "long"}, 422, "invalid_params", "seconds"),
        ("/jobs/toy", {"ids": ["a"], "priority": "urgent"}, 422, "invalid_params", "priority"),
        ("/jobs/toy", {"ids": ["a"], "priority": 7}, 422, "invalid_params", "priority"),
        ("/jobs/toy", {"ids": ["a"], "delay": -1}, 422, "invalid_params", "delay"),
        ("/jobs/toy", {"ids": ["a"], "name": "x" * 201}, 422, "invalid_params", "name"),
        ("/jobs/toy", ["a"], 422, "invalid_params", ""),
        ("/jobs/toy", {"ids": ["a"], "budgetUsd": 3}, 501, "not_supported", None),
        ("/jobs/toy?dryRun=perhaps", {"ids": ["a"]}, 422, "invalid_params", "dryRun"),
        ("/jobs/toy?dryRun=true", {"ids": []}, 422, "no_items", "ids"),
        ("/jobs/toy?dryRun=true", {"ids": ["a"], "taag": "x"}, 422, "invalid_params", "taag"),
    ],
)
def test_what_cannot_be_submitted(client, path, body, status, code, field):
    """
    Each wrong request gets its status, a stable code and the field that is wrong, and no job is made.
    """
    answer = client.post(path, body)
    error = answer.json["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert error["message"].strip()
    if field is not None:
        assert error["details"][0]["field"] == field
    assert client.get("/jobs").json["data"]["total"] == 0


def test_an_unknown_field_is_told_the_one_that_was_meant(client):
    """
    A slip of the pen is answered with the name that was probably meant.
    """
    assert "did you mean “seconds”" in client.post("/jobs/toy", {"secondes": 1}).json["error"]["message"]


@pytest.mark.parametrize(
    ("raw", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "application/json", 400),
        (b'{"ids": ["\\ud800"]}', "application/json", 400),
        (b'{"ids": ["a\\u0000b"]}', "application/json", 400),
        (b'{"seconds": NaN}', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"ids=a", "application/x-www-form-urlencoded", 415),
        (b"<a/>", "text/xml", 415),
    ],
)
def test_bodies_that_cannot_be_read(client, raw, kind, status):
    """
    Whatever comes as a body, the answer is JSON with a 4xx status and no trace.
    """
    answer = client.call("POST", "/jobs/toy", data=raw, content_type=kind)
    assert answer.status_code == status
    assert answer.json["success"] is False
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=1e9", "limit"),
        ("page=-1", "page"),
        ("page=999999999999999999999", "page"),
        ("status=done", "status"),
        ("type=nonsense", "type"),
        ("statsu=failed", "statsu"),
    ],
)
def test_filters_that_make_no_sense(client, query, field):
    """
    A list is never answered as if a wrong filter were not there.
    """
    answer = client.get(f"/jobs?{query}")
    assert (answer.status_code, answer.json["error"]["details"][0]["field"]) == (422, field)


def test_unknown_places_and_methods_are_json(client):
    """
    404 and 405 of this prefix are ours, not the host's HTML; 405 says what is possible.
    """
    for path in ("/nothing", "/jobs/a/b/c/d", "/jobs/none-1", "/jobs/%20"):
        answer = client.get(path)
        assert (answer.status_code, answer.json["success"]) == (404, False), path
    wrong = client.call("DELETE", "/stats")
    assert (wrong.status_code, wrong.json["error"]["code"], wrong.headers["Allow"]) == (
        405,
        "method_not_allowed",
        "GET, HEAD, OPTIONS",
    )


def test_bodies_have_limits(client):
    """
    64 MB for a job, 1 MB elsewhere; beyond that it is 413 with the limits.
    """
    job_id = client.post("/jobs/toy", {"ids": ["a"]}).json["data"]["jobId"]
    assert client.post("/jobs/toy", {"ids": ["a"], "tag": "x" * 2_000_000}).status_code == 201
    big = client.call("POST", "/jobs/toy", data=b" " * (64 * 1024**2 + 1), content_type="application/json")
    assert (big.status_code, big.json["error"]["code"]) == (413, "too_large")
    assert "64 MB" in big.json["error"]["message"]
    assert client.get(f"/jobs/{job_id}").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("path", "most"), [("/action", 1024**2), ("/jobs/toy", 64 * 1024**2)])
def test_a_body_in_chunks_has_the_same_limit(client, queue, path, most):
    """
    What comes without a length is 413 beyond the limit too, even where the part before it is whole JSON.
    """
    whole = json.dumps({"action": "pause"} if path == "/action" else {"ids": ["a"]}).encode()
    for body, status in ((whole.ljust(most - 1), {200, 201}), (whole.ljust(most + 1), {413})):
        queue.resume_all()
        answer = client.call(
            "POST",
            path,
            input_stream=io.BytesIO(body),
            headers={"Transfer-Encoding": "chunked"},
            content_type="application/json",
            environ_overrides={"wsgi.input_terminated": True},
        )
        assert answer.status_code in status, len(body)
    assert not queue.stats()["isPaused"]


def test_a_million_ids_are_taken_at_once(client):
    """
    The largest job is accepted in one request, and answers with its count.
    """
    raw = json.dumps({"ids": [f"w{n}" for n in range(1_000_000)]}).encode()
    answer = client.call("POST", "/jobs/toy", data=raw, content_type="application/json")
    assert answer.json["data"]["totalItems"] == 1_000_000


def test_a_surprise_is_json_without_a_trace(client, queue, monkeypatch):
    """
    An error that nobody thought of is a 500 in the same shape, and its text stays in the log.
    """
    monkeypatch.setattr(queue, "stats", lambda: 1 / 0)
    answer = client.get("/stats")
    assert (answer.status_code, answer.json["error"]["code"]) == (500, "internal_error")
    assert "division" not in answer.text


def test_the_page_is_served_with_a_strict_policy(app):
    """
    The dashboard needs no identity, runs only its own scripts, and nothing outside its folder is served.
    """
    page = Client(app, None).get("/ui/")
    assert page.status_code == 200
    policy = page.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert b"style=" not in page.data
    assert Client(app, None).get("/ui/app.js").status_code == 200
    assert Client(app, None).get("/ui/..%2Fguard.py").status_code in {401, 404}
