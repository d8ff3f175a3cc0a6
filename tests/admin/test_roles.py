"""Nobody gets in without an identity, and every route says who may use it."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from tests.admin.conftest import BASE, Client, by_header
from vocaqueue import BadSettings, QueueManager
from vocaqueue.admin import GuardedBlueprint, create_admin_blueprint
from vocaqueue.admin.guard import ROLES


def routes(app: Flask) -> list[tuple[str, str, str]]:
    """(method, path, stated role) of everything that the blueprint serves."""
    found = []
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("vocaqueue."):
            path = re.sub(r"<[^>]+>", "x", rule.rule)
            role = app.view_functions[rule.endpoint].vocaqueue_role
            found += [(method, path, role) for method in rule.methods - {"HEAD", "OPTIONS"}]
    return found


def test_every_route_needs_an_identity_but_the_page_itself(app):
    """
    A walk over all routes without an identity gets 401 everywhere, and only the dashboard's files are open.
    """
    walked = routes(app)
    assert len(walked) > 12
    for method, path, role in walked:
        status = app.test_client().open(path, method=method).status_code
        if role == "open":
            assert path.startswith(f"{BASE}/ui/")
        else:
            assert status == 401, (method, path)


def test_a_role_below_the_stated_one_is_403(app):
    """
    Each route that needs more than a viewer refuses a viewer, in JSON.
    """
    above = [(method, path) for method, path, role in routes(app) if role in ROLES[1:]]
    assert above
    for method, path in above:
        answer = app.test_client().open(path, method=method, headers={"X-Role": "viewer"})
        assert (answer.status_code, answer.json["error"]["code"]) == (403, "not_allowed")


def test_a_job_type_says_who_may_submit_it(app):
    """
    A viewer may not submit a type of operators, although the route itself is open to viewers.
    """
    answer = Client(app, "viewer").post("/jobs/toy", {"ids": ["a"]})
    assert answer.status_code == 403
    assert "operator" in answer.json["error"]["message"]


def test_a_route_without_a_role_does_not_register(queue: QueueManager):
    """
    Closed by default: who forgets the role gets an error when the application starts.
    """
    blueprint = GuardedBlueprint("mine", __name__, authorize=by_header)
    with pytest.raises(BadSettings, match="must state its role"):
        blueprint.get("/open-by-mistake")(lambda: "secret")
    for given in ({}, {"authorize": None}):
        with pytest.raises(BadSettings, match="authorize must be a function"):
            create_admin_blueprint(queue, **given)


def test_a_route_without_an_answer_does_not_register():
    """
    Who forgets what a route answers, or states no model, gets an error when the application starts.
    """
    blueprint = GuardedBlueprint("mine", __name__, authorize=by_header)
    with pytest.raises(BadSettings, match="must state its answer"):
        blueprint.get("/forgotten", role="viewer")(lambda: "what?")
    with pytest.raises(BadSettings, match="no Pydantic model"):
        blueprint.get("/a-dict", role="viewer", answer={200: dict})(lambda: "what?")


def test_every_route_states_what_it_answers(app):
    """
    A walk over all routes finds the statement of each; only those that answer errors state none.
    """
    silent = set()
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("vocaqueue."):
            operation = app.view_functions[rule.endpoint].vocaqueue_operation
            if not operation.is_described:
                silent.add(rule.endpoint.rpartition(".")[2])
            else:
                assert (operation.view.__doc__ or "").strip(), f"{rule} needs a docstring: it is its summary"
    assert silent == {"nothing_here", "options", "submit_unknown"}


def test_options_and_head_are_answered(app):
    """
    OPTIONS says in JSON and in Allow what is possible, without an identity; HEAD is GET without a body.
    """
    client = app.test_client()
    for path, allowed in (
        ("/stats", "GET, HEAD, OPTIONS"),
        ("/jobs/x", "GET, HEAD, PATCH, DELETE, OPTIONS"),
        ("/jobs/toy", "POST, OPTIONS"),
        ("/jobs/toy/cancel", "POST, OPTIONS"),
        ("/events", "GET, HEAD, OPTIONS"),
    ):
        answer = client.options(BASE + path)
        assert (answer.status_code, answer.headers["Allow"]) == (200, allowed), path
        assert answer.json["data"]["methods"] == allowed.split(", ")
    assert client.options(f"{BASE}/nothing").status_code == 404
    head = client.head(f"{BASE}/stats", headers={"X-Role": "viewer"})
    assert (head.status_code, head.data) == (200, b"")
    assert client.head(f"{BASE}/stats").status_code == 401


def test_the_guard_holds_under_another_name(queue: QueueManager):
    """
    Registered under a name of the host's choice, in a blueprint of the host's, everything still needs an identity.
    """
    from flask import Blueprint

    host = Flask("host")
    outer = Blueprint("outer", __name__)
    outer.register_blueprint(create_admin_blueprint(queue, authorize=by_header), name="renamed", url_prefix="/q")
    host.register_blueprint(outer, url_prefix="/a")
    for path in ("/a/q/stats", "/a/q/events", "/a/q/jobs"):
        assert host.test_client().get(path).status_code == 401
    assert host.test_client().get("/a/q/stats", headers={"X-Role": "viewer"}).status_code == 200
