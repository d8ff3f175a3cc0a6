"""API keys over HTTP: listed, made, revoked."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.admin.conftest import BASE, Client, make_app
from vocaqueue.admin import Identity, create_admin_blueprint


@pytest.fixture
def app(queue):
    made = make_app(queue, keys=queue.keys)
    yield made
    made.extensions["admin"].close()


def test_a_key_is_shown_once(client, queue):
    """
    The answer to its making has its text, which opens; no list ever has it. Who made it is said.
    """
    made = client.post("/keys", {"name": "nightly", "role": "operator", "expiresAt": "2030-01-31T09:00:00+09:00"})
    assert made.status_code == 201
    key = made.json["data"]
    assert (key["name"], key["role"], key["status"], key["createdBy"]) == ("nightly", "operator", "active", "the-admin")
    assert key["expiresAt"] == "2030-01-31T00:00:00.000Z"
    assert queue.keys.verify(key["key"]).id == key["id"]
    listed = client.get("/keys")
    assert listed.headers["Cache-Control"] == "no-store"
    assert key["key"].rpartition("_")[2] not in listed.text
    (entry,) = listed.json["data"]["items"]
    assert entry["id"] == key["id"]
    assert "key" not in entry
    assert "digest" not in entry


def test_keys_come_by_page_and_status(client):
    """
    The newest first, in the one form of all lists; a status that there is not is named.
    """
    for number in range(3):
        assert client.post("/keys", {"name": f"k{number}", "role": "viewer"}).status_code == 201
    first = client.get("/keys?limit=1").json["data"]
    assert (first["total"], first["totalPages"]) == (3, 3)
    revoked = client.call("DELETE", f"/keys/{first['items'][0]['id']}")
    assert (revoked.status_code, revoked.json["data"]["status"], revoked.json["data"]["revokedBy"]) == (
        200, "revoked", "the-admin",
    )  # fmt: skip
    assert client.get("/keys?status=active").json["data"]["total"] == 2
    assert client.get("/keys?status=revoked,active").json["data"]["total"] == 3
    wrong = client.get("/keys?status=gone")
    assert (wrong.status_code, wrong.json["error"]["details"][0]["field"]) == (422, "status")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"role": "viewer"}, "name"),
        ({"name": "", "role": "viewer"}, "name"),
        ({"name": "x" * 101, "role": "viewer"}, "name"),
        ({"name": "a\nb", "role": "viewer"}, "name"),
        ({"name": "n"}, "role"),
        ({"name": "n", "role": "owner"}, "role"),
        ({"name": "n", "role": ["admin"]}, "role"),
        ({"name": "n", "role": "viewer", "expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
        ({"name": "n", "role": "viewer", "expiresAt": "2030-01-01T00:00:00"}, "expiresAt"),
        ({"name": "n", "role": "viewer", "expiresAt": 1893456000}, "expiresAt"),
        ({"name": "n", "role": "viewer", "expires": "2030-01-01T00:00:00Z"}, "expires"),
    ],
)
def test_a_wrong_request_makes_nothing(client, body, field):
    """
    422 names the field, and there is no key.
    """
    answer = client.post("/keys", body)
    assert (answer.status_code, answer.json["error"]["details"][0]["field"]) == (422, field)
    assert client.get("/keys").json["data"]["total"] == 0


def test_a_key_that_is_not_there(client):
    """
    404 with its own code, whatever the id looks like.
    """
    for key_id in ("nobody", "%00", "a" * 500, "키"):
        answer = client.call("DELETE", f"/keys/{key_id}")
        assert (answer.status_code, answer.json["error"]["code"]) == (404, "key_not_found")


def test_without_a_key_store_there_are_no_keys(queue):
    """
    A host that lets its own users in does not serve keys that would open nothing.
    """
    app = make_app(queue, name="without")
    assert Client(app).get("/keys").status_code == 404
    app.extensions["admin"].close()


def test_all_admin_keys_may_go(client, queue):
    """
    The last admin key can be revoked: the one of the environment remains.
    """
    key = client.post("/keys", {"name": "n", "role": "admin"}).json["data"]
    assert client.call("DELETE", f"/keys/{key['id']}").status_code == 200


def test_a_host_lets_keys_in_beside_its_own_users(queue):
    """
    With `queue.keys.verify` in its `authorize`; a refused key is 401 with the reason.
    """

    def who(request):
        text = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return Identity.of_key(queue.keys.verify(text)) if text else None

    app = Flask("host")
    blueprint = create_admin_blueprint(queue, authorize=who, keys=queue.keys)
    app.register_blueprint(blueprint, url_prefix=BASE)
    made = queue.keys.make("n", "operator")
    bearer = {"Authorization": f"Bearer {made.text}"}
    me = app.test_client().get(f"{BASE}/me", headers=bearer).json["data"]
    assert (me["id"], me["role"], me["via"], me["expiresAt"]) == (f"key:{made.key.id}", "operator", "key", None)
    queue.keys.revoke(made.key.id)
    refused = app.test_client().get(f"{BASE}/me", headers=bearer)
    assert (refused.status_code, "was revoked" in refused.json["error"]["message"]) == (401, True)
    blueprint.close()
