"""How a key is spelled."""

from __future__ import annotations

import re

import pytest

from vocaqueue.api_key import PATTERN, ApiKey, KeyStatus, digest_of, id_of, new_key
from vocaqueue.errors import KeyRefused


def test_a_key_can_be_told_from_other_text():
    """
    A scanner finds it by its prefix and length, and each is another one.
    """
    keys = [new_key() for _ in range(200)]
    assert len({text for _, text in keys}) == len({key_id for key_id, _ in keys}) == 200
    for key_id, text in keys:
        assert re.search(PATTERN, f'token = "{text}"')[1] == key_id == id_of(text)
        assert (len(text), text.isascii()) == (66, True)


def test_any_mistyped_letter_is_noticed():
    """
    With any one letter changed, or any two neighbours exchanged, it is none; no database is asked.
    """
    _, text = new_key()
    for place in range(len(text)):
        other = text[:place] + ("x" if text[place] != "x" else "y") + text[place + 1 :]
        with pytest.raises(KeyRefused):
            id_of(other)
    for place in range(len(text) - 1):
        other = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
        if other != text:
            with pytest.raises(KeyRefused):
                id_of(other)


@pytest.mark.parametrize("text", ["", "vqk_", "secret", "vqk_" + "a" * 62, "키" * 66, "vqk_a_b\0", "x" * 100_000])
def test_what_is_no_key_is_said_to_be_none(text):
    """
    Whatever it is, it is refused with a sentence that does not repeat it.
    """
    with pytest.raises(KeyRefused) as refused:
        id_of(text)
    assert refused.value.reason == "incomplete"
    assert len(refused.value.message) < 200


def test_what_is_kept_does_not_hold_the_secret():
    """
    The kept digest and what is shown hold no part of the secret, and only the very text fits.
    """
    key_id, text = new_key()
    key = ApiKey(key_id, "n", "viewer", digest_of(text), 0, None)
    secret = text.rpartition("_")[2]
    shown = repr(key) + str(key.as_dict(0))
    assert not any(secret[i : i + 8] in shown for i in range(len(secret) - 7))
    assert key.digest not in str(key.as_dict(0))
    assert key.is_of(text)
    assert not key.is_of(text[:-1])
    assert not key.is_of(new_key()[1])


def test_a_revoked_key_is_not_merely_expired():
    """
    A key ends to the millisecond, and that it was revoked is said before that it has expired.
    """
    key = ApiKey("a", "n", "viewer", "", 0, None, expires_at_ms=1000)
    assert [key.status(at) for at in (999, 1000)] == [KeyStatus.ACTIVE, KeyStatus.EXPIRED]
    assert ApiKey("a", "n", "viewer", "", 0, None, 1000, None, 500, "me").status(2000) is KeyStatus.REVOKED
