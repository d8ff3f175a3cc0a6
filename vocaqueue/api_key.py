"""API keys: how one is spelled, and what is known of one without its secret."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .errors import KeyRefused
from .job import iso

PREFIX = "vqk"
ROLES = ("viewer", "operator", "admin")  #: each may do what the ones before it may
_LETTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID_LETTERS = string.digits + string.ascii_lowercase
_ID_LENGTH, _SECRET_LENGTH, _CHECK_LENGTH = 12, 43, 6  # 43 letters of 62 are 256 bits

#: What a scanner for leaked secrets looks for.
PATTERN = re.compile(rf"{PREFIX}_([0-9a-z]{{{_ID_LENGTH}}})_[0-9A-Za-z]{{{_SECRET_LENGTH + _CHECK_LENGTH}}}")


class KeyStatus(StrEnum):
    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept. Times are milliseconds since the epoch."""

    id: str
    name: str
    role: str  #: viewer, operator, admin
    digest: str  #: see `digest_of`
    created_at_ms: int
    created_by: str | None
    expires_at_ms: int | None = None  #: None: it has no end
    last_used_at_ms: int | None = None  #: a minute old at most
    revoked_at_ms: int | None = None
    revoked_by: str | None = None

    def status(self, now_ms: int) -> KeyStatus:
        if self.revoked_at_ms is not None:
            return KeyStatus.REVOKED
        if self.expires_at_ms is not None and self.expires_at_ms <= now_ms:
            return KeyStatus.EXPIRED
        return KeyStatus.ACTIVE

    def is_of(self, text: str) -> bool:
        """Whether `text` is this very key; takes as long whatever it is."""
        return hmac.compare_digest(digest_of(text), self.digest)

    def as_dict(self, now_ms: int) -> dict[str, Any]:
        """For people and programs; nothing in it helps to guess the secret."""
        return {
            "id": self.id,
            "name": self.name,
            "role": self.role,
            "status": self.status(now_ms).value,
            "hint": f"{PREFIX}_{self.id}_…",
            "createdAt": iso(self.created_at_ms),
            "createdBy": self.created_by,
            "expiresAt": iso(self.expires_at_ms),
            "lastUsedAt": iso(self.last_used_at_ms),
            "revokedAt": iso(self.revoked_at_ms),
            "revokedBy": self.revoked_by,
        }


def new_key() -> tuple[str, str]:
    """
    A new key's id and its text, `vqk_<id>_<secret><checksum>`.

    The prefix and the checksum let a scanner of source code tell a leaked key from any other text.
    """
    key_id = "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
    body = f"{PREFIX}_{key_id}_" + "".join(secrets.choice(_LETTERS) for _ in range(_SECRET_LENGTH))
    return key_id, body + _checksum(body)


def id_of(text: str) -> str:
    """
    The id in a key's text.

    Raises:
        KeyRefused: It is none: cut off, mistyped, or something else.
    """
    match = PATTERN.fullmatch(text)
    if not match:
        raise KeyRefused(
            "incomplete",
            f"This key is not known here. An API key reads {PREFIX}_… and has 66 characters; was it copied in full?",
        )
    if not hmac.compare_digest(_checksum(text[:-_CHECK_LENGTH]), text[-_CHECK_LENGTH:]):
        raise KeyRefused("mistyped", "This API key is mistyped: its checksum does not fit. Copy it again.")
    return match[1]


def is_id(text: str) -> bool:
    """Whether this may be a key's id; what may not is in no database, and some do not even take the question."""
    return re.fullmatch(rf"[0-9a-z]{{{_ID_LENGTH}}}", text) is not None


def digest_of(text: str) -> str:
    """
    What is stored of a key: SHA-256, without salt and without many rounds.

    Those two make guessing a password slow. A key's secret is 256 random bits, which nobody guesses at any speed and no
    table holds; so a slow hash would only cost every request a tenth of a second. The row is found by the id, which is
    no secret, and the digests are then compared in constant time, so that no time tells how much of a guess was right.
    """
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def _checksum(body: str) -> str:
    number, letters = zlib.crc32(body.encode()), ""
    for _ in range(_CHECK_LENGTH):
        number, rest = divmod(number, len(_LETTERS))
        letters = _LETTERS[rest] + letters
    return letters
