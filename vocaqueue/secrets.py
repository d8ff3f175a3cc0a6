"""Secret parameters: kept encrypted, shown as asterisks, given to the handler as they are."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Secret, SecretBytes, SecretStr

from .errors import SecretsLocked

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

MASK = "**********"  #: as Pydantic's own
#: What an encrypted value begins with. A cut one is known by it too.
MARK = "vqs1."
_SEALED = re.compile(r"vqs1\.[A-Za-z0-9_=-]*")
_HIDDEN = (SecretStr, SecretBytes, Secret)
_TEXT, _BYTES, _JSON = b"s", b"b", b"j"


def redact(value: Any) -> Any:
    """JSON as it may be shown: encrypted values masked, at any depth."""
    if isinstance(value, str):
        return MASK if value.startswith(MARK) else value
    if isinstance(value, Mapping):
        return {name: redact(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redact(inner) for inner in value]
    return value


def redact_text(text: str) -> str:
    """The same of JSON as text, whole or cut."""
    return _SEALED.sub(MASK, text) if MARK in text else text


class SecretBox:
    """
    Encrypts what is secret among parameters, with a key derived from VOCAQUEUE_SECRET_KEY.

    Args:
        read_key: Answers that key; asked when there is first something secret.
    """

    def __init__(self, read_key: Any) -> None:
        self._read_key = read_key

    def dump(self, params: BaseModel, **options: Any) -> dict[str, Any]:
        """`params.model_dump` as camelCase JSON, each secret encrypted."""
        found: dict[str, Any] = self._walk(params, options, self.seal)
        return found

    def fingerprint(self, params: BaseModel) -> dict[str, Any]:
        """The same with a keyed hash in place of each secret: equal secrets have equal ones, which say nothing."""
        found: dict[str, Any] = self._walk(params, {}, self._hash)
        return found

    def load(self, stored: Any) -> Any:
        """
        What `dump` made, with the secrets as they were given, for the model to validate.

        Raises:
            SecretsLocked: They were encrypted with another key.
        """
        if isinstance(stored, str):
            return self._open(stored) if stored.startswith(MARK) else stored
        if isinstance(stored, Mapping):
            return {name: self.load(inner) for name, inner in stored.items()}
        if isinstance(stored, list | tuple):
            return [self.load(inner) for inner in stored]
        return stored

    def seal(self, plain: bytes) -> str:
        return MARK + self._fernet.encrypt(plain).decode()

    def _open(self, sealed: str) -> Any:
        from cryptography.fernet import InvalidToken

        try:
            plain = self._fernet.decrypt(sealed.removeprefix(MARK).encode())
        except (InvalidToken, ValueError):
            raise SecretsLocked from None
        kind, value = plain[:1], plain[1:]
        if kind == _BYTES:
            return value
        return value.decode() if kind == _TEXT else json.loads(value)

    def _hash(self, plain: bytes) -> str:
        return MARK + hmac.new(self._derived(b"fingerprint"), plain, hashlib.sha256).hexdigest()

    def _walk(self, params: BaseModel, options: Mapping[str, Any], hide: Any) -> dict[str, Any]:
        shown = params.model_dump(mode="json", by_alias=True, **options)
        text = params.model_dump_json(by_alias=True, **options)
        if MASK not in text and MARK not in text:  # the most have nothing secret, and some have a million ids
            return shown
        values = params.model_dump(mode="python", by_alias=True, **options)
        found: dict[str, Any] = _hidden(values, shown, hide)
        return found

    @cached_property
    def _fernet(self) -> Fernet:
        from cryptography.fernet import Fernet

        return Fernet(base64.urlsafe_b64encode(self._derived(b"parameters")))

    def _derived(self, purpose: bytes) -> bytes:
        """A key of 32 bytes for one purpose, by HKDF (RFC 5869)."""
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        derive = HKDF(algorithm=SHA256(), length=32, salt=b"vocaqueue", info=purpose)
        return derive.derive(self._read_key().encode())


def _hidden(value: Any, shown: Any, hide: Any) -> Any:
    """`shown`, the JSON of `value`, with what `hide` makes of each secret in its place."""
    if isinstance(value, _HIDDEN):
        return hide(_plain(value.get_secret_value()))
    if isinstance(value, Mapping) and isinstance(shown, Mapping):
        # Pydantic keeps the order; a key that is no text is one in JSON.
        pairs = zip(value.values(), shown.items(), strict=True)
        return {name: _hidden(inner, inner_shown, hide) for inner, (name, inner_shown) in pairs}
    if isinstance(value, set | frozenset) and any(isinstance(inner, _HIDDEN) for inner in value):
        return sorted(_hidden(inner, None, hide) for inner in value)
    if isinstance(value, list | tuple) and isinstance(shown, list):
        return [_hidden(inner, inner_shown, hide) for inner, inner_shown in zip(value, shown, strict=True)]
    if isinstance(shown, str) and shown.startswith(MARK):
        return hide(_TEXT + shown.encode(errors="surrogatepass"))  # somebody's plain text that only looks encrypted
    return shown


def _plain(value: Any) -> bytes:
    if isinstance(value, str):
        return _TEXT + value.encode(errors="surrogatepass")
    if isinstance(value, bytes):
        return _BYTES + value
    from pydantic_core import to_json

    return _JSON + to_json(value)


def keep_masked(given: Any, before: Any, box: SecretBox) -> Any:
    """New parameters, where a mask stands for the secret that was there before; `before` is as stored."""
    if given == MASK and isinstance(before, str) and before.startswith(MARK):
        return box.load(before)
    if isinstance(given, Mapping) and isinstance(before, Mapping):
        return {name: keep_masked(inner, before.get(name), box) for name, inner in given.items()}
    if isinstance(given, list | tuple) and isinstance(before, list | tuple):
        padded = [*before, *[None] * len(given)]
        return [keep_masked(inner, old, box) for inner, old in zip(given, padded, strict=False)]
    return given
