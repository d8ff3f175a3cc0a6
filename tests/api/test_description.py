"""The description of the whole service."""

from __future__ import annotations

from openapi_spec_validator import validate

from tests.api.conftest import BEARER

UNDESCRIBED = {"nothing_here", "options", "submit_unknown"}  #: what answers errors only


def test_every_route_of_the_service_is_described(app):
    """
    /api/openapi.json is valid and has the queue, the words, signing in and health; the queue's own has its base path.
    """
    client = app.test_client()
    described = client.get("/api/openapi.json", headers=BEARER).json
    validate(described)
    assert {"/api/words", "/api/admin/queue/jobs/export", "/login", "/logout", "/healthz", "/readyz"} <= set(
        described["paths"]
    )
    silent = set()
    for rule in app.url_map.iter_rules():
        operation = getattr(app.view_functions[rule.endpoint], "vocaqueue_operation", None)
        if operation is None or not operation.is_described:
            silent.add(rule.endpoint.rpartition(".")[2])
    assert silent == UNDESCRIBED
    own = client.get("/api/admin/queue/openapi.json", headers=BEARER).json
    validate(own)
    assert own["servers"] == [{"url": "/api/admin/queue"}]
    assert described["servers"] == [{"url": "/"}]
    assert {f"/api/admin/queue{path}" for path in own["paths"]} <= set(described["paths"])


def test_a_description_behind_a_prefix_says_so(app):
    """
    Where a proxy serves the application under a path of its own, the server's address has it.
    """
    client = app.test_client()
    own = client.get(
        "/api/admin/queue/openapi.json", headers=BEARER, environ_overrides={"SCRIPT_NAME": "/vocabulary"}
    ).json
    assert own["servers"] == [{"url": "/vocabulary/api/admin/queue"}]


def test_what_does_not_change_is_sent_once(app):
    """
    Descriptions, pages and their files have an ETag and answer 304; what changes is not stored by anybody.
    """
    client = app.test_client()
    for path in (
        "/api/openapi.json",
        "/api/admin/queue/docs",
        "/api/admin/queue/docs/docs.js",
        "/api/admin/queue/ui/app.js",
    ):
        first = client.get(path, headers=BEARER)
        again = client.get(path, headers=BEARER | {"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data, "no-cache" in again.headers["Cache-Control"]) == (304, b"", True), path
        changed = client.get(path, headers=BEARER | {"If-None-Match": '"other"'})
        assert changed.status_code == 200
    for path in ("/api/admin/queue/stats", "/api/admin/queue/jobs", "/api/words", "/healthz", "/nothing"):
        assert client.get(path, headers=BEARER).headers["Cache-Control"] == "no-store", path
