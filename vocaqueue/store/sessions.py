"""Who has signed in: a session lives here, and a browser's cookie only holds its id."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from ..errors import StoreUnavailable
from .ledger import Ledger

LASTS_S = 300.0  #: for so long a session that was just seen goes on while the job store is away
REMEMBERED = 10_000


class Sessions:
    """Safe for threads. What a session says is the caller's; it is kept as JSON."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._seen: OrderedDict[str, tuple[dict[str, Any], float]] = OrderedDict()

    def begin(self, says: Mapping[str, Any], for_s: int) -> str:
        """A new session's id; only its hash is stored. Raises StoreUnavailable."""
        session_id = secrets.token_urlsafe(32)
        text = json.dumps(dict(says))
        self.ledger.patiently(lambda: self.ledger.client.set(self._key(session_id), text, ex=for_s), 2.0)
        return session_id

    def get(self, session_id: str) -> dict[str, Any] | None:
        """
        What the session says; None: there is none, or not any more.

        Raises:
            StoreUnavailable: It is not known whether there is one, and this process has not seen it for a while.
        """
        try:
            raw = self.ledger.patiently(lambda: self.ledger.client.get(self._key(session_id)), 0.2)
        except StoreUnavailable:
            says, at = self._seen.get(session_id, ({}, 0.0))
            if says and time.monotonic() - at < LASTS_S:
                return says
            raise
        if raw is None:
            self._seen.pop(session_id, None)
            return None
        says = json.loads(raw)
        self._seen.pop(session_id, None)  # so that it comes last; another thread may end it at any moment
        self._seen[session_id] = (says, time.monotonic())
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return dict(says)

    def end(self, session_id: str) -> None:
        """For every copy of its cookie. Raises StoreUnavailable: it goes on."""
        self.ledger.patiently(lambda: self.ledger.client.delete(self._key(session_id)), 2.0)
        self._seen.pop(session_id, None)

    def _key(self, session_id: str) -> str:
        return self.ledger.keys("session", hashlib.sha256(session_id.encode()).hexdigest())
