"""API keys: made, listed, revoked, and looked up for each request at next to no cost."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..actor import current
from ..api_key import ROLES, ApiKey, KeyStatus, digest_of, id_of, is_id, new_key
from ..errors import (
    ArchiveUnavailable,
    Detail,
    InvalidParams,
    KeyNotFound,
    KeyRefused,
    KeysUnavailable,
    StoreUnavailable,
)
from ..flights import Flights
from ..job import iso
from ..store.generation import Generation
from .last_use import LastUse
from .listed_key import KeyPage, ListedKey, MadeKey

if TYPE_CHECKING:
    from ..archive.database import Archive
    from ..archive.keys import KeyTable
    from .audit import Audit
    from .base import QueueBase

log = logging.getLogger(__name__)

FRESH_S = 5.0  #: for so long a key is not looked up again, unless one was made or revoked meanwhile
AWAY_S = 2.0  #: for so long nobody asks a database that has just not answered
LASTS_S = 600.0  #: for so long a known key goes on while the database is away and nothing was revoked
LONGEST_NAME = 100
FARTHEST_DAYS = 3650


@dataclass(frozen=True, slots=True)
class _Known:
    key: ApiKey
    generation: int | None  #: None: the job store did not answer
    read_at: float  #: time.monotonic()


class KeyStore:
    """
    One system's API keys, kept in the archive; found in `QueueManager.keys`. Safe for threads.

    A key that was looked up is known to this process for five seconds. Whoever revokes one also raises a number in the
    job store, which each process looks at once a second: so a revoked key ends within a second everywhere, and within
    five where the job store is away. An expired key ends at once.
    """

    def __init__(self, queue: QueueBase, archive: Archive, audit: Audit) -> None:
        self._queue, self._archive, self._audit = queue, archive, audit
        self._generation = Generation(queue.ledger)
        self._known: dict[str, _Known] = {}
        self._flights: Flights[ApiKey | None] = Flights()  #: by key and generation
        self._lock = threading.Lock()
        self._away_until = 0.0
        self._made_table: KeyTable | None = None
        self._uses = LastUse(lambda *what, **how: queue.aside(self._table().used, *what, **how))

    def make(
        self,
        name: str,
        role: str,
        *,
        expires_at: datetime | None = None,
        days: float | None = None,
        by: str | None = None,
    ) -> MadeKey:
        """
        Make a key.

        Args:
            name: What it is for; 1 to 100 characters.
            role: viewer, operator or admin.
            expires_at: It ends then; has a zone. None: it has no end.
            days: The same, from now on.
            by: Who makes it; left out: whoever acts now.

        Raises:
            InvalidParams: `details` name the fields.
            KeysUnavailable: Nothing was made.
        """
        now_ms = _clock_ms()
        if days is not None:
            if not 0 < days <= FARTHEST_DAYS:
                raise _invalid("days", f"days must be above 0 and at most {FARTHEST_DAYS}.")
            end_ms: int | None = now_ms + round(timedelta(days=days).total_seconds() * 1000)
        else:
            end_ms = _end(expires_at, now_ms)
        name = name.strip()
        if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            raise _invalid("name", f"name must have 1 to {LONGEST_NAME} characters, none of which steer a terminal.")
        if role not in ROLES:
            raise _invalid("role", f"role must be among {', '.join(ROLES)}; “{role}” is not.")
        key_id, text = new_key()
        key = ApiKey(key_id, name, role, digest_of(text), now_ms, by or current().id, end_ms)
        shown = {"name": name, "role": role, "expiresAt": iso(end_ms)}
        told = self._audit.entry("key.make", kind="key", target=key_id, after=shown)
        self._act(self._table().put, key, also=lambda connection: self._audit.log.append(connection, [told]))
        return MadeKey(key, text)

    def page(self, *, statuses: Iterable[str] = (), page: int = 1, limit: int = 20) -> KeyPage:
        """
        The keys without their secrets, the newest first.

        Raises:
            InvalidParams: A status is none of active, expired, revoked.
            KeysUnavailable
        """
        try:
            wanted = {KeyStatus(status) for status in statuses}
        except ValueError:
            raise _invalid("status", f"status must be among {', '.join(KeyStatus)}.") from None
        now_ms = _clock_ms()
        keys, total = self._act(self._table().page, statuses=wanted, page=page, limit=limit, now_ms=now_ms)
        return KeyPage([ListedKey(key, now_ms) for key in keys], page, limit, total)

    def revoke(self, key_id: str, *, by: str | None = None) -> ListedKey:
        """
        End a key at once and for good. Again changes nothing.

        Raises:
            KeyNotFound
            KeysUnavailable: It was not revoked.
        """
        if not is_id(key_id):
            raise KeyNotFound(key_id)
        now_ms = _clock_ms()
        told = self._audit.entry("key.revoke", kind="key", target=key_id)
        key: ApiKey | None = self._act(
            self._table().revoke,
            key_id,
            now_ms=now_ms,
            by=by or current().id,
            also=lambda connection: self._audit.log.append(connection, [told]),
        )
        with self._lock:
            self._known.pop(key_id, None)
        if key is None:
            raise KeyNotFound(key_id)
        try:
            self._generation.raise_()
        except StoreUnavailable:
            log.warning(
                "a key was revoked while the job store is away; the other web processes see it within %g s", FRESH_S
            )
        return ListedKey(key, now_ms)

    def verify(self, text: str) -> ApiKey:
        """
        The key that this is the text of.

        Raises:
            KeyRefused: It opens nothing, and why.
            KeysUnavailable: It is not known whether it does.
        """
        key = self._find(id_of(text))
        if key is None or not key.is_of(text):
            raise KeyRefused(
                "unknown", "This API key is not known here. Is it of another system, or was it taken away?"
            )
        self._check(key)
        self._uses.note(key.id, _clock_ms())
        return key

    def current(self, key_id: str) -> ApiKey:
        """
        A key by its id, for a session that it began.

        Raises: as `verify`.
        """
        key = self._find(key_id)
        if key is None:
            raise KeyRefused("unknown", "The API key of this session is not there any more. Sign in again.")
        self._check(key)
        return key

    @staticmethod
    def _check(key: ApiKey) -> None:
        match key.status(_clock_ms()):
            case KeyStatus.REVOKED:
                at = iso(key.revoked_at_ms)
                raise KeyRefused("revoked", f"The API key “{key.name}” was revoked at {at}; ask for a new one.")
            case KeyStatus.EXPIRED:
                at = iso(key.expires_at_ms)
                raise KeyRefused("expired", f"The API key “{key.name}” expired at {at}; ask for a new one.")

    def _find(self, key_id: str) -> ApiKey | None:
        # The number is taken before the database is read: a change in between leaves an older number, and is noticed.
        generation = self._generation.get()
        known = self._known.get(key_id)
        now = time.monotonic()
        is_same = known is not None and generation is not None and known.generation == generation
        if known and now - known.read_at < FRESH_S and (is_same or generation is None):
            return known.key
        try:
            key = self._read_once(key_id, generation)
        except ArchiveUnavailable as error:
            if known and is_same and now - known.read_at < LASTS_S:
                return known.key
            raise KeysUnavailable() from error
        with self._lock:
            if key is None:
                self._known.pop(key_id, None)
            else:
                self._known[key_id] = _Known(key, generation, now)
        return key

    def _read_once(self, key_id: str, generation: int | None) -> ApiKey | None:
        """
        Requests that need the same key at the same time share one reading.

        But none that began before the number that they know: that one may have read a key that was revoked since.
        """
        return self._flights.share((key_id, generation), lambda: self._read(key_id))

    def _read(self, key_id: str) -> ApiKey | None:
        if time.monotonic() < self._away_until:
            raise KeysUnavailable()
        try:
            key: ApiKey | None = self._ask(self._table().get, key_id)
            return key
        except ArchiveUnavailable as error:
            log.warning("API keys cannot be looked up", extra={"reason": str(error)})
            self._away_until = time.monotonic() + AWAY_S
            raise

    def _act(self, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        try:
            return self._ask(call, *arguments, **options)
        except ArchiveUnavailable as error:
            raise KeysUnavailable(error.reason) from error

    def _ask(self, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        return self._queue.aside(call, *arguments, **options)

    def _table(self) -> KeyTable:
        if self._made_table is None:
            from ..archive.keys import KeyTable

            self._made_table = KeyTable(self._archive, self._queue.settings.namespace)
        return self._made_table


def _end(expires_at: datetime | None, now_ms: int) -> int | None:
    if expires_at is None:
        return None
    if expires_at.tzinfo is None:
        raise _invalid("expiresAt", "expiresAt needs a time zone, such as 2030-01-31T09:00:00+09:00.")
    end_ms = round(expires_at.timestamp() * 1000)
    if not now_ms < end_ms <= now_ms + FARTHEST_DAYS * 86_400_000:
        raise _invalid("expiresAt", f"expiresAt must lie in the future, within {FARTHEST_DAYS // 365} years.")
    return end_ms


def _invalid(field: str, message: str) -> InvalidParams:
    return InvalidParams(message, [Detail(field, "invalid", message)])


def _clock_ms() -> int:
    return time.time_ns() // 1_000_000
