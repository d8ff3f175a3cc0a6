"""Sessions: what begins one, what ends it, and what no cookie opens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api import identity as identity_module
from api.app import create_app
from tests.api.conftest import BEARER, KEY
from tests.system.systems import until
from vocaqueue.store.ledger import Ledger
from vocaqueue.store.logins import Logins
from vocaqueue.testing.valkey import PrivateValkey

BASE = "/api/admin/queue"
HERE = {"Sec-Fetch-Site": "same-origin"}


def enter(app: Flask, key: str = KEY, base_url: str = "http://localhost") -> FlaskClient:
    """A browser that signed in with a key."""
    client = app.test_client()
    answer = client.post("/login", data={"key": key}, headers=HERE, base_url=base_url)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/"), answer.text
    return client


def me(client: FlaskClient) -> int:
    return client.get(f"{BASE}/me").status_code


@pytest.fixture
def twin(app: Flask, settings) -> Iterator[Flask]:
    """Another web process of the same system."""
    made = create_app(settings)
    yield made
    made.extensions["vocaqueue"].close()
    made.extensions["vocaqueue"].queue.close()


def test_a_session_is_of_whoever_has_the_key(app):
    """
    Its identity and role are the key's, by whichever way it came; its end is the key's if that is sooner.
    """
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    made = app.extensions["vocaqueue"].queue.keys.make("Mina", "operator", expires_at=end)
    by_session = enter(app, made.text).get(f"{BASE}/me").json["data"]
    bearer = {"Authorization": f"Bearer {made.text}"}
    by_key = app.test_client().get(f"{BASE}/me", headers=bearer).json["data"]
    for said, via in ((by_session, "session"), (by_key, "key")):
        assert (said["id"], said["name"], said["role"], said["via"]) == (f"key:{made.key.id}", "Mina", "operator", via)
        assert datetime.fromisoformat(said["expiresAt"]) == end
    assert "csrfToken" in by_session
    assert "csrfToken" not in by_key
    admin = enter(app).get(f"{BASE}/me").json["data"]
    assert (admin["id"], admin["role"], admin["links"]["login"]) == ("admin-key", "admin", "/login")
    left = datetime.fromisoformat(admin["expiresAt"]) - datetime.now(UTC)
    assert timedelta(days=13) < left <= timedelta(days=14)


def test_a_copied_cookie_is_dead_after_signing_out(app, twin, settings):
    """
    On every web process at once; other sessions go on.
    """
    client, other = enter(app), enter(app)
    cookie = client.get_cookie(f"vocaqueue-{settings.namespace}").value
    thieves = [app.test_client(), twin.test_client()]
    for thief in thieves:
        thief.set_cookie(f"vocaqueue-{settings.namespace}", cookie)
        assert me(thief) == 200
    assert client.post("/logout", json={}, headers=HERE).status_code == 200
    assert [me(thief) for thief in thieves] == [401, 401]
    assert (me(client), me(other)) == (401, 200)


def test_signing_in_begins_a_session_under_a_new_id(app, settings):
    """
    Who planted a session in a browser does not share the one that is begun there, and the planted one is over.
    """
    name = f"vocaqueue-{settings.namespace}"
    attacker = enter(app)
    planted = attacker.get_cookie(name).value
    victim = app.test_client()
    victim.set_cookie(name, planted)
    made = app.extensions["vocaqueue"].queue.keys.make("victim", "viewer")
    assert victim.post("/login", data={"key": made.text}, headers=HERE).status_code == 303
    assert victim.get_cookie(name).value != planted
    assert victim.get(f"{BASE}/me").json["data"]["name"] == "victim"
    assert me(attacker) == 401


def test_a_session_ends_with_its_key(app, twin):
    """
    Revoked on one web process, a key's sessions are over on the other within seconds, with the reason.
    """
    queue = app.extensions["vocaqueue"].queue
    revoked = queue.keys.make("gone", "viewer")
    brief = queue.keys.make("brief", "viewer", expires_at=datetime.now(UTC) + timedelta(seconds=1.5))
    one, two, short = enter(app, revoked.text), enter(twin, revoked.text), enter(app, brief.text)
    assert (me(one), me(two), me(short)) == (200, 200, 200)
    queue.keys.revoke(revoked.key.id)
    refused = one.get(f"{BASE}/me")
    assert refused.status_code == 401
    assert "revoked" in refused.json["error"]["message"]
    until(lambda: me(two) == 401, 5)
    until(lambda: me(short) == 401, 5)


def test_another_admin_key_ends_the_sessions_of_the_old_one(app, settings, monkeypatch):
    """
    Whoever changes VOCAQUEUE_ADMIN_KEY locks out those who came in by it.
    """
    client = enter(app)
    cookie = client.get_cookie(f"vocaqueue-{settings.namespace}").value
    for key, status in ((KEY, 200), ("another-admin-key", 401)):
        monkeypatch.setenv("VOCAQUEUE_ADMIN_KEY", key)
        again = create_app(settings)
        browser = again.test_client()
        browser.set_cookie(f"vocaqueue-{settings.namespace}", cookie)
        assert me(browser) == status
        again.extensions["vocaqueue"].queue.close()


@pytest.mark.parametrize("what", ["namespace", "secret", "tampered", "nonsense"])
def test_no_other_cookie_opens(app, settings, monkeypatch, what):
    """
    Not one of another namespace of the same server, nor one that another secret signed, that was changed, or made up.
    """
    name = f"vocaqueue-{settings.namespace}"
    target, cookie = app, enter(app).get_cookie(name).value
    if what == "namespace":
        settings = replace(settings, namespace=f"{settings.namespace}-other")
        target = create_app(settings)
    elif what == "secret":
        monkeypatch.setenv("VOCAQUEUE_SECRET_KEY", "another")
        target = create_app(settings)
    elif what == "tampered":
        cookie = ("A" if cookie[0] != "A" else "B") + cookie[1:]
    else:
        cookie = "eyJzaWQiOiAiMSJ9.x.y"
    browser = target.test_client()
    browser.set_cookie(f"vocaqueue-{settings.namespace}", cookie)
    assert me(browser) == 401
    if target is not app:
        target.extensions["vocaqueue"].queue.close()


def test_over_tls_the_cookie_is_bound_to_this_host(app, settings):
    """
    There it is Secure and named __Host-, so that neither plain http nor a neighbour of the domain can plant one.
    """
    answer = app.test_client().post("/login", data={"key": KEY}, headers=HERE, base_url="https://localhost")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"__Host-vocaqueue-{settings.namespace}=")
    for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert f"; {part}" in cookie
    assert "Domain" not in cookie
    client = enter(app, base_url="https://localhost")
    assert client.get(f"{BASE}/me", base_url="https://localhost").status_code == 200
    assert client.get(f"{BASE}/me", base_url="http://localhost").status_code == 401


def test_a_session_ends_by_itself(app, settings, monkeypatch):
    """
    After its days are over the server does not know it any more, whatever the browser does with the cookie.
    """
    client = enter(app)
    clock = identity_module._clock_ms
    monkeypatch.setattr(identity_module, "_clock_ms", lambda: clock() + 14 * 86_400_000 + 1)
    assert me(client) == 401
    ledger = Ledger(settings)
    (kept,) = ledger.client.keys(ledger.keys("session", "*"))
    assert 13 * 86_400 < ledger.client.ttl(kept) <= 14 * 86_400


def test_the_job_store_does_not_hold_the_id_of_a_session(app, settings):
    """
    Who reads the job store cannot make a cookie of what is there.
    """
    client = app.test_client()
    with client:
        client.post("/login", data={"key": KEY}, headers=HERE)
        from flask import session

        session_id = session["sid"]
    ledger = Ledger(settings)
    for key in ledger.client.keys(ledger.keys.prefix + "*"):
        assert session_id.encode() not in key
        if ledger.client.type(key) == b"string":
            assert session_id.encode() not in ledger.client.get(key)


def test_while_the_job_store_is_away_a_known_session_goes_on(settings):
    """
    A browser that was here a moment ago stays signed in, an unknown one is told to come back, nobody signs in.
    """
    with PrivateValkey(aof=True) as server:
        app = create_app(replace(settings, redis_url=server.url, broker_url=server.url))
        known, strange = enter(app), enter(app)
        assert known.get("/api/words").status_code == 200
        server.kill()
        assert known.get("/api/words").status_code == 200
        answer = strange.get("/api/words")
        assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
        refused = app.test_client().post("/login", data={"key": KEY}, headers=HERE)
        assert (refused.status_code, refused.mimetype, "Retry-After" in refused.headers) == (503, "text/html", True)
        assert known.get(f"{BASE}/ui/").status_code == 200
        assert app.test_client().get("/api/words", headers=BEARER).status_code == 200, "the admin key works always"
        app.extensions["vocaqueue"].queue.close()


def test_with_the_database_away_an_unknown_key_is_not_now(settings, tmp_path):
    """
    It is 503 rather than 401, on the API and on the page; the admin key works always.
    """
    (tmp_path / "blocked").write_text("a file, not a folder")
    app = create_app(replace(settings, database_url=f"sqlite:///{tmp_path}/blocked/a.db"))
    from vocaqueue.api_key import new_key

    key = new_key()[1]
    answer = app.test_client().get(f"{BASE}/stats", headers={"Authorization": f"Bearer {key}"})
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "archive_unavailable")
    assert "Retry-After" in answer.headers
    assert "blocked" not in answer.text, "whoever this is learns no path"
    page = app.test_client().post("/login", data={"key": key}, headers=HERE)
    assert (page.status_code, "does not answer" in page.text) == (503, True)
    assert app.test_client().get(f"{BASE}/stats", headers=BEARER).status_code == 200
    assert app.test_client().get(f"{BASE}/keys", headers=BEARER).status_code == 503
    app.extensions["vocaqueue"].queue.close()


def test_a_link_begins_a_session_that_can_be_ended(app, settings):
    """
    The session of a one-time link is over on the server when its owner signs out.
    """
    client = app.test_client()
    assert client.get(f"/login?token={Logins(Ledger(settings)).issue('viewer')}").status_code == 303
    assert client.get(f"{BASE}/me").json["data"]["role"] == "viewer"
    cookie = client.get_cookie(f"vocaqueue-{settings.namespace}").value
    client.post("/logout", json={}, headers=HERE)
    thief = app.test_client()
    thief.set_cookie(f"vocaqueue-{settings.namespace}", cookie)
    assert me(thief) == 401
