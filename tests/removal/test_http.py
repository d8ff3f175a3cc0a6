"""Removal and bulk acts over HTTP: answers, roles, and what is said about nonsense."""

from __future__ import annotations

import pytest

from tests.admin.conftest import Client


def test_a_job_is_deleted_listed_and_restored(client, queue):
    """
    DELETE says until when it can be restored; in the bin it is 404 elsewhere, and the restore answers the whole job.
    """
    job_id = queue.completed(failing=1, name="Mine")
    answer = client.call("DELETE", f"/jobs/{job_id}")
    assert answer.status_code == 200
    data = answer.json["data"]
    assert data.keys() == {"jobId", "restorableUntil"}
    assert data["restorableUntil"].endswith("Z")
    for path in (f"/jobs/{job_id}", f"/jobs/{job_id}/files/x", f"/jobs/{job_id}/wait?timeout=0"):
        assert client.get(path).status_code == 404
    assert client.post(f"/jobs/{job_id}/retry").status_code == 404
    assert client.call("DELETE", f"/jobs/{job_id}").json["error"]["code"] == "job_not_found"
    page = client.get("/bin?type=toy&limit=5").json["data"]
    assert (page["total"], page["page"], page["limit"], page["totalPages"]) == (1, 1, 5, 1)
    (entry,) = page["items"]
    assert (entry["jobId"], entry["name"], entry["status"]) == (job_id, "Mine", "completed")
    assert (entry["action"], entry["removedBy"]) == ("delete", "the-admin")
    assert entry["restorableUntil"] == data["restorableUntil"]
    back = client.post(f"/bin/{job_id}/restore").json["data"]
    assert (back["id"], back["status"], back["progress"]["failed"]) == (job_id, "completed", 1)
    again = client.post(f"/bin/{job_id}/restore")
    assert (again.status_code, again.json["error"]["code"]) == (404, "job_not_found")
    assert "in the bin" in again.json["error"]["message"]
    assert client.get("/bin").json["data"]["items"] == []


def test_a_job_that_goes_on_is_409(client, queue):
    """
    The sentence names the state and what to do; nothing changes.
    """
    job_id = queue.waiting()
    for _ in range(2):
        answer = client.call("DELETE", f"/jobs/{job_id}")
        assert (answer.status_code, answer.json["error"]["code"]) == (409, "wrong_status")
        assert "cancel it first" in answer.json["error"]["message"]
        if queue.get(job_id).record.status == "waiting":
            queue.begin(job_id)
    assert "is active" in answer.json["error"]["message"]


def test_without_the_bin_it_is_for_good(client, queue):
    """
    `skipBin=true` answers null for the time until which it can be restored.
    """
    job_id = queue.completed()
    assert client.call("DELETE", f"/jobs/{job_id}?skipBin=perhaps").status_code == 422
    answer = client.call("DELETE", f"/jobs/{job_id}?skipBin=true")
    assert answer.json["data"] == {"jobId": job_id, "restorableUntil": None}
    assert client.post(f"/bin/{job_id}/restore").status_code == 404


def test_clean_and_empty_are_actions(client, queue):
    """
    They answer the action and how many; grace is milliseconds, as in the guide.
    """
    done, waiting = queue.completed(), queue.waiting()
    later = queue.waiting(delay_s=60)

    def act(name, **body):
        return client.post("/action", {"action": name, **body}).json["data"]

    assert act("clean", options={"grace": 86400000, "status": "completed"}) == {"action": "clean", "affected": 0}
    assert act("clean", type="noop", options={"grace": 0}) == {"action": "clean", "affected": 0}
    assert act("clean", options={"grace": 0, "limit": 5}) == {"action": "clean", "affected": 1}
    assert act("empty", type="toy") == {"action": "empty", "affected": 1}
    assert act("empty", options={"delayed": True}) == {"action": "empty", "affected": 1}
    assert {entry["jobId"] for entry in client.get("/bin").json["data"]["items"]} == {done, waiting, later}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "clean"}, "options.grace"),
        ({"action": "clean", "options": {"grace": -1}}, "options.grace"),
        ({"action": "clean", "options": {"grace": 1e30}}, "options.grace"),
        ({"action": "clean", "options": {"grace": "1"}}, "options.grace"),
        ({"action": "clean", "options": {"grace": True}}, "options.grace"),
        ({"action": "clean", "options": {"grace": None}}, "options.grace"),
        ({"action": "clean", "options": {"grace": 0, "limit": 0}}, "options.limit"),
        ({"action": "clean", "options": {"grace": 0, "limit": 2.5}}, "options.limit"),
        ({"action": "clean", "options": {"grace": 0, "status": "active"}}, "options.status"),
        ({"action": "clean", "options": {"grace": 0, "delayed": True}}, "options.delayed"),
        ({"action": "empty", "options": {"grace": 0}}, "options.grace"),
        ({"action": "empty", "options": {"limit": -3}}, "options.limit"),
        ({"action": "empty", "options": {"delayed": "yes"}}, "options.delayed"),
        ({"action": "empty", "options": []}, "options"),
    ],
)
def test_nonsense_in_an_action_names_the_field(client, queue, body, field):
    """
    422, and nothing is removed.
    """
    queue.completed()
    queue.waiting()
    answer = client.post("/action", body)
    assert answer.status_code == 422
    assert [detail["field"] for detail in answer.json["error"]["details"]] == [field]
    assert client.get("/jobs").json["data"]["total"] == 2


def test_removing_is_for_admins(client, operator, queue):
    """
    An operator pauses and retries in bulk; deleting, cleaning, emptying and the bin are 403.
    """
    job_id = queue.completed(failing=1)
    calls = [
        ("DELETE", f"/jobs/{job_id}", None),
        ("GET", "/bin", None),
        ("POST", f"/bin/{job_id}/restore", {}),
        ("POST", "/jobs/bulk", {"action": "delete", "ids": [job_id]}),
        ("POST", "/jobs/bulk?dryRun=true", {"action": "delete", "ids": [job_id]}),
        ("POST", "/action", {"action": "clean", "options": {"grace": 0}}),
        ("POST", "/action", {"action": "empty"}),
    ]
    for method, path, body in calls:
        assert operator.call(method, path, json=body).status_code == 403, path
    assert operator.post("/jobs/bulk", {"action": "retry", "ids": [job_id]}).json["data"]["affected"] == 1
    viewer = Client(client.app, "viewer")
    assert viewer.post("/jobs/bulk", {"action": "retry", "ids": [job_id]}).status_code == 403


def test_a_bulk_act_is_shown_then_made(client, queue):
    """
    A dry run changes nothing and answers a previewId; the act by that id takes just those jobs.
    """
    done = queue.completed()
    jobs = [queue.waiting() for _ in range(3)]
    body = {"action": "cancel", "filter": {"type": "toy", "status": ["waiting", "completed"]}}
    shown = client.post("/jobs/bulk?dryRun=true", body).json["data"]
    assert (shown["count"], shown["byType"], shown["skippedCount"]) == (3, {"toy": 3}, 1)
    assert shown["skipped"] == [{"jobId": done, "code": "wrong_status", "status": "completed"}]
    assert client.get("/stats").json["data"]["waiting"] == 3
    queue.waiting()
    act = {"action": "cancel", "previewId": shown["previewId"]}
    made = client.post("/jobs/bulk", act).json["data"]
    assert made == {
        "action": "cancel",
        "affected": 3,
        "skipped": [],
        "counts": {"affected": 3, "skipped": 0, "byCode": {}},
    }
    assert client.get("/stats").json["data"]["waiting"] == 1
    other = client.post("/jobs/bulk", act | {"action": "pause"})
    assert (other.status_code, other.json["error"]["code"]) == (404, "preview_not_found")
    deleted = client.post("/jobs/bulk", {"action": "delete", "ids": [*jobs, "nobody"]}).json["data"]
    assert (deleted["affected"], deleted["counts"]["byCode"]) == (3, {"job_not_found": 1})
    assert client.get("/bin").json["data"]["total"] == 3


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"action": "cancel"}, 422, "ids"),
        ({"action": "cancel", "ids": ["a"], "filter": {"type": "toy"}}, 422, "ids"),
        ({"action": "cancel", "ids": []}, 422, "ids"),
        ({"action": "cancel", "filter": {}}, 422, "filter"),
        ({"action": "cancel", "filter": {"type": "nope"}}, 404, "type"),
        ({"action": "cancel", "filter": {"status": "nope"}}, 422, "filter.status"),
        ({"action": "cancel", "filter": {"since": 3}}, 422, "filter.since"),
        ({"action": "stop", "ids": ["a"]}, 422, "action"),
        ({"action": "cancel", "ids": ["a"], "skipBin": True}, 422, "skipBin"),
        ({"action": "cancel", "ids": [str(n) for n in range(100_001)]}, 413, "ids"),
    ],
)
def test_nonsense_in_a_bulk_act_names_the_field(client, body, status, field):
    """
    422, 404 for a type that there is not, 413 with the limit for too many.
    """
    answer = client.post("/jobs/bulk", body)
    assert answer.status_code == status
    assert answer.json["error"]["details"][0]["field"] == field
    if status == 413:
        assert "100,000" in answer.json["error"]["message"]


def test_a_database_that_is_away_is_503(client, queue, monkeypatch, tmp_path):
    """
    It says how to go on, and when to come back.
    """
    job_id = queue.completed()
    monkeypatch.setattr(queue._archive, "url", f"sqlite:///{tmp_path}/a-file/x.db")
    (tmp_path / "a-file").write_text("")
    answer = client.call("DELETE", f"/jobs/{job_id}")
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "archive_unavailable")
    assert "skip the bin" in answer.json["error"]["message"]
    assert "Retry-After" in answer.headers
    assert client.get(f"/jobs/{job_id}").status_code == 200


def test_who_follows_one_job_hears_that_a_bulk_act_removed_it(client, queue):
    """
    The stream of a job ends with `job-removed` also where the act had one event for many jobs.
    """
    job_id, other = queue.waiting(), queue.waiting()
    events = client.events(f"/events/job/{job_id}")
    while not events.heartbeats:  # it is followed from then on
        events._next()
    assert queue.empty(limit=1) == 1  # the newest: the other one
    assert queue.present([job_id, other]) == {job_id}
    queue.empty()
    last = events.named("job-removed")
    assert last["data"]["jobId"] == job_id
    assert events.to_the_end()[-1]["event"] == "job-removed"
