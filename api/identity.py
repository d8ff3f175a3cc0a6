"""Who makes a request: the admin key, an API key, or the session that one of them or a one-time link began."""

from __future__ import annotations

import hashlib
import hmac
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from flask import Request, request, session
from werkzeug.exceptions import TooManyRequests

from vocaqueue import Actor, KeyRefused, QueueManager, StoreUnavailable, acting
from vocaqueue.admin import Identity
from vocaqueue.admin.guard import ROLES
from vocaqueue.settings import SHORT_SECRET
from vocaqueue.store.attempts import Attempts, Bucket
from vocaqueue.store.sessions import Sessions

from .cookies import SESSION_DAYS
from .origin import READS, address_of, check_change

#: Wrong keys that one address may send; a right one is never refused for them.
WRONG_KEYS = Bucket("key", 30, 2.0)


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody whose key was right, and what a session of theirs depends on."""

    identity: Identity
    key_id: str | None = None  #: of an API key: the session ends with it
    admin_mark: str | None = None  #: of the admin key: the session ends when that is changed


class Gate:
    """The `authorize` of this service."""

    def __init__(self, queue: QueueManager, admin_key: str, secret: str) -> None:
        self._keys, self._namespace, self._audit = queue.keys, queue.settings.namespace, queue.audit
        self._admin_key, self._secret = admin_key.strip().encode(), secret.encode()
        self.sessions, self.attempts = Sessions(queue.ledger), Attempts(queue.ledger)

    def __call__(self, request: Request) -> Identity | None:
        """
        Raises:
            KeyRefused: A key or a session that opens nothing any more, and why.
            TooManyRequests: Many wrong keys came from this address.
            Forbidden: A changing call by cookie that another site may have caused.
            KeysUnavailable, StoreUnavailable: It is not known now.
        """
        if "Authorization" in request.headers:  # whoever shows a key means the key
            return self._by_header(request)
        found = self.signed_in()
        if found and request.method not in READS:
            check_change(request, found.csrf_token or "")
        return found

    # Keys

    def enter(self, text: str) -> Entry:
        """Whose key this is. Raises KeyRefused, KeysUnavailable."""
        if hmac.compare_digest(text.encode(errors="replace"), self._admin_key):
            return Entry(Identity("admin-key", "Admin key", "admin", via="key"), admin_mark=self._admin_mark())
        key = self._keys.verify(text)
        return Entry(Identity.of_key(key), key_id=key.id)

    def _by_header(self, request: Request) -> Identity | None:
        scheme, _, text = request.headers["Authorization"].partition(" ")
        if scheme.lower() != "bearer":
            return None
        bucket = [(WRONG_KEYS, address_of(request))]
        try:
            entry = self.enter(text.strip())
        except KeyRefused:
            self._refuse(self._tries(self.attempts.take, bucket))
            raise
        if entry.admin_mark and len(self._admin_key) < SHORT_SECRET:  # it might be guessed
            self._refuse(self._tries(self.attempts.wait_s, bucket))
        return entry.identity

    @staticmethod
    def _tries(ask: Any, bucket: Any) -> int:
        try:
            wait_s: int = ask(bucket)
            return wait_s
        except StoreUnavailable:  # nothing can be counted, and little can be done without the job store
            return 0

    @staticmethod
    def _refuse(wait_s: int) -> None:
        if wait_s:
            raise TooManyRequests("Too many wrong keys came from this address; wait a little.", retry_after=wait_s)

    def refused(self, why: str) -> None:
        """Write down that somebody was not let in; best effort, for the answer is no all the same."""
        with suppress(StoreUnavailable):
            self._audit.note("session.begin", kind="session", outcome="refused", after={"why": why})

    # Sessions

    def sign_in(self, entry: Entry) -> None:
        """
        Begin a session under a new id; one that this browser had is over.

        Raises:
            StoreUnavailable
        """
        who, now_ms = entry.identity, _clock_ms()
        until_ms = now_ms + SESSION_DAYS * 86_400_000
        until_ms = min(until_ms, who.expires_at_ms or until_ms)
        says = {"id": who.id, "name": who.name, "role": who.role, "until": until_ms}
        says |= {"key": entry.key_id, "admin": entry.admin_mark}
        with acting(Actor(who.id, who.name, who.role, "http", request.remote_addr)):
            # First: nobody is let in unless that is written down.
            self._audit.note("session.begin", kind="session", target=who.id, after={"key": entry.key_id})
            new = self.sessions.begin(says, max(1, (until_ms - now_ms) // 1000))
            self.sign_out()
        session.permanent = True
        session.update(sid=new, namespace=self._namespace)

    def sign_in_by_link(self, role: str) -> None:
        """Raises StoreUnavailable."""
        self.sign_in(Entry(Identity("admin", "Admin", role)))

    def sign_out(self) -> None:
        """End this browser's session, and every copy of its cookie. Raises StoreUnavailable: it goes on."""
        if session_id := self._session_id():
            if says := self.sessions.get(session_id):
                self._audit.note("session.end", kind="session", target=says["id"])
            self.sessions.end(session_id)
        session.clear()

    def signed_in(self) -> Identity | None:
        """
        Whoever this browser's session is of.

        Raises:
            KeyRefused: Its key has ended.
            KeysUnavailable, StoreUnavailable
        """
        session_id = self._session_id()
        says = self.sessions.get(session_id) if session_id else None
        if says is None or session_id is None or says["until"] <= _clock_ms() or says["role"] not in ROLES:
            return None
        if says["admin"] and not hmac.compare_digest(says["admin"], self._admin_mark()):
            return None
        if says["key"]:
            self._keys.current(says["key"])
        return Identity(
            says["id"], says["name"], says["role"], via="session", expires_at_ms=says["until"],
            csrf_token=self._mark("csrf", session_id),
        )  # fmt: skip

    def _session_id(self) -> str | None:
        found = session.get("sid")
        return found if isinstance(found, str) and session.get("namespace") == self._namespace else None

    def _admin_mark(self) -> str:
        return self._mark("admin-key", self._admin_key.decode(errors="replace"))

    def _mark(self, what: str, of: str) -> str:
        """Tells whether two are the same, and nothing else."""
        return hmac.new(self._secret, f"{what}:{self._namespace}:{of}".encode(), hashlib.sha256).hexdigest()


def _clock_ms() -> int:
    return time.time_ns() // 1_000_000
