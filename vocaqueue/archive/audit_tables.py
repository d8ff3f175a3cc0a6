"""The tables of the audit log; triggers, made by the migration, refuse to change or delete a row."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, String, Table, Text

from .tables import metadata

#: One act each, in the order of storing. `seq` has no gaps; `hash` is over the row and the one before it.
audit_table = Table(
    "vocaqueue_audit",
    metadata,
    Column("namespace", String(40), primary_key=True),
    Column("seq", BigInteger, primary_key=True),  # from 1
    Column("entry", Text, nullable=False),  # what tells it from every other, so that none is stored twice
    Column("at_ms", BigInteger, nullable=False),
    Column("action", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("type", Text),
    Column("actor_id", Text, nullable=False),
    Column("actor_name", Text, nullable=False),
    Column("actor_role", Text),
    Column("via", Text, nullable=False),
    Column("address", Text),
    Column("before", Text),  # JSON
    Column("after", Text),  # JSON
    Column("act", Text),  # rows of one act share it
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("ix_vocaqueue_audit_entry", "namespace", "entry", unique=True),
    *(
        Index(f"ix_vocaqueue_audit_{column}", "namespace", column, "seq")
        for column in ("at_ms", "action", "actor_id", "target", "type")
    ),
)

#: The last row of each chain; whoever appends holds it.
head_table = Table(
    "vocaqueue_audit_head",
    metadata,
    Column("namespace", String(40), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)
