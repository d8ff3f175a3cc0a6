"""What happened in a job, over HTTP: its items, its failures as a file, its timeline, and a retry of some items."""

from __future__ import annotations

import csv
import io
import json
import secrets
import tempfile

import pytest
from openpyxl import load_workbook

from tests.toys import Noop, Toy
from vocaqueue import JobNotFound

NASTY = '=HYPERLINK("http://x","나쁨")\n다음 줄'
CONTROL = "bell \x07 here"


def claim(queue, job_id, count=1000):
    """A lease on the job's next items; answers its token and their positions."""
    token = secrets.token_hex(8)
    number = int(queue.ledger.client.hget(queue.ledger.keys("job", job_id), "line"))
    answer = queue.ledger.step(
        "lease_claim", job=job_id, ticket=number, token=token, holder="toy@host/7", hard_ms=60_000, finishes=False,
        first=count, chunk_ms=2000, chunk_max=count,
    )  # fmt: skip
    assert answer.state == "lease"
    return token, [i for a, b in answer.data["ranges"] for i in range(a, b)]


def settle(queue, token, **outcomes):
    queue.ledger.step("lease_commit", token=token, seq=1, jitter=0, close=True, **outcomes)


def plan(queue, job_id, total):
    """What a worker does with the plan of a job whose type has one."""
    token, _ = claim(queue, job_id)
    queue.ledger.step("lease_plan", token=token, total=total, source="{}")


def fail_all(queue, job_id, failures):
    """Settle the whole job; `failures` are {position: (id, name, code, message)}, the rest is done."""
    left = True
    while left:
        token, items = claim(queue, job_id)
        settle(
            queue,
            token,
            failed=[[i, *failures[i], False, None] for i in items if i in failures],
            done=[[i, i + 1] for i in items if i not in failures],
        )
        left = not queue.get(job_id).record.status.is_final


@pytest.fixture
def job_id(queue):
    """A job of six items that has ended: 1 and 4 failed."""
    job_id = queue.add(Toy(ids=["a", "b", "c", "d", "e", "f"])).record.id
    fail_all(queue, job_id, {1: ("b", NASTY, "bad_row", NASTY), 4: ("e", "@e", "no_word", CONTROL)})
    return job_id


@pytest.fixture
def planned(queue):
    """A job whose type plans its items, of three that all failed; their ids are the handler's own."""
    job_id = queue.add(Noop(total=3)).record.id
    plan(queue, job_id, 3)
    fail_all(queue, job_id, {i: (f"row-{i}", f"Row {i}", "bad_row", "It will never work.") for i in range(3)})
    return job_id


def test_items_are_paged_by_status(client, job_id):
    """
    By position, with the total of what fits and the counts of all.
    """
    data = client.get(f"/jobs/{job_id}/items?status=completed,failed&page=2&limit=4").json["data"]
    assert [(item["itemId"], item["status"]) for item in data["items"]] == [("e", "failed"), ("f", "completed")]
    assert (data["page"], data["limit"], data["total"], data["totalPages"]) == (2, 4, 6, 2)
    assert (data["counts"]["completed"], data["counts"]["failed"], data["counts"]["waiting"]) == (4, 2, 0)
    failed = client.get(f"/jobs/{job_id}/items?status=failed").json["data"]["items"]
    assert [(item["itemId"], item["code"], item["message"], item["attempts"]) for item in failed] == [
        ("b", "bad_row", NASTY, 1),
        ("e", "no_word", CONTROL, 1),
    ]


def test_items_of_a_plan_have_their_position_as_id(client, planned):
    """
    The handler's own name for a failed one is its name.
    """
    items = client.get(f"/jobs/{planned}/items").json["data"]["items"]
    assert [(item["position"], item["itemId"], item["itemName"]) for item in items] == [
        (i, str(i), f"Row {i}") for i in range(3)
    ]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("items?status=done", "status"),
        ("items?page=0", "page"),
        ("items?limit=101", "limit"),
        ("items?limit=ten", "limit"),
        ("items?state=failed", "state"),
        ("errors?format=pdf", "format"),
        ("errors?formt=csv", "formt"),
        ("timeline?page=1", "page"),
    ],
)
def test_an_argument_that_makes_no_sense(client, job_id, path, field):
    """
    422 that names it.
    """
    answer = client.get(f"/jobs/{job_id}/{path}")
    assert (answer.status_code, answer.json["error"]["details"][0]["field"]) == (422, field)


@pytest.mark.parametrize("path", ["items", "errors", "errors?format=xlsx", "timeline"])
def test_a_job_that_is_not_there(client, path):
    """
    404, also for a download.
    """
    answer = client.get(f"/jobs/toy-none/{path}")
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "job_not_found")


def test_a_download_is_a_file_that_nobody_keeps(client, job_id):
    """
    Each format says its type, its name, and that it is not stored or guessed at.
    """
    for kind, mimetype in (
        ("json", "application/json"),
        ("csv", "text/csv"),
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ):
        answer = client.get(f"/jobs/{job_id}/errors?format={kind}")
        assert (answer.status_code, answer.mimetype) == (200, mimetype)
        assert answer.headers["Content-Disposition"] == f"attachment; filename={job_id}-errors.{kind}"
        assert (answer.headers["Cache-Control"], answer.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")


def test_every_failure_as_json(client, job_id):
    """
    As in the job's own list, with the positions.
    """
    data = client.get(f"/jobs/{job_id}/errors").json["data"]
    assert (data["jobId"], data["total"]) == (job_id, 2)
    assert [list(item) for item in data["items"]] == [
        ["position", "itemId", "itemName", "code", "message", "timestamp", "attempts"]
    ] * 2
    assert [(item["position"], item["itemId"], item["message"]) for item in data["items"]] == [
        (1, "b", NASTY),
        (4, "e", CONTROL),
    ]


def test_a_csv_file_cannot_calculate(client, job_id):
    """
    It begins with a byte order mark, and what a spreadsheet would read as a formula has an apostrophe before it.
    """
    raw = client.get(f"/jobs/{job_id}/errors?format=csv").data
    assert raw.startswith(b"\xef\xbb\xbfposition,itemId,")
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    assert [(row["itemId"], row["itemName"], row["message"]) for row in rows] == [
        ("b", f"'{NASTY}", f"'{NASTY}"),
        ("e", "'@e", CONTROL),
    ]


def test_a_workbook_holds_text_and_no_formula(client, job_id):
    """
    A text that begins like a formula stays a text; a character that no workbook may hold is replaced.
    """
    raw = client.get(f"/jobs/{job_id}/errors?format=xlsx").data
    sheet = load_workbook(io.BytesIO(raw)).active
    cells = [list(row) for row in sheet.iter_rows()]
    assert [cell.value for cell in cells[0]][:3] == ["position", "itemId", "itemName"]
    assert [(row[0].value, row[1].value, row[4].value) for row in cells[1:]] == [
        (1, "b", NASTY),
        (4, "e", CONTROL.replace("\x07", "\N{REPLACEMENT CHARACTER}")),
    ]
    assert {cell.data_type for row in cells[1:] for cell in row[1:5]} == {"s"}


def test_no_failures_are_an_empty_file(client, queue):
    """
    Each format is whole without a row.
    """
    job_id = queue.add(Toy(ids=["a"])).record.id
    assert client.get(f"/jobs/{job_id}/errors").json["data"] == {"jobId": job_id, "items": [], "total": 0}
    assert client.get(f"/jobs/{job_id}/errors?format=csv").data.count(b"\n") == 1
    raw = client.get(f"/jobs/{job_id}/errors?format=xlsx").data
    assert load_workbook(io.BytesIO(raw)).active.max_row == 1


@pytest.fixture
def many(queue):
    """A job of 5,000 items that all failed: more than one batch of them."""
    job_id = queue.add(Toy(ids=[f"w{i}" for i in range(5000)])).record.id
    fail_all(queue, job_id, {i: (f"w{i}", f"w{i}", "bad_row", "a sentence") for i in range(5000)})
    return job_id


def test_a_job_that_goes_in_the_middle_breaks_its_download_off(client, queue, many):
    """
    A part of a file must not look like the whole.
    """
    parts = iter(client.get(f"/jobs/{many}/errors?format=csv").response)
    assert next(parts).startswith(b"\xef\xbb\xbf")
    assert next(parts).count(b"\n") == 4096
    queue.remove(many)
    with pytest.raises(JobNotFound):
        next(parts)


def test_a_workbook_that_cannot_be_finished_leaves_no_file(client, queue, many, monkeypatch, tmp_path):
    """
    When the job goes in the middle it is 404, for nothing was sent yet, and the rows so far are not left lying about.
    """
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seen = []

    def aside(call, *arguments):
        if call.__name__ == "add":
            seen.append(list(tmp_path.glob("openpyxl*")))
            queue.remove(many)
        return call(*arguments)

    monkeypatch.setattr(queue, "aside", aside)
    assert client.get(f"/jobs/{many}/errors?format=xlsx").status_code == 404
    assert seen[0]
    assert list(tmp_path.glob("openpyxl*")) == []


def test_a_retry_runs_just_the_named_items(client, queue, job_id):
    """
    The others stay failed; with codes, those are run as well.
    """
    again = client.post(f"/jobs/{job_id}/retry", {"itemIds": ["e"]}).json["data"]
    assert (again["status"], again["progress"]["failed"], again["progress"]["completed"]) == ("waiting", 1, 4)
    assert claim(queue, job_id)[1] == [4]


def test_named_items_and_codes_are_run_together(client, queue, job_id):
    """
    A failure is run again when it is named or has one of the codes.
    """
    again = client.post(f"/jobs/{job_id}/retry", {"itemIds": ["e"], "codes": ["bad_row"]}).json["data"]
    assert again["progress"]["failed"] == 0
    assert client.get(f"/jobs/{job_id}/items?status=waiting").json["data"]["total"] == 2


@pytest.mark.parametrize("named", [["row-1"], ["1"]])
def test_items_of_a_plan_are_named_by_position_or_by_the_handlers_id(client, queue, planned, named):
    """
    The ids of the job's own list of errors are understood too.
    """
    assert client.post(f"/jobs/{planned}/retry", {"itemIds": named}).status_code == 200
    assert claim(queue, planned)[1] == [1]


def test_an_item_that_has_not_failed_cannot_be_named(client, queue, job_id):
    """
    422 names the first twenty of them, and nothing is run again.
    """
    answer = client.post(f"/jobs/{job_id}/retry", {"itemIds": ["b", "a", *(f"x{i}" for i in range(30))]})
    assert answer.status_code == 422
    details = answer.json["error"]["details"]
    assert [detail["message"] for detail in details] == ["a", *(f"x{i}" for i in range(19))]
    assert {(detail["field"], detail["code"]) for detail in details} == {("itemIds", "not_failed")}
    assert "and 11 more" in answer.json["error"]["message"]
    assert queue.get(job_id).record.status.value == "completed"
    waiting = queue.add(Toy(ids=["a"])).record.id
    assert client.post(f"/jobs/{waiting}/retry", {"itemIds": ["a"]}).status_code == 409


def test_a_timeline_tells_the_life_of_a_job(client, queue):
    """
    Made, held, let go, begun, ended, run again: in order, with what each run came to.
    """
    job_id = queue.add(Toy(ids=["a", "b"]), created_by="me").record.id
    queue.pause(job_id)
    queue.resume(job_id)
    fail_all(queue, job_id, {1: ("b", "b", "bad_row", "a sentence")})
    queue.retry(job_id)
    data = client.get(f"/jobs/{job_id}/timeline").json["data"]
    life = [entry for entry in data["items"] if entry["event"] != "chunk"]
    assert [entry["event"] for entry in life] == [
        "job-created", "job-paused", "job-resumed", "job-active", "job-completed", "job-retrying",
    ]  # fmt: skip
    assert [entry["timestamp"] for entry in life] == sorted(entry["timestamp"] for entry in life)
    assert life[0]["createdBy"] == "me"
    assert (life[4]["attempt"], life[4]["completed"], life[4]["failed"]) == (1, 1, 1)
    assert life[5]["attempt"] == 2
    assert data["total"] == len(data["items"])


def task_event(queue, event, task, at_ms, worker="toy@host"):
    """What the relay writes when a worker says something of a ticket."""
    fields = {"event": event, "task": task, "worker": worker, "at": str(at_ms)}
    queue.ledger.client.xadd(queue.ledger.keys("task_events"), fields)


def test_chunks_have_their_worker(client, queue):
    """
    From what the relay heard, and from the lease of the one that runs; tickets of other jobs are not among them.
    """
    task_event(queue, "task-started", "toy-other", queue.now_ms())
    job_id = queue.add(Toy(ids=["a", "b"])).record.id
    at = queue.now_ms()
    task_event(queue, "task-sent", job_id, at)
    task_event(queue, "task-received", job_id, at + 1)
    task_event(queue, "task-started", job_id, at + 2)
    task_event(queue, "task-succeeded", job_id, at + 900)
    task_event(queue, "task-started", f"{job_id}-longer/2", at)
    claim(queue, job_id, 1)
    data = client.get(f"/jobs/{job_id}/timeline").json["data"]
    chunks = [entry for entry in data["items"] if entry["event"] == "chunk"]
    assert [(c["ticket"], c["worker"], c["state"], c["items"]) for c in chunks] == [(1, "toy@host", "done", 1)]
    assert chunks[0]["finishedAt"] > chunks[0]["timestamp"]
    assert (data["isComplete"], data["missing"]) == (True, [])


def test_a_timeline_says_what_is_gone(client, queue):
    """
    Where the oldest word of any worker is younger than the job, its first chunks may be missing.
    """
    job_id = queue.add(Toy(ids=["a", "b"])).record.id
    fail_all(queue, job_id, {})
    data = client.get(f"/jobs/{job_id}/timeline").json["data"]
    assert (data["isComplete"], data["missing"]) == (
        False,
        ["No chunk is known: no relay listened, or it was too long ago."],
    )
    while queue.now_ms() <= queue.get(job_id).record.created_at_ms:
        pass
    task_event(queue, "task-succeeded", f"{job_id}/2", queue.now_ms())
    data = client.get(f"/jobs/{job_id}/timeline").json["data"]
    assert data["missing"][0].startswith("Chunks that ended before 20")


def test_a_job_in_python_shows_the_same(queue, job_id):
    """
    `items`, `errors` and `timeline` of the handle.
    """
    job = queue.get(job_id)
    assert [item.item_id for item in job.items(["failed"]).items] == ["b", "e"]
    assert [failure.item_id for failure in job.errors()] == ["b", "e"]
    assert [entry.event for entry in job.timeline().entries][-1] == "job-completed"
    assert json.dumps([failure.as_dict() for failure in job.errors()])
