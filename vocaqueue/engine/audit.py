"""The audit log: from the ledger's stream into the archive, and read from there."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from redis.exceptions import ResponseError

from ..actor import current
from ..archive.audit import AuditEntry, AuditFilter, AuditLog, AuditPage, NewEntry, Verdict
from ..errors import StoreUnavailable
from ..secrets import redact_text
from ..store.acts import MANY_WAITING, MOST_WAITING
from ..store.attempts import Attempts, Bucket
from ..store.ledger import Ledger
from .archivist import state_of
from .base import QueueBase

AT_ONCE = 500  #: entries of the stream that one transaction stores
DISK_MS = 2000
CUT = "…"  #: as in lua/lib/audit.lua
#: Refusals of one caller that are noted: nobody who may do nothing can fill a log that is kept for ever.
REFUSALS = Bucket("audit-refusals", 300, 10.0)


class AuditPass:
    """Stores the acts that the ledger's stream tells, then takes them out of it. A pass of the archivist."""

    def __init__(self, ledger: Ledger, log: AuditLog) -> None:
        self.ledger, self.log = ledger, log

    def __call__(self) -> int:
        """Raises StoreUnavailable, ArchiveUnavailable; then nothing was taken out."""
        client, key = self.ledger.client, self.ledger.keys("audit")
        found: list[tuple[bytes, dict[bytes, bytes]]] = client.xrange(key, count=AT_ONCE)
        if not found:
            return 0
        self._wait_for_disk(found[0][0])
        self.log.store([entry for stream_id, fields in found for entry in entries_of(stream_id.decode(), fields)])
        ms, _, number = found[-1][0].decode().partition("-")
        client.xtrim(key, minid=f"{ms}-{int(number) + 1}", approximate=False)
        return len(found)

    def _wait_for_disk(self, first: bytes) -> None:
        """The ledger may not forget what is stored. A write of this connection, so that the wait is about it."""
        pipe = self.ledger.client.pipeline(transaction=False)
        pipe.set(self.ledger.keys("audit_mark"), first)
        pipe.execute_command("WAITAOF", 1, 0, DISK_MS)
        done, waited = pipe.execute(raise_on_error=False)
        if isinstance(done, Exception):
            raise done
        if isinstance(waited, Exception):
            if isinstance(waited, ResponseError):  # no append-only file, or a server that cannot say: `doctor` names it
                return
            raise waited
        if not waited[0]:
            raise StoreUnavailable("its disk is too slow to say that the audit log is on it")


def entries_of(stream_id: str, fields: Mapping[bytes, bytes]) -> list[NewEntry]:
    """The rows of one entry of the stream: one, or one for each job that it names."""
    told = json.loads(fields[b"data"].decode(errors="replace"))
    by, key = told["by"], fields[b"key"].decode(errors="replace")
    common: dict[str, Any] = {
        "at_ms": int(told["at"]),
        "action": by["does"],
        "outcome": told["outcome"],
        "kind": told["kind"],
        "actor_id": by["id"],
        "actor_name": by["name"],
        "actor_role": by.get("role"),
        "via": by["via"],
        "address": by.get("address"),
        "act": told.get("act"),
    }
    after = as_json(told.get("after"))
    name = f"{by['does']}/{key}" if not key.startswith("/") else f"{by['does']}/{stream_id}"
    if "jobs" in told:
        return [
            NewEntry(
                entry=f"{name}/{job_id}",
                target=job_id,
                type=type_name,
                before=as_json({"status": status}),
                after=after,
                **common,
            )
            for job_id, type_name, status in told["jobs"]
        ]
    before = as_json(told.get("before"))
    return [
        NewEntry(
            entry=name, target=told.get("target") or "", type=told.get("type"), before=before, after=after, **common
        )
    ]


def as_json(value: Any) -> str | None:
    """What was before or after an act, as it is stored: texts that are JSON opened, secrets masked."""
    if isinstance(value, str):
        value = _opened(value)
        if isinstance(value, str):
            value = {"cut": value}
    elif isinstance(value, dict):
        opened = {name: _opened(value[name]) for name in ("params", "labels") if isinstance(value.get(name), str)}
        value = value | opened
    if value is None or value == []:
        return None
    return redact_text(json.dumps(value, ensure_ascii=False, sort_keys=True))


def _opened(text: str) -> Any:
    """JSON in a text; one that was cut stays a text."""
    if text.endswith(CUT):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


class Audit:
    """`queue.audit`: who did what. What is done is listed about a second later, by the relay."""

    def __init__(self, queue: QueueBase) -> None:
        self.queue = queue
        self.log = AuditLog(queue.archive, queue.settings.namespace)

    def __call__(
        self,
        filter: AuditFilter | None = None,
        *,
        page: int = 1,
        limit: int = 20,
        since: datetime | None = None,
        until: datetime | None = None,
        **fields: str | None,
    ) -> AuditPage:
        """
        A page of entries, newest first.

        Args:
            filter: Or its fields by name: `actor`, `action`, `outcome`, `target`, `type`, `q`.
            since, until: At or after, and before.

        Raises:
            ArchiveUnavailable
        """
        wanted = filter or AuditFilter.between(since, until, **fields)
        found: AuditPage = self.queue.aside(self.log.page, wanted, page=page, limit=limit)
        return found

    def batches(self, filter: AuditFilter | None = None) -> Iterator[list[AuditEntry]]:
        """All entries that fit, newest first, some hundred at a time. Raises ArchiveUnavailable."""
        seq: int | None = None
        while found := self.queue.aside(self.log.after, filter or AuditFilter(), seq):
            yield found
            seq = found[-1].seq

    def verify(self, *, known: tuple[int, str] | None = None) -> Verdict:
        """
        Check the chain of hashes.

        Args:
            known: (number, hash) of a row that was kept elsewhere, as `head` gave it.

        Raises:
            ArchiveUnavailable
        """
        found: Verdict = self.queue.aside(self.log.verify, known=known)
        return found

    def head(self) -> tuple[int, str]:
        """Number and hash of the last row, to be kept elsewhere. Raises ArchiveUnavailable."""
        found: tuple[int, str] = self.queue.aside(self.log.head)
        return found

    def waiting(self) -> int:
        """Acts that are not stored yet. Raises StoreUnavailable."""
        ledger = self.queue.ledger
        found: int = ledger.patiently(lambda: ledger.client.xlen(ledger.keys("audit")), self.queue.patience_s)
        return found

    def trouble(self, *, with_reason: bool = True) -> str | None:
        """
        Why what is done is not stored as it should, in a sentence; None: all is well.

        Args:
            with_reason: As the database says it, which may name its address; False: for anybody's eyes.

        Raises:
            StoreUnavailable
        """
        waiting = self.waiting()
        state = state_of(self.queue.ledger, self.queue.patience_s).get("audit")
        if state is not None and state["error"] is not None and waiting:
            reason = state["error"] if with_reason else "the database cannot be written; `vocaqueue doctor` says why."
            return f"{waiting:,} acts wait to be stored in the audit log: {reason}"
        if waiting >= MANY_WAITING:
            return f"{waiting:,} acts wait to be stored in the audit log; does the relay run?"
        return None

    def is_full(self) -> bool:
        """Whether so much waits that nothing more is accepted. Raises StoreUnavailable."""
        return self.waiting() >= MOST_WAITING

    def entry(
        self,
        action: str,
        *,
        kind: str,
        target: str = "",
        outcome: str = "done",
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> NewEntry:
        """An act on the archive's own tables, by whoever acts now, for `log.append` in its transaction."""
        actor = current()
        return NewEntry(
            entry=f"{action}/{uuid4().hex}",
            at_ms=round(time.time() * 1000),
            action=action,
            outcome=outcome,
            kind=kind,
            target=target,
            actor_id=actor.id,
            actor_name=actor.name,
            actor_role=actor.role,
            via=actor.via,
            address=actor.address,
            before=as_json(None if before is None else dict(before)),
            after=as_json(None if after is None else dict(after)),
        )

    def note(
        self,
        action: str,
        *,
        kind: str,
        target: str = "",
        outcome: str = "done",
        type: str | None = None,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """
        Note an act that neither the ledger nor the archive's tables make, such as a sign-in, by whoever acts now.

        Args:
            outcome: Other than `done`, it was an attempt; those are left out while 10,000 entries wait, and of one
                caller after 300, but for one in ten seconds.

        Raises:
            StoreUnavailable: It is not known whether it was noted.
        """
        ledger, caller = self.queue.ledger, current()
        if outcome != "done" and Attempts(ledger).take([(REFUSALS, (caller.id or caller.address or "")[:200])]):
            return
        ledger.step(
            "audit_add",
            patience_s=self.queue.patience_s,
            does=action,
            token=uuid4().hex,
            kind=kind,
            target=target,
            type=type,
            outcome=outcome,
            before=None if before is None else dict(before),
            after=None if after is None else dict(after),
            spare=None if outcome == "done" else MANY_WAITING,
        )
