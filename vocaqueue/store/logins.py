"""One-time sign-in links: a random token that is good once, for a while."""

from __future__ import annotations

import hashlib
import secrets

from .ledger import Ledger

GOOD_FOR_S = 12 * 3600


class Logins:
    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def issue(self, role: str, good_for_s: int = GOOD_FOR_S) -> str:
        """A new token; only its hash is stored. Raises StoreUnavailable."""
        token = secrets.token_urlsafe(24)
        self.ledger.patiently(lambda: self.ledger.client.set(self._key(token), role, ex=good_for_s), 5.0)
        return token

    def redeem(self, token: str) -> str | None:
        """The role that the token gives; it is used up by that. None if it is unknown, used or too old."""
        role = self.ledger.patiently(lambda: self.ledger.client.getdel(self._key(token)), 2.0)
        return role.decode() if role else None

    def _key(self, token: str) -> str:
        return self.ledger.keys("login", hashlib.sha256(token.encode()).hexdigest())
