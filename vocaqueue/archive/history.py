"""The tables of the history of jobs: what lists are filtered and searched by. The ledger stays the truth."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, SmallInteger, String, Table, Text

from .tables import metadata

#: A job as the ledger had it a moment ago. `nr` grows and is never given twice.
job_table = Table(
    "vocaqueue_job",
    metadata,
    Column("nr", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("namespace", String(40), nullable=False),
    Column("id", String(200), nullable=False),
    Column("type", String(200), nullable=False),
    Column("status", String(20), nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("created_by", Text),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("started_at_ms", BigInteger),
    Column("finished_at_ms", BigInteger),
    Column("total", BigInteger),
    Column("completed", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("skipped", BigInteger, nullable=False),
    Column("walk", Integer, nullable=False),  # the last walk through the whole ledger that saw it
    Column("name", Text),
    Column("labels", Text),  # JSON
    Column("error_code", Text),
    Column("error_message", Text),
    Column("text", Text, nullable=False),  # what is searched, in one spelling; see text.py
    Index("ix_vocaqueue_job_id", "namespace", "id", unique=True),
    Index("ix_vocaqueue_job_created", "namespace", "created_at_ms"),
    Index("ix_vocaqueue_job_creator", "namespace", "created_by", "created_at_ms"),
    Index("ix_vocaqueue_job_finished", "namespace", "finished_at_ms"),
)

#: Which job has which item, in packed rows; see items.py.
item_table = Table(
    "vocaqueue_job_item",
    metadata,
    Column("namespace", String(40), primary_key=True),
    Column("bits", SmallInteger, primary_key=True),  # its segment is cut into 2 ** bits rows, by the hash's first bits
    Column("part", Integer, primary_key=True),  # which of them this is
    Column("segment", BigInteger, primary_key=True),
    Column("pairs", LargeBinary, nullable=False),
)

#: Small segments are merged when there are many of them.
segment_table = Table(
    "vocaqueue_job_segment",
    metadata,
    Column("namespace", String(40), primary_key=True),
    Column("segment", BigInteger, primary_key=True, autoincrement=False),
    Column("bits", SmallInteger, nullable=False),
    Column("first_nr", BigInteger, nullable=False),  # of its jobs
    Column("last_nr", BigInteger, nullable=False),
)

#: One row: the last `nr` given.
number_table = Table(
    "vocaqueue_job_number", metadata, Column("last", BigInteger, primary_key=True, autoincrement=False)
)
