"""Inside a host's application: its error pages are its own, and ours are JSON, however they were registered."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Blueprint, Flask
from werkzeug.exceptions import HTTPException

from tests.admin.conftest import by_header
from vocaqueue import BadSettings, QueueManager
from vocaqueue.admin import create_admin_blueprint


def by_number(app: Flask) -> None:
    for status in (400, 401, 403, 404, 405, 413, 415, 500):
        app.register_error_handler(status, lambda _error: ("<h1>The host's page</h1>", 418))


def by_class(app: Flask) -> None:
    for kind in (HTTPException, Exception):
        app.register_error_handler(kind, lambda _error: ("<h1>The host's page</h1>", 418))


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("pages", [by_number, by_class])
def test_our_errors_are_json_beside_the_hosts_pages(
    queue: QueueManager, pages: Callable[[Flask], None], nested: bool
) -> None:
    """At every status, directly in the application and below another blueprint; the host's 404 stays the host's."""
    app = Flask("host")
    pages(app)
    admin = create_admin_blueprint(queue, authorize=by_header, name="jobs")
    if nested:
        outer = Blueprint("ops", __name__)
        outer.register_blueprint(admin, url_prefix="/queue")
        app.register_blueprint(outer, url_prefix="/ops")
    else:
        app.register_blueprint(admin, url_prefix="/ops/queue")
    client, viewer, admin_too = app.test_client(), {"X-Role": "viewer"}, {"X-Role": "admin"}
    broken = {"data": "{", "content_type": "application/json"}
    asked = [
        (401, client.get("/ops/queue/stats")),
        (401, client.get("/ops/queue/events")),
        (403, client.delete("/ops/queue/jobs/x", headers=viewer)),
        (404, client.get("/ops/queue/jobs/x", headers=viewer)),
        (404, client.get("/ops/queue/nothing/here", headers=viewer)),
        (404, client.get("/ops/queue/ui/nothing.js")),
        (405, client.put("/ops/queue/stats", headers=viewer)),
        (400, client.post("/ops/queue/jobs/toy", **broken, headers=admin_too)),
        (415, client.post("/ops/queue/jobs/toy", data="x", headers=admin_too)),
    ]
    for status, answer in asked:
        assert (answer.status_code, answer.json["success"]) == (status, False), answer.request.path
    made = client.post("/ops/queue/jobs/toy", json={"ids": ["a"]}, headers=admin_too)
    assert made.headers["Location"] == f"/ops/queue/jobs/{made.json['data']['jobId']}"
    assert client.get("/elsewhere").text == "<h1>The host's page</h1>"
    admin.close()


def test_a_prefix_of_the_server_is_part_of_location(queue: QueueManager) -> None:
    """SCRIPT_NAME, as a WSGI server or a proxy's header gives it."""
    app = Flask("host")
    app.register_blueprint(create_admin_blueprint(queue, authorize=by_header), url_prefix="/queue")
    made = app.test_client().post(
        "/queue/jobs/toy", json={"ids": ["a"]}, headers={"X-Role": "admin"}, environ_overrides={"SCRIPT_NAME": "/below"}
    )
    assert made.headers["Location"] == f"/below/queue/jobs/{made.json['data']['jobId']}"


@pytest.mark.parametrize("given", [{}, {"authorize": None}, {"authorize": "me"}])
def test_a_forgotten_authorize_does_not_start(queue: QueueManager, given: dict[str, object]) -> None:
    """The sentence says what to give."""
    with pytest.raises(BadSettings, match="a function that takes the request"):
        create_admin_blueprint(queue, **given)  # type: ignore[arg-type]
