"""Every route of the service needs just the role that the table says."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask

from tests.api.routes import BASE, COMING, ROUTES
from vocaqueue.admin.guard import ROLES, GuardedBlueprint

#: What answers errors only, for addresses where there is nothing.
NOTHING = re.compile(r"/(<path:rest>)?$")
#: Values for the places of a path, so that a route is found and not its neighbour.
PLACES = {"job_id": "export-nobody", "type_name": "nobody", "name": "x.txt"}


def served(app: Flask) -> Iterator[tuple[str, str, str | None]]:
    """(method, path, stated role) of everything that the application serves."""
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        if rule.endpoint.rpartition(".")[2] in {"nothing_here", "options"}:
            assert NOTHING.search(rule.rule)
            continue
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            yield method, rule.rule, getattr(view, "vocaqueue_role", None)


@pytest.fixture
def keys(app: Flask) -> dict[str | None, dict[str, str]]:
    """The headers of nobody and of a key of each role."""
    store = app.extensions["vocaqueue"].queue.keys
    return {None: {}} | {role: {"Authorization": f"Bearer {store.make(role, role).text}"} for role in ROLES}


def test_the_service_serves_what_the_table_says(app):
    """
    No route is missing in the table, none is too much in it, and each states the role that stands there.
    """
    found = {(method, path): role for method, path, role in served(app)}
    assert {route: role for route, role in found.items() if ROUTES.get(route) != role} == {}
    assert set(ROUTES) - set(found) <= COMING


def test_every_route_is_closed_to_whom_it_should_be(app, keys):
    """
    Called for real as nobody, viewer, operator and admin: 401 (or for a page the way in), then 403 below the role, and
    neither from there on.
    """
    seen = 0
    for method, rule, role in served(app):
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda place: PLACES.get(place[1], "nobody"), rule)
        for who, headers in keys.items():
            answer = app.test_client().open(path, method=method, headers=headers, buffered=False)
            status = answer.status_code
            answer.close()
            seen += 1
            if role == "open":
                assert status != 401, (method, path, who)
                assert status != 403 or rule == "/login", "the form without its token, which is another matter"
            elif who is None and rule == f"{BASE}/docs":
                assert status == 303, "a page for people leads them to where they sign in"
            elif who is None:
                assert (status, answer.headers["WWW-Authenticate"]) == (401, "Bearer"), (method, path)
            elif ROLES.index(who) < ROLES.index(role):
                assert status == 403, (method, path, who)
            else:
                assert status not in {401, 403}, (method, path, who)
            assert status < 500 or rule == "/readyz" or status == 501, (method, path, who, answer.text)
    assert seen > 200


def test_addresses_where_nothing_is_are_closed_too(app, keys):
    """
    Nobody learns without a key what there is and what not; with one it is a 404 in JSON.
    """
    for path in (f"{BASE}/nothing", f"{BASE}/", f"{BASE}/jobs/a/b/c", "/api/words/a/b/c"):
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            assert app.test_client().open(path, method=method).status_code == 401
            answer = app.test_client().open(path, method=method, headers=keys["viewer"])
            assert (answer.status_code, answer.mimetype) == (404, "application/json")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/jobs/bulk", {"action": "delete", "ids": ["export-nobody"]}),
        ("POST", "/action", {"action": "clean", "options": {"grace": 1}}),
        ("POST", "/action", {"action": "empty"}),
        ("POST", "/schedules", {"type": "cleanup", "params": {"what": ["jobs"]}, "everySeconds": 3600}),
    ],
)
def test_some_requests_need_more_than_their_route(app, keys, method, path, body):
    """
    What takes jobs away for good needs an admin also where operators do other things.
    """
    for who, expected in (("viewer", 403), ("operator", 403)):
        assert app.test_client().open(BASE + path, method=method, json=body, headers=keys[who]).status_code == expected
    assert app.test_client().open(BASE + path, method=method, json=body, headers=keys["admin"]).status_code < 300


def test_a_route_that_is_added_later_is_found(app):
    """
    The walk sees a route without a role that somebody puts on the application itself.
    """
    app.add_url_rule("/open-by-mistake", "mistake", lambda: "secret")
    blueprint = GuardedBlueprint("later", __name__, authorize=lambda _: None)
    blueprint.get("/later", role="viewer", answer={200: None})(lambda: "x")
    app.register_blueprint(blueprint)
    found = {(method, path): role for method, path, role in served(app)}
    assert found["GET", "/open-by-mistake"] is None
    assert found["GET", "/later"] == "viewer"
