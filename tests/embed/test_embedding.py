"""The example application from an installed wheel: two branches, two namespaces, the shop's own people and pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.system.systems import until

from .shop import BRANCHES, Shop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

BASE = {branch: f"/ops/{branch}/queue" for branch in BRANCHES}
OTHER = dict(zip(BRANCHES, reversed(BRANCHES), strict=True))


def letters(branch: str, most: int = 40) -> dict[str, object]:
    return {"customerIds": [f"{branch}-{n}" for n in range(most)], "subject": "Spring"}


def test_the_code_is_the_wheels(shop: Shop) -> None:
    """In the shop's folder neither the checkout nor its application can be imported."""
    code = (
        "import importlib.util as u, vocaqueue; print(vocaqueue.__file__, u.find_spec('api'), u.find_spec('workers'))"
    )
    place, *others = shop.run("-c", code).split()
    assert Path(place).is_relative_to(shop.environment.folder)
    assert others == ["None", "None"]


def test_jobs_of_both_branches_run_beside_each_other(shop: Shop) -> None:
    """
    Submitted over HTTP by the staff, done by each branch's own worker, heard of on each branch's own stream; neither
    branch sees a job, an event, a file or a worker of the other.
    """
    people = {"seoul": shop.person("jun"), "busan": shop.person("ara")}
    made = {}
    for branch, person in people.items():
        answer = person.post(f"{BASE[branch]}/jobs/send-letters", letters(branch))
        assert answer.status_code == 201, answer.text
        job_id = answer.json()["data"]["jobId"]
        assert answer.headers["Location"] == f"{BASE[branch]}/jobs/{job_id}"
        made[branch] = (job_id, person.post(f"{BASE[branch]}/jobs/price-list", {}).json()["data"]["jobId"])
    for branch, person in people.items():
        base, (letter, prices) = BASE[branch], made[branch]
        heard = list(person.events(f"{base}/events/job/{letter}"))
        assert heard[-1]["event"] == "job-completed"
        assert {event["data"]["jobId"] for event in heard} == {letter}
        job = person.get(f"{base}/jobs/{letter}").json()["data"]
        assert (job["status"], job["progress"]["completed"], job["progress"]["failed"]) == ("completed", 40, 0)
        assert job["createdBy"] == {"seoul": "jun", "busan": "ara"}[branch]
        assert person.get(f"{base}/jobs/{prices}/wait?timeout=30").json()["data"]["result"]["books"] == 300
        table = person.get(f"{base}/jobs/{prices}/files/prices.csv")
        assert len(table.text.splitlines()) == 301
        listed = person.get(f"{base}/jobs").json()["data"]
        assert {item["id"] for item in listed["items"]} >= {letter, prices}
        assert not {item["id"] for item in listed["items"]} & set(made[OTHER[branch]])
        assert person.get(f"{base}/jobs/{made[OTHER[branch]][0]}").status_code == 404
        assert person.get(f"{base}/jobs/{made[OTHER[branch]][1]}/files/prices.csv").status_code == 404
        workers = until(lambda p=person, b=base: p.get(f"{b}/workers").json()["data"]["items"])
        assert [worker["name"].partition("@")[0] for worker in workers] == [branch]


def test_streams_limits_bins_and_locks_are_apart(shop: Shop) -> None:
    """What is held, limited, removed or locked in one namespace is not so in the other."""
    owner, manager = shop.person("mina"), shop.person("ara")
    seoul, busan = BASE["seoul"], BASE["busan"]
    try:
        stream = owner.events(f"{busan}/events")  # she may look on in Busan
        assert next(stream)["event"] == "queue-stats"
        assert owner.post(f"{seoul}/action", {"action": "pause"}).json()["data"]["affected"] == 1
        body = {"rate": {"max": 7, "durationSeconds": 60}}
        assert owner.call("PATCH", f"{seoul}/types/send-letters", json=body).ok
        held = owner.post(f"{seoul}/jobs/send-letters", letters("seoul", 1)).json()["data"]["jobId"]
        done = manager.post(f"{busan}/jobs/send-letters", letters("busan", 1)).json()["data"]["jobId"]
        names = []
        for event in stream:
            if event["data"].get("jobId"):
                names.append((event["event"], event["data"]["jobId"]))
            if names and names[-1][0] == "job-completed":
                break
        assert {job for _, job in names} == {done}
        assert owner.get(f"{seoul}/jobs/{held}").json()["data"]["status"] == "paused"
        types = {
            base: {kind["name"]: kind for kind in owner.get(f"{base}/types").json()["data"]["items"]}["send-letters"]
            for base in (seoul, busan)
        }
        assert (types[seoul]["rate"]["max"], types[busan]["rate"]["max"]) == (7, 200)
        stats = {base: owner.get(f"{base}/stats").json()["data"] for base in (seoul, busan)}
        assert (stats[seoul]["isPaused"], stats[busan]["isPaused"]) == (True, False)
        assert owner.post(f"{seoul}/action", {"action": "empty"}).json()["data"]["affected"] == 1
        assert [entry["jobId"] for entry in owner.get(f"{seoul}/bin").json()["data"]["items"]] == [held]
        assert json.loads(shop.command("busan", "bin", "--json"))["items"] == []
        client = shop.valkey.client
        keys = {key.split(b":")[0] for key in client.keys("*")}
        assert keys - {b"{third}"} == {b"{seoul}", b"{busan}"}
        for lock in ("relay", "reconciler"):
            assert client.get(f"{{seoul}}:lock:{lock}") != client.get(f"{{busan}}:lock:{lock}")
            assert client.exists(f"{{seoul}}:lock:{lock}", f"{{busan}}:lock:{lock}") == 2
    finally:
        owner.post(f"{seoul}/action", {"action": "resume"})
        declared = {"rate": {"max": 200, "durationSeconds": 1}}
        assert owner.call("PATCH", f"{seoul}/types/send-letters", json=declared).ok


def test_the_shops_people_have_the_roles_of_their_posts(shop: Shop) -> None:
    """Nobody is 401; a post that is too low, or at the other branch, is 403; each on every kind of address."""
    nobody, mina, jun = shop.person(None), shop.person("mina"), shop.person("jun")
    base = BASE["busan"]
    for path in ("/stats", "/jobs", "/events", "/bin", "/openapi.json", "/nothing"):
        answer = nobody.get(base + path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "no_identity"), path
        assert jun.get(base + path).status_code == 403, path
    assert mina.get(f"{base}/me").json()["data"]["role"] == "viewer"
    assert mina.get(f"{BASE['seoul']}/me").json()["data"]["role"] == "admin"
    refused = mina.post(f"{base}/jobs/price-list", {})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "not_allowed")
    assert mina.get(f"{base}/bin").status_code == 403
    assert mina.get(f"{BASE['seoul']}/bin").status_code == 200


def test_another_sites_page_can_do_nothing(shop: Shop) -> None:
    """The shop's cookie alone is not enough for a change; reading is free."""
    jun = shop.person("jun")
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": None, "Origin": "https://evil.example"}):
        refused = jun.post(f"{BASE['seoul']}/jobs/price-list", {}, headers=headers)
        assert refused.status_code == 403
        assert "shop's own pages" in refused.json()["error"]["message"]
    assert jun.get(f"{BASE['seoul']}/stats", headers={"Sec-Fetch-Site": "cross-site"}).ok


def test_the_dashboard_is_below_the_base_path(shop: Shop) -> None:
    """The page, what it refers to and its content policy; the shop's first page leads to it."""
    mina = shop.person("mina")
    home = mina.get("/").text
    for branch in BRANCHES:
        assert f'href="{BASE[branch]}/ui/"' in home
        page = mina.get(f"{BASE[branch]}/ui/")
        assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert "unsafe-inline" not in page.headers["Content-Security-Policy"]
        for name in ("app.js", "app.css", "icon.svg"):
            assert name in page.text
            assert mina.get(f"{BASE[branch]}/ui/{name}").ok


def test_the_shops_own_types_are_described(shop: Shop) -> None:
    """OpenAPI and its page at each base path, with the shop's job types and the way that leads there."""
    jun = shop.person("jun")
    found = jun.get(f"{BASE['seoul']}/openapi.json", headers={"X-Forwarded-Prefix": "/shops/lantern"})
    assert found.ok
    assert {"/jobs/send-letters", "/jobs/price-list"} <= set(found.json()["paths"])
    assert found.json()["servers"][0]["url"] == f"/shops/lantern{BASE['seoul']}"
    page = jun.get(f"{BASE['seoul']}/docs")
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")


def test_the_shop_stays_as_it_was(shop: Shop) -> None:
    """
    Its own error pages, headers and caching are its own; ours are JSON, also where the shop's code fails inside them,
    and bear the header that the shop puts on everything.
    """
    mina = shop.person("mina")
    lost = mina.get("/shelf/9")
    assert (lost.status_code, lost.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "out of print" in lost.text
    assert "Cache-Control" not in mina.get("/").headers
    ours = mina.get(f"{BASE['seoul']}/shelf/9")
    assert (ours.status_code, ours.json()["error"]["code"]) == (404, "not_found")
    assert ours.headers["Cache-Control"] == "no-store"
    wrong = mina.call("PUT", f"{BASE['seoul']}/stats")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")
    assert {answer.headers["X-Bookshop"] for answer in (lost, ours, wrong)} == {"Lantern Books"}
    database = shop.folder / "var" / "bookshop.db"
    away = database.rename(shop.folder / "var" / "away.db")
    try:
        page, call = mina.get("/"), mina.get(f"{BASE['seoul']}/stats")
    finally:
        database.unlink()
        away.rename(database)
    assert (page.status_code, "A shelf fell down" in page.text) == (500, True)
    assert (call.status_code, call.json()["success"]) == (500, False)
    assert "sqlite" not in call.text.lower()


@pytest.mark.parametrize("prefix", ["/shops/lantern"])
def test_a_proxys_prefix_is_part_of_every_address(shop: Shop, prefix: str) -> None:
    """Behind a proxy that serves the shop below a path, what we answer leads back through that path."""
    mina, headers = shop.person("mina"), {"X-Forwarded-Prefix": prefix}
    assert f'href="{prefix}{BASE["seoul"]}/ui/"' in mina.get("/", headers=headers).text
    made = mina.post(f"{BASE['seoul']}/jobs/price-list", {}, headers=headers)
    job_id = made.json()["data"]["jobId"]
    assert made.headers["Location"] == f"{prefix}{BASE['seoul']}/jobs/{job_id}"
    assert mina.get(f"{BASE['seoul']}/jobs/{job_id}/wait?timeout=30").json()["data"]["status"] == "completed"


def test_a_dry_run_of_the_shops_own_types(shop: Shop) -> None:
    """The type's own estimate is asked in the web process, which imports no handler."""
    mina = shop.person("mina")
    found = mina.post(f"{BASE['seoul']}/jobs/price-list?dryRun=true", {}).json()["data"]
    assert (found["estimate"]["items"], found["estimate"]["costUsd"]) == (300, 0)
    some = mina.post(
        f"{BASE['seoul']}/jobs/send-letters?dryRun=true", {"customerIds": ["seoul-1", "x"], "subject": "A"}
    )
    assert [warning["code"] for warning in some.json()["data"]["warnings"]] == ["unknown_customers"]


def test_the_command_line_works_in_the_shops_folder(shop: Shop) -> None:
    """From the wheel, with the shop's .env: doctor, submit, jobs, dry run; the settings say where they are from."""
    report: dict[str, Any] = {}

    def unwell() -> list[str]:
        report.update(json.loads(shop.command("seoul", "doctor", "--json")))
        return [check["part"] for check in report["checks"] if check["state"] != "ok"]

    until(lambda: unwell() == ["beat"], 60, 1)  # the shop has no schedules, and so none
    examined = {check["part"] for check in report["checks"]}
    assert {"job store", "job types", "database", "files", "workers for send-letters"} <= examined
    origin = {setting["name"]: setting["origin"] for setting in report["settings"]}
    assert (origin["VOCAQUEUE_JOB_TYPES"], origin["VOCAQUEUE_NAMESPACE"]) == (".env", "environment")
    asked = ("submit", "send-letters", "-p", 'customerIds=["busan-1", "busan-2"]', "-p", "subject=Hello")
    job_id = shop.command("busan", *asked, "--watch").split()[0]
    shown, *listed, tried = shop.commands(
        [["show", job_id, "--json"], ["jobs"], ["jobs"], ["submit", *asked[1:], "--dry-run"]],
        ["busan", "busan", "seoul", "busan"],
    )
    job = json.loads(shown)
    assert (job["status"], job["progress"]["completed"]) == ("completed", 2)
    assert [job_id in said for said in listed] == [True, False]
    assert "items" in tried


def test_a_key_of_one_branch_opens_that_branch_only(shop: Shop) -> None:
    """An API key lets programs in beside the shop's people; at the other branch it is nobody's."""
    made = json.loads(shop.command("seoul", "keys", "add", "till", "--role", "operator", "--json"))
    headers = {"Authorization": f"Bearer {made['key']}"}
    nobody = shop.person(None)
    me = nobody.get(f"{BASE['seoul']}/me", headers=headers).json()["data"]
    assert (me["name"], me["role"], me["via"]) == ("till", "operator", "key")
    refused = nobody.get(f"{BASE['busan']}/me", headers=headers)
    assert (refused.status_code, "not known here" in refused.json()["error"]["message"]) == (401, True)
    assert nobody.get(f"{BASE['seoul']}/keys", headers=headers).status_code == 403


def test_our_own_worker_line_runs_the_shops_types(shop: Shop) -> None:
    """`vocaqueue worker TYPE` finds the shop's code in the folder it is started in."""
    script = str(shop.environment.folder / "bin" / "vocaqueue")
    shop._start("third", script, "worker", "price-list", "-l", "INFO", VOCAQUEUE_NAMESPACE="third")
    until(lambda: " ready." in (shop.folder / "third.log").read_text(), 30)
    job_id = shop.command("third", "submit", "price-list").strip()
    assert shop.command("third", "watch", job_id)


def test_an_application_without_authorize_does_not_start(shop: Shop) -> None:
    """Forgotten or no function: a sentence that says what is missing, from the wheel as everywhere."""
    code = """
from flask import Flask
from vocaqueue import BadSettings
from vocaqueue.admin import create_admin_blueprint
from bookshop.branches import queue_of
for options in ({}, {"authorize": None}, {"authorize": True}):
    try:
        Flask("x").register_blueprint(create_admin_blueprint(queue_of("seoul"), **options), url_prefix="/queue")
    except BadSettings as error:
        print(error)
"""
    said = shop.run("-c", code).splitlines()
    assert len(said) == 3
    assert all("authorize" in line and "a function that takes the request" in line for line in said)
