"""Rates, caps and holds over HTTP."""

from __future__ import annotations

import pytest


def of_type(client, name: str) -> dict:
    return next(found for found in client.get("/types").json["data"]["items"] if found["name"] == name)


def test_limits_of_a_type_are_shown_changed_and_taken_away(client):
    """
    What is sent changes, what is left out stays, null takes a limit away; the stats show what is left.
    """
    assert of_type(client, "rated")["rate"] == {"max": 10, "durationSeconds": 1.0, "burst": 0}
    assert of_type(client, "capped")["maxRunningChunks"] == 3
    changed = client.call("PATCH", "/types/toy", json={"rate": {"max": 5, "durationSeconds": 2, "burst": 1}})
    assert changed.json["data"]["rate"] == {"max": 5, "durationSeconds": 2.0, "burst": 1}
    changed = client.call("PATCH", "/types/toy", json={"maxRunningChunks": 4}).json["data"]
    assert (changed["rate"]["max"], changed["maxRunningChunks"]) == (5, 4)
    stats = client.get("/stats").json["data"]["types"]["toy"]
    assert (stats["rateLeft"], stats["ratePerSecond"], stats["runningChunks"]) == (5, 2.5, 0)
    client.call("PATCH", "/types/toy", json={"rate": None, "maxRunningChunks": None})
    assert (of_type(client, "toy")["rate"], of_type(client, "toy")["maxRunningChunks"]) == (None, None)


def test_a_type_is_held_by_patch(client):
    """
    `held` is the same hold as the action's; a type says why it is held.
    """
    assert client.call("PATCH", "/types/toy", json={"held": True}).json["data"]["held"]["code"] == "type_paused"
    assert client.get("/stats").json["data"]["types"]["toy"]["isPaused"] is True
    assert client.call("PATCH", "/types/toy", json={"held": False}).json["data"]["held"] is None


def test_an_account_is_shown_limited_and_held(client):
    """
    Holding an account holds all the types that use it.
    """
    (maker,) = client.get("/accounts").json["data"]["items"]
    assert (maker["name"], maker["types"], maker["rate"]["max"]) == ("maker", ["paid"], 50)
    changed = client.call("PATCH", "/accounts/maker", json={"rate": {"max": 7}, "held": True}).json["data"]
    assert (changed["rate"]["max"], changed["held"]) == (7, True)
    assert client.get("/stats").json["data"]["types"]["paid"]["held"]["code"] == "account_paused"
    client.call("PATCH", "/accounts/maker", json={"held": False})


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("/types/toy", {"rate": {"max": 0}}, 422, "rate.max"),
        ("/types/toy", {"rate": {"max": -5}}, 422, "rate.max"),
        ("/types/toy", {"rate": {"max": "many"}}, 422, "rate.max"),
        ("/types/toy", {"rate": {"max": 1, "durationSeconds": 0}}, 422, "rate.durationSeconds"),
        ("/types/toy", {"rate": {"max": 1, "durationSeconds": 1e9}}, 422, "rate.durationSeconds"),
        ("/types/toy", {"rate": {"max": 1, "burst": -1}}, 422, "rate.burst"),
        ("/types/toy", {"rate": 10}, 422, "rate"),
        ("/types/toy", {"maxRunningChunks": 0}, 422, "maxRunningChunks"),
        ("/types/toy", {"maxRunningChunks": 2.5}, 422, "maxRunningChunks"),
        ("/types/toy", {"held": "yes"}, 422, "held"),
        ("/types/toy", {"held": None}, 422, "held"),
        ("/types/toy", {"speed": 3}, 422, "speed"),
        ("/types/toy", {}, 422, ""),
        ("/types/nosuch", {"held": True}, 404, "type"),
        ("/accounts/nosuch", {"held": True}, 404, None),
    ],
)
def test_nonsense_is_named(client, path, body, status, field):
    """
    Each wrong field is named, and nothing changes.
    """
    before = client.get("/types").json
    answer = client.call("PATCH", path, json=body)
    assert answer.status_code == status
    if field is not None:
        assert answer.json["error"]["details"][0]["field"] == field
    assert client.get("/types").json == before
