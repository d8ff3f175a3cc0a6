"""Secret parameters: kept encrypted, never shown, given to the handler as they are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from tests.admin.conftest import Client, make_app
from vocaqueue import DuplicateJob, InvalidParams, QueueManager, SecretsLocked
from vocaqueue.secrets import MASK, SecretBox, keep_masked, redact

from .toys import SENTINEL, Guarded, guarded, what_is_secret


def box(key: str = "the-key") -> SecretBox:
    return SecretBox(lambda: key)


def test_what_is_dumped_is_loaded_again_and_says_nothing_in_between() -> None:
    """
    Texts, bytes, numbers, in models, lists, dicts, sets: encrypted in the dump, masked when shown, whole when loaded.
    """
    given = guarded(plain="seen")
    stored = json.dumps(box().dump(given, exclude={"ids"}))
    assert SENTINEL not in stored
    assert "731903117" not in stored
    shown = redact(json.loads(stored))
    assert shown["token"] == shown["pin"] == shown["login"]["password"] == MASK
    assert (shown["more"], shown["byName"], shown["some"]) == ([MASK, MASK], {"x": [MASK]}, [MASK])
    assert (shown["plain"], shown["login"]["user"]) == ("seen", "kim")
    back = Guarded.model_validate(box().load(json.loads(stored)))
    assert what_is_secret(back) == what_is_secret(given)
    with pytest.raises(SecretsLocked, match="VOCAQUEUE_SECRET_KEY"):
        box("another").load(json.loads(stored))


def test_a_plain_text_that_looks_encrypted_stays_what_it_is() -> None:
    """
    Somebody's own text that begins like an encrypted value is neither lost nor decrypted.
    """
    given = guarded(plain="vqs1.not-a-token")
    back = Guarded.model_validate(box().load(box().dump(given)))
    assert back.plain == "vqs1.not-a-token"


def test_parameters_without_secrets_are_kept_as_they_are() -> None:
    """
    Nothing is encrypted where nothing is secret, and no key is asked for.
    """

    def no_key() -> str:
        raise AssertionError

    given = guarded(token="", raw=b"", pin=None, login=None, more=[], by_name={}, some=set(), plain="x")
    assert SecretBox(no_key).dump(given) == given.model_dump(mode="json", by_alias=True)


def test_equal_secrets_are_known_as_equal_by_a_keyed_hash() -> None:
    """
    The fingerprint is the same for the same secrets, another for other ones or another key, and holds none of them.
    """
    first, again = box().fingerprint(guarded()), box().fingerprint(guarded())
    assert first == again
    assert first != box().fingerprint(guarded(token="other"))
    assert first != box("another").fingerprint(guarded())
    assert SENTINEL not in json.dumps(first)


def test_unique_and_idempotency_tell_jobs_apart_by_their_secrets(queue: QueueManager) -> None:
    """
    The same secret is a double, another one is none; the same key with the same secret answers the first job.
    """
    first = queue.add(guarded(), unique=True)
    with pytest.raises(DuplicateJob):
        queue.add(guarded(), unique=True)
    queue.add(guarded(token="other"), unique=True)
    keyed = queue.add(guarded(), idempotency_key="k")
    assert queue.add(guarded(), idempotency_key="k").record.id == keyed.record.id != first.record.id
    with pytest.raises(Exception, match="idempotency key"):
        queue.add(guarded(pin=1), idempotency_key="k")


def test_errors_echo_no_input(queue: QueueManager) -> None:
    """
    Neither our error nor Pydantic's own says what was given.
    """
    with pytest.raises(InvalidParams) as ours:
        queue.parse("guarded", {"token": [SENTINEL], "pin": SENTINEL, "login": {"password": {"a": SENTINEL}}})
    assert SENTINEL not in str(ours.value) + str(ours.value.details)
    with pytest.raises(ValidationError) as pydantics:
        Guarded.model_validate({"token": [SENTINEL], "login": {"user": 1, "password": {"a": SENTINEL}}})
    assert SENTINEL not in str(pydantics.value)
    answer = Client(make_app(queue)).post("/jobs/guarded", {"ids": ["a"], "token": {"x": SENTINEL}, SENTINEL[:3]: 1})
    assert answer.status_code == 422
    assert SENTINEL not in answer.text


def test_the_schema_of_a_type_shows_no_default(queue: QueueManager) -> None:
    """
    The list of types says which fields are secret (`writeOnly`).
    """
    [shown] = [t for t in Client(make_app(queue)).get("/types").json["data"]["items"] if t["name"] == "guarded"]
    properties = shown["params"]["properties"]
    assert properties["token"]["writeOnly"] is properties["raw"]["writeOnly"] is True


def test_a_schedule_keeps_its_secrets_and_shows_none(queue: QueueManager) -> None:
    """
    A schedule shows masks; a change that sends the mask back keeps the secret, another value replaces it; `run` has it.
    """
    client = Client(make_app(queue))
    body = json.loads(guarded().model_dump_json(by_alias=True))
    body |= {"token": SENTINEL, "login": {"user": "kim", "password": SENTINEL}, "more": [SENTINEL], "pin": 5}
    del body["raw"], body["byName"], body["some"]
    made = client.post("/schedules", {"type": "guarded", "everySeconds": 3600, "params": body})
    assert made.status_code == 201, made.text
    assert SENTINEL not in made.text
    schedule_id = made.json["data"]["id"]
    shown = made.json["data"]["params"]
    changed = client.call("PATCH", f"/schedules/{schedule_id}", json={"params": shown | {"plain": "new", "pin": 6}})
    assert changed.status_code == 200, changed.text

    def kept() -> Guarded:
        stored: dict[str, Any] = queue.schedules.get(schedule_id).params
        return queue.parse("guarded", queue.secrets.load(stored))  # type: ignore[return-value]

    now = kept()
    assert (now.token.get_secret_value(), now.plain) == (SENTINEL, "new")
    assert now.login is not None
    assert now.login.password.get_secret_value() == SENTINEL
    assert now.pin is not None
    assert now.pin.get_secret_value() == 6
    assert client.call("PATCH", f"/schedules/{schedule_id}", json={"name": "n"}).status_code == 200
    assert kept() == now
    ran = client.post(f"/schedules/{schedule_id}/run")
    assert ran.status_code == 201
    assert SENTINEL not in ran.text
    raw = queue.ledger.client.hget(queue.ledger.keys("job", ran.json["data"]["id"]), "params")
    assert queue.secrets.load(json.loads(raw))["token"] == SENTINEL


def test_a_mask_stands_for_what_was_there_only_at_its_place() -> None:
    """
    A mask where no secret was is a text like any other.
    """
    stored = box().dump(guarded())
    mixed = keep_masked({"token": MASK, "plain": MASK, "more": [MASK, "new", MASK]}, stored, box())
    assert mixed["token"] == SENTINEL
    assert mixed["plain"] == MASK
    assert mixed["more"] == [f"one-{SENTINEL}", "new", MASK]
