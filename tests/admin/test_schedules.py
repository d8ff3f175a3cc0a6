"""The table of schedules over HTTP and in Python."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from tests.admin.conftest import Client, make_app
from tests.toys import JOB_TYPES, Noop, Toy
from vocaqueue import JobParams, JobType, QueueManager, ScheduleNotFound

NIGHTLY = {"type": "noop", "params": {"total": 3}, "cron": "0 3 * * *", "timeZone": "Asia/Seoul", "name": "밤"}


def test_a_schedule_is_made_shown_changed_and_removed(client):
    """
    Each call answers the whole schedule as it is then.
    """
    made = client.post("/schedules", NIGHTLY | {"priority": 2})
    assert made.status_code == 201
    one = made.json["data"]
    assert one == {
        "id": one["id"], "name": "밤", "type": "noop", "params": {"total": 3}, "priority": "high",
        "cron": "0 3 * * *", "everySeconds": None, "timeZone": "Asia/Seoul", "enabled": True,
        "nextRuns": one["nextRuns"], "lastRun": None, "createdBy": "the-admin", "createdAt": one["createdAt"],
    }  # fmt: skip
    runs = [datetime.fromisoformat(run) for run in one["nextRuns"]]
    assert [run.hour for run in runs] == [18] * 5
    assert {after - before for before, after in pairwise(runs)} == {timedelta(days=1)}
    path = made.headers["Location"].removeprefix("/queue")
    assert client.get(path).json["data"] == one
    changed = client.call("PATCH", path, json={"everySeconds": 60, "params": {"total": 5}}).json["data"]
    assert (changed["cron"], changed["everySeconds"], changed["params"]) == (None, 60, {"total": 5})
    assert (changed["name"], changed["priority"], changed["timeZone"]) == ("밤", "high", "Asia/Seoul")
    assert all(run.endswith(":00.000Z") for run in changed["nextRuns"])
    off = client.call("PATCH", path, json={"enabled": False, "name": None}).json["data"]
    assert (off["enabled"], off["nextRuns"], off["name"]) == (False, [], None)
    listed = client.get("/schedules").json["data"]
    assert (listed["items"], listed["total"], listed["totalPages"]) == ([off], 1, 1)
    assert client.call("DELETE", path).json["data"] == {"id": one["id"]}
    for method in ("GET", "PATCH", "DELETE"):
        gone = client.call(method, path, **({} if method == "GET" else {"json": {}}))
        assert (gone.status_code, gone.json["error"]["code"]) == (404, "schedule_not_found")


def test_run_now(client, queue):
    """
    The job is made at once, also of a schedule that is off, and is its last run; its times stay.
    """
    made = client.post("/schedules", NIGHTLY | {"enabled": False}).json["data"]
    answer = client.post(f"/schedules/{made['id']}/run")
    job = answer.json["data"]
    assert (answer.status_code, job["name"], job["scheduleId"], job["createdBy"]) == (
        201,
        "밤",
        made["id"],
        "the-admin",
    )
    after = client.get(f"/schedules/{made['id']}").json["data"]
    assert (after["lastRun"]["jobId"], after["lastRun"]["error"]) == (job["id"], None)
    assert after["nextRuns"] == []
    assert client.post("/schedules/nobody/run").status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"cron": "0 3 * *"}, "cron"),
        ({"cron": None}, "cron"),
        ({"everySeconds": 5}, "everySeconds"),
        ({"cron": None, "everySeconds": True}, "everySeconds"),
        ({"cron": None, "everySeconds": 0}, "everySeconds"),
        ({"cron": None, "everySeconds": 1.5}, "everySeconds"),
        ({"timeZone": "Mars/Olympus"}, "timeZone"),
        ({"type": "nope"}, "type"),
        ({"params": {"totl": 1}}, "params.total"),
        ({"params": {"total": "many"}}, "params.total"),
        ({"params": []}, "params"),
        ({"type": "toy", "params": {}}, "params.ids"),
        ({"priority": "soon"}, "priority"),
        ({"name": "x" * 201}, "name"),
        ({"enabled": "maybe"}, "enabled"),
        ({"crom": "0 3 * * *"}, "crom"),
    ],
)
def test_what_makes_no_schedule(client, change, field):
    """
    422 that names the field, and nothing is kept.
    """
    answer = client.post("/schedules", NIGHTLY | change)
    error = answer.json["error"]
    assert (answer.status_code, error["details"][0]["field"]) == (422, field), error
    assert client.get("/schedules").json["data"]["total"] == 0


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"cron": "x"}, "cron"),
        ({"cron": None}, "cron"),
        ({"cron": "0 3 * * *", "everySeconds": 5}, "everySeconds"),
        ({"params": {"total": None}}, "params.total"),
        ({"type": "toy"}, "type"),
        ({"priority": 9}, "priority"),
    ],
)
def test_a_change_that_makes_no_sense(client, change, field):
    """
    422 that names the field, and it stays as it was.
    """
    before = client.post("/schedules", NIGHTLY).json["data"]
    answer = client.call("PATCH", f"/schedules/{before['id']}", json=change)
    assert (answer.status_code, answer.json["error"]["details"][0]["field"]) == (422, field)
    assert client.get(f"/schedules/{before['id']}").json["data"]["cron"] == "0 3 * * *"


class Sweep(JobParams):
    pass


def test_who_may_do_what(queue):
    """
    A viewer reads, an operator changes, and a type that is for admins makes its schedules so too.
    """
    types = [*JOB_TYPES, JobType(name="sweep", params=Sweep, handler="x:Y", role="admin")]
    wide = QueueManager(queue.settings, types)
    app = make_app(wide)
    viewer, operator, admin = (Client(app, role) for role in ("viewer", "operator", "admin"))
    own, sweep = NIGHTLY, NIGHTLY | {"type": "sweep", "params": {}}
    assert viewer.post("/schedules", own).status_code == 403
    assert operator.post("/schedules", sweep).status_code == 403
    made = {name: f"/schedules/{admin.post('/schedules', body).json['data']['id']}" for name, body in
            (("own", own), ("sweep", sweep))}  # fmt: skip
    for who, name, status in (
        (viewer, "own", 403),
        (operator, "own", 200),
        (operator, "sweep", 403),
        (admin, "sweep", 200),
    ):
        assert who.get(made[name]).status_code == 200
        assert who.call("PATCH", made[name], json={"name": "x"}).status_code == status
        assert who.post(f"{made[name]}/run").status_code == (201 if status == 200 else status)
        assert who.call("DELETE", made[name]).status_code == status
    app.extensions["admin"].close()
    wide.close()


def test_a_schedule_that_is_made_once(queue):
    """
    Who removed it does not get it back at the next start; who changed it keeps the change.
    """
    table = queue.schedules
    assert table.add_once("nightly", Noop(total=1), cron="0 3 * * *")
    table.update("nightly", cron="0 4 * * *", time_zone="Asia/Seoul")
    assert not table.add_once("nightly", Noop(total=1), cron="0 3 * * *")
    assert table.get("nightly").timing.cron == "0 4 * * *"
    table.remove("nightly")
    assert not table.add_once("nightly", Noop(total=1), cron="0 3 * * *")
    with pytest.raises(ScheduleNotFound):
        table.get("nightly")


def test_two_change_one_schedule_at_once(queue, monkeypatch):
    """
    The change that was overtaken is made again on what the other left.
    """
    table = queue.schedules
    made = table.add(Toy(ids=["a"]), every_s=60, name="before")
    real, others = table.get, [lambda: queue.schedules.update(made.id, priority="low")]

    def get_then_somebody_changes_it(schedule_id):
        found = real(schedule_id)
        if others:
            others.pop()()
        return found

    monkeypatch.setattr(table, "get", get_then_somebody_changes_it)
    changed = table.update(made.id, name="after")
    assert (changed.name, changed.priority.label, changed.version) == ("after", "low", 3)
