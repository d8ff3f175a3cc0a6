"""Keys and sessions in the audit log of the service."""

from __future__ import annotations

from typing import Any

from flask import Flask

from vocaqueue.engine.audit import AuditPass

from .conftest import BEARER, KEY

KEYS = "/api/admin/queue/keys"
FORM = {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}


def test_keys_and_sessions_are_written_down(app: Flask) -> None:
    """
    Making and revoking a key, signing in, out and in vain: each has a row, which holds neither a key nor its digest.
    """
    queue = app.extensions["vocaqueue"].queue
    made = app.test_client().post(KEYS, headers=BEARER, json={"name": "ci", "role": "viewer"}).json["data"]
    app.test_client().delete(f"{KEYS}/{made['id']}", headers=BEARER)
    app.test_client().delete(f"{KEYS}/{made['id']}", headers=BEARER)  # again: changes nothing
    browser = app.test_client()
    assert browser.post("/login", data={"key": "wrong-key-1"}, headers=FORM).status_code == 401
    assert browser.post("/login", data={"key": KEY}, headers=FORM).status_code == 303
    token = browser.get("/api/admin/queue/me").json["data"]["csrfToken"]
    signed_out = browser.post("/logout", json={}, headers=FORM | {"X-CSRF-Token": token})
    assert signed_out.status_code == 200, signed_out.text
    AuditPass(queue.ledger, queue.audit.log)()
    found: list[dict[str, Any]] = [entry.as_dict() for entry in reversed(queue.audit(limit=50).items)]
    assert {(row["action"], row["target"]["id"], row["outcome"]) for row in found} == {
        ("key.make", made["id"], "done"),
        ("key.revoke", made["id"], "done"),
        ("session.begin", "", "refused"),
        ("session.begin", "admin-key", "done"),
        ("session.end", "admin-key", "done"),
    }
    assert len(found) == 5
    by_action = {(row["action"], row["outcome"]): row for row in found}
    assert by_action["key.make", "done"]["after"] == {"name": "ci", "role": "viewer", "expiresAt": None}
    assert by_action["key.make", "done"]["actor"]["id"] == "admin-key"
    assert by_action["session.begin", "refused"]["actor"]["address"] == "127.0.0.1"
    assert by_action["session.begin", "done"]["actor"]["id"] == "admin-key"
    assert KEY not in str(found)
    assert made["key"] not in str(found)
    assert queue.audit.verify().broken is None


def test_whose_session_ended_is_said(app: Flask) -> None:
    """
    Whoever signs in over somebody else's session ends that one; one that had ended before does not end again.
    """
    queue = app.extensions["vocaqueue"].queue
    key = queue.keys.make("ci", "viewer", by="test")
    browser = app.test_client()
    name = f"vocaqueue-{queue.settings.namespace}"
    assert browser.post("/login", data={"key": KEY}, headers=FORM).status_code == 303
    old = browser.get_cookie(name).value  # type: ignore[union-attr]
    assert browser.post("/login", data={"key": key.text}, headers=FORM).status_code == 303
    browser.set_cookie(name, old)
    assert browser.post("/login", data={"key": key.text}, headers=FORM).status_code == 303
    AuditPass(queue.ledger, queue.audit.log)()
    ended = queue.audit(action="session.end").items
    assert [(entry.target, entry.actor_id) for entry in ended] == [("admin-key", f"key:{key.key.id}")]
