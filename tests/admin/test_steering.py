"""Steering over HTTP: each act on a job, and what is said where it is not possible."""

from __future__ import annotations

import pytest

from tests.toys import Noop, Toy


def test_a_waiting_job_is_held_hurried_and_stopped(client, queue):
    """
    Each act answers 200 with the whole job as it is then.
    """
    job_id = queue.add(Toy(ids=["a"])).record.id
    assert client.post(f"/jobs/{job_id}/pause").json["data"]["status"] == "paused"
    assert client.post(f"/jobs/{job_id}/resume", {}).json["data"]["status"] == "waiting"
    changed = client.call("PATCH", f"/jobs/{job_id}", json={"priority": 1}).json["data"]
    assert (changed["id"], changed["priority"]) == (job_id, "critical")
    stopped = client.post(f"/jobs/{job_id}/cancel").json["data"]
    assert (stopped["status"], stopped["cancelRequested"]) == ("cancelled", False)
    again = client.post(f"/jobs/{job_id}/retry").json["data"]
    assert (again["status"], again["attemptsMade"]) == ("waiting", 2)
    assert [(run["attempt"], run["status"]) for run in again["runs"]] == [(1, "cancelled")]


def test_a_delayed_job_is_promoted(client, queue):
    """
    It waits for a worker from then on.
    """
    job_id = queue.add(Noop(total=1), delay_s=600).record.id
    assert client.post(f"/jobs/{job_id}/promote").json["data"]["status"] == "waiting"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("POST", "resume", {}, 409, "is cancelled"),
        ("POST", "pause", {}, 409, "is cancelled"),
        ("POST", "promote", {}, 409, "is cancelled"),
        ("POST", "cancel", {}, 409, "is cancelled"),
        ("POST", "cancel", {"now": True}, 422, "no field “now”"),
        ("PATCH", "", {"priority": "high"}, 409, "is cancelled"),
        ("PATCH", "", {"priority": "soon"}, 422, "critical, high, normal, low"),
        ("PATCH", "", {}, 422, "priority"),
        ("PATCH", "", {"prioritty": 1}, 422, "did you mean “priority”"),
        ("POST", "retry", {"codes": []}, 422, "codes"),
        ("POST", "retry", {"itemIds": []}, 422, "itemIds"),
        ("POST", "retry", {"itemIds": ["a", "z"]}, 422, "“a”, “z”"),
    ],
)
def test_what_is_not_possible_is_a_sentence(client, queue, method, path, body, status, says):
    """
    409 names the state, 422 the field; nothing is changed.
    """
    job_id = queue.add(Toy(ids=["a"])).record.id
    queue.cancel(job_id)
    answer = client.call(method, f"/jobs/{job_id}/{path}".rstrip("/"), json=body)
    assert answer.status_code == status
    assert says in answer.json["error"]["message"]
    assert queue.get(job_id).record.status.value == "cancelled"


def test_a_job_that_is_not_there(client):
    """
    Every act is 404.
    """
    for act in ("cancel", "pause", "resume", "promote", "retry"):
        assert client.post(f"/jobs/nobody/{act}").status_code == 404


def test_a_type_and_everything_are_held(client, queue):
    """
    One write each; unknown types and actions are refused by name.
    """
    queue.add(Noop(total=1))
    held = client.post("/action", {"action": "pause", "type": "noop"})
    assert held.json["data"] == {"action": "pause", "affected": 1}
    assert client.get("/jobs?status=paused").json["data"]["total"] == 1
    assert client.post("/action", {"action": "pause"}).json["data"]["affected"] == 1
    assert client.get("/stats").json["data"]["isPaused"] is True
    for body in ({"action": "resume"}, {"action": "resume", "type": "noop"}):
        assert client.post("/action", body).json["data"]["affected"] == 1
    assert client.get("/stats").json["data"]["waiting"] == 1
    assert client.post("/action", {"action": "resume"}).json["data"]["affected"] == 0
    assert client.post("/action", {"action": "stop"}).status_code == 422
    assert client.post("/action", {"action": "pause", "type": "nope"}).status_code == 404
    assert client.post("/action", {"action": "pause", "options": {"grace": 1}}).status_code == 422
