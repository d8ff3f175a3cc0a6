"""What pages of other sites can cause, with and without CORS."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from api.app import create_app
from tests.api.conftest import BEARER
from tests.api.test_sessions import BASE, HERE, enter

BODY = {"action": "pause"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "null"},
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "https://localhost"},
        {"Origin": "https://localhost:80"},
        {"Origin": "http://localhost:8080"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://localhost@evil.example"},
        {"Origin": "http://localhost:x"},
        {"Origin": "http://localhost/"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "x" * 64},
        {"X-CSRF-Token": "키".encode().decode("latin-1")},
        {"X-CSRF-Token": "wrong", "Sec-Fetch-Site": "same-origin"},
    ],
)
def test_a_change_by_cookie_that_may_come_from_elsewhere_is_refused(app, headers):
    """
    Another scheme, port or host, no word on where it comes from, a wrong token: 403, and nothing was changed.
    """
    client = enter(app)
    answer = client.post(f"{BASE}/action", json=BODY, headers=headers)
    assert (answer.status_code, answer.json["error"]["code"]) == (403, "not_allowed")
    assert client.get(f"{BASE}/stats").json["data"]["isPaused"] is False


@pytest.mark.parametrize("headers", [HERE, {"Origin": "http://localhost"}, {"Origin": "http://localhost:80"}])
def test_a_change_from_this_sites_own_page_is_made(app, headers):
    """
    By the browser's word or by an equal origin, in JSON; a plain form's body is refused also from there.
    """
    client = enter(app)
    assert client.post(f"{BASE}/action", json=BODY, headers=headers).status_code == 200
    for kind in ("text/plain", "application/x-www-form-urlencoded", None):
        refused = client.post(f"{BASE}/action", data=b'{"action":"resume"}', content_type=kind, headers=headers)
        assert (refused.status_code, refused.json["error"]["code"]) == (403, "not_allowed"), kind
    form = {"file": (io.BytesIO(b"a"), "a.csv")}
    file = client.post(f"{BASE}/jobs/batch-import", data=form, headers=headers)
    assert file.status_code != 403


def test_the_token_stands_for_the_origin(app):
    """
    A program that has the session's token of /me may change things; that of another session does not fit.
    """
    client, other = enter(app), enter(app)
    token = client.get(f"{BASE}/me").json["data"]["csrfToken"]
    assert client.post(f"{BASE}/action", json=BODY, headers={"X-CSRF-Token": token}).status_code == 200
    assert other.post(f"{BASE}/action", json=BODY, headers={"X-CSRF-Token": token}).status_code == 403
    assert client.delete(f"{BASE}/keys/nobody", headers={"X-CSRF-Token": token}).status_code == 404
    assert client.post("/logout", headers={"X-CSRF-Token": token}).status_code == 200


def test_a_key_needs_no_origin(app):
    """
    No browser sends a key by itself, so what comes with one is not asked where it is from; a cookie does not help a
    wrong one.
    """
    client = enter(app)
    answer = client.post(f"{BASE}/action", json=BODY, headers=BEARER | {"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    wrong = client.post(f"{BASE}/action", json=BODY, headers={"Authorization": "Bearer x"} | HERE)
    assert wrong.status_code == 401


def test_without_setting_no_other_site_reads_anything(app):
    """
    There is not a single CORS header, whatever asks.
    """
    for method in ("GET", "OPTIONS"):
        headers = BEARER | {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        answer = app.test_client().open(f"{BASE}/stats", method=method, headers=headers)
        assert not [name for name, _ in answer.headers if name.lower().startswith("access-control")]


def test_only_the_named_origins_may_read(app, settings):
    """
    An origin of the list gets itself back, with cookies; every other one, also one that looks like it, gets nothing.
    """
    good = "https://admin.example.com"
    app = create_app(replace(settings, cors_origins=(good, "http://localhost:3000")))
    client = app.test_client()
    asked = {"Origin": good, "Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "x-csrf-token"}
    preflight = client.options(f"{BASE}/types/export", headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == good
    assert "PATCH" in preflight.headers["Access-Control-Allow-Methods"]
    assert "X-CSRF-Token" in preflight.headers["Access-Control-Allow-Headers"]
    answer = client.get(f"{BASE}/stats", headers=BEARER | {"Origin": good})
    assert answer.headers["Access-Control-Allow-Origin"] == good
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert "Origin" in answer.headers["Vary"]
    refused = client.get(f"{BASE}/stats", headers={"Origin": good})
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, good), "its page reads why"
    for other in (
        "https://admin.example.com.evil.example",
        "http://admin.example.com",
        "null",
        "*",
        f"{good}:8443",
        "",
    ):
        answer = client.get(f"{BASE}/stats", headers=BEARER | {"Origin": other})
        assert "Access-Control-Allow-Origin" not in answer.headers, other
        assert "Origin" in answer.headers["Vary"]
    app.extensions["vocaqueue"].queue.close()


def test_a_named_origin_changes_only_with_the_token(settings):
    """
    Its page has the cookie and may read, so it can have the token too; without it, it changes nothing.
    """
    good = "https://admin.localhost"
    app = create_app(replace(settings, cors_origins=(good,)))
    client = enter(app)
    theirs = {"Origin": good, "Sec-Fetch-Site": "same-site"}
    assert client.post(f"{BASE}/action", json=BODY, headers=theirs).status_code == 403
    token = client.get(f"{BASE}/me", headers=theirs).json["data"]["csrfToken"]
    assert client.post(f"{BASE}/action", json=BODY, headers=theirs | {"X-CSRF-Token": token}).status_code == 200
    app.extensions["vocaqueue"].queue.close()
