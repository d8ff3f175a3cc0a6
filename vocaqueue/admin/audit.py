"""Who did what: the audit log, listed, searched, and as a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from flask import Response
from pydantic import Field

from . import downloads
from .answers import Answer, Media, Moment
from .downloads import FORMATS, Table
from .guard import GuardedBlueprint
from .payloads import ok
from .requests import Paged, Time

if TYPE_CHECKING:
    from ..archive.audit import AuditEntry, AuditFilter
    from ..engine.queue import QueueManager

COLUMNS = (
    "seq", "timestamp", "action", "outcome", "targetKind", "target", "type", "actorId", "actorName", "actorRole", "via",
    "address", "before", "after", "act", "hash",
)  # fmt: skip
WIDTHS = (10, 26, 18, 12, 12, 40, 20, 24, 24, 12, 10, 18, 60, 60, 34, 66)


class AuditQuery(Paged):
    actor: str | None = Field(None, description="Id or name of whoever acted.")
    action: str | None = Field(None, description="job.cancel, key.revoke …; or `job` for all acts on jobs.")
    outcome: str | None = Field(None, description="done, or why not: refused, duplicate, forbidden …")
    target: str | None = Field(None, description="Id of the job, schedule, key …")
    type: str | None = Field(None, description="Job type.")
    from_: Time | None = Field(None, alias="from", description="At or after.")
    to: Time | None = Field(None, description="Before.")
    q: str | None = Field(None, description="Part of a target, an actor, an address, or of what was before or after.")
    format: Literal["json", "csv", "xlsx"] | None = Field(None, description="All that fit as a file, without pages.")


class Target(Answer):
    kind: str = Field(description="job, type, account, queue, schedule, key, session …")
    id: str
    type: str | None = Field(description="Job type.")


class Actor(Answer):
    id: str
    name: str
    role: str | None = Field(description="null: nobody was asked, as of a command.")
    via: str = Field(description="http, cli, python, celery, system.")
    address: str | None = Field(description="IP address of an HTTP caller, host name of a command.")


class Entry(Answer):
    """One act, as it was stored."""

    seq: int = Field(ge=1, description="From 1, without gaps.")
    timestamp: Moment
    action: str
    outcome: str
    target: Target
    actor: Actor
    before: Any = Field(description="What the act changed, before it; null: nothing was there, or it is not known.")
    after: Any = Field(description="… and after it.")
    act: str | None = Field(description="Entries of one act on many targets share it.")
    previous_hash: str = Field(description="Of the entry before this one.")
    hash: str = Field(description="SHA-256 over this entry and the hash before it.")


class Entries(Answer):
    """A page of entries; or, as a file, all of them, without the fields of a page."""

    items: list[Entry]
    total: int = Field(ge=0, description="Entries of the whole list.")
    page: int | None = None
    limit: int | None = None
    total_pages: int | None = None


class Verdict(Answer):
    """What checking the chain of hashes found."""

    rows: int = Field(ge=0, description="That are in order, from the first one on.")
    head: str = Field(description="Hash of the last of them.")
    broken: int | None = Field(description="Number of the first row that is wrong or missing.")
    why: str | None


def add_routes(blueprint: GuardedBlueprint, queue: QueueManager) -> None:
    files = Media({kind: Entries if name == "json" else None for name, kind in FORMATS.items()})

    @blueprint.get("/audit", role="admin", query=AuditQuery, answer=files)
    def audit(query: AuditQuery) -> Response:
        """Who did what to what, when, from where, newest first; with `format` as a file."""
        wanted = filter_of(query)
        if query.format is None:
            return ok(queue.audit(wanted, page=query.page, limit=query.limit).as_dict())
        table = Table("audit", COLUMNS, WIDTHS, cells, lambda entry: entry.as_dict())
        return downloads.download(queue, table, queue.audit.batches(wanted), query.format, "audit")

    @blueprint.get("/audit/verify", role="admin", answer=Verdict)
    def verify_audit() -> Response:
        """Check the log's chain of hashes."""
        return ok(queue.audit.verify().as_dict())


def filter_of(query: AuditQuery) -> AuditFilter:
    from ..archive.audit import AuditFilter

    return AuditFilter.between(
        query.from_,
        query.to,
        actor=query.actor,
        action=query.action,
        outcome=query.outcome,
        target=query.target,
        type=query.type,
        q=query.q,
    )


def cells(entry: AuditEntry) -> list[Any]:
    """An entry as a row of a table."""
    shown = entry.as_dict()
    target, actor = shown["target"], shown["actor"]
    return [
        shown["seq"],
        shown["timestamp"],
        shown["action"],
        shown["outcome"],
        *(target[name] for name in ("kind", "id", "type")),
        *(actor[name] for name in ("id", "name", "role", "via", "address")),
        *(None if shown[name] is None else json.dumps(shown[name], ensure_ascii=False) for name in ("before", "after")),
        shown["act"],
        shown["hash"],
    ]
