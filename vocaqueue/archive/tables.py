"""The archive's tables. A change of them is a new file under `migrations/versions`, and a new `HEAD`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, MetaData, String, Table, Text

HEAD = "0004"  #: the newest migration
VERSION_TABLE = "vocaqueue_alembic_version"  #: other parts keep tables, and migrations, in this database too

metadata = MetaData()

#: Jobs that were removed by hand, until they expire. Two acts that take the same job at once have a row each.
bin_table = Table(
    "vocaqueue_bin",
    metadata,
    Column("namespace", String(40), primary_key=True),
    Column("job_id", String(200), primary_key=True),
    Column("act", String(32), primary_key=True),  # the act that removed it
    Column("type", String(200), nullable=False),
    Column("name", Text),
    Column("status", String(20), nullable=False),
    Column("action", String(20), nullable=False),  # delete, clean, empty
    Column("removed_by", Text),
    Column("removed_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("is_removed", Boolean, nullable=False),  # written before the ledger's step, set after it
    Column("state", LargeBinary, nullable=False),  # zlib'd MessagePack, made and read by store/lua/lib/removal.lua
    Column("blocks", LargeBinary),  # blocks of item ids, each behind its length; see store/states.py
    Index("ix_vocaqueue_bin_removed", "namespace", "is_removed", "removed_at_ms"),
    Index("ix_vocaqueue_bin_expires", "namespace", "expires_at_ms"),
)
