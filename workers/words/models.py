"""The tables of the words database. Times are milliseconds since the epoch, in UTC."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

#: SQLite numbers rows by itself only where the column is a plain INTEGER.
BigId = BigInteger().with_variant(Integer, "sqlite")
CURRENT = text("is_current")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def new_id() -> str:
    return str(uuid4())


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        }
    )


class Word(Base):
    """A word of the list. The pair (word, pos) is what an import knows it by."""

    __tablename__ = "words"

    id: Mapped[str] = mapped_column(String(64), primary_key=True, default=new_id)
    word: Mapped[str] = mapped_column(String(200))
    pos: Mapped[str] = mapped_column(String(40), default="")
    meaning: Mapped[str] = mapped_column(Text)
    level: Mapped[str] = mapped_column(String(40), default="")
    fence: Mapped[int] = mapped_column(BigInteger)  #: of the claim, or of the edit, that wrote the row last
    created_at_ms: Mapped[int] = mapped_column(BigInteger)
    updated_at_ms: Mapped[int] = mapped_column(BigInteger)
    edited_by: Mapped[str | None] = mapped_column(String(200))  #: the person whose edit this is; None: an import's
    job_id: Mapped[str | None] = mapped_column(String(200))  #: the import that read it last
    source_row: Mapped[int | None] = mapped_column(BigInteger)  #: its row in that import's file, the header being 1
    job_change: Mapped[str | None] = mapped_column(String(10))  #: what that import did: created, updated, unchanged

    __table_args__ = (
        UniqueConstraint("word", "pos"),
        Index(None, "level"),
        Index(None, "job_id"),
    )


class Content(Base):
    """One version of one field of a word: its definition, its mnemonic …"""

    __tablename__ = "contents"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    word_id: Mapped[str] = mapped_column(ForeignKey("words.id", ondelete="CASCADE"))
    field: Mapped[str] = mapped_column(String(40))
    version: Mapped[int] = mapped_column(Integer)  #: 1, 2 … in the order of arrival
    value: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True)
    status: Mapped[str] = mapped_column(String(20))  #: ok, partial, unavailable
    reason: Mapped[str | None] = mapped_column(String(60))  #: why it is not ok, lower_snake
    provider: Mapped[str] = mapped_column(String(60))
    provenance: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    fence: Mapped[int] = mapped_column(BigInteger)
    job_id: Mapped[str | None] = mapped_column(String(200))
    edited_by: Mapped[str | None] = mapped_column(String(200))
    created_at_ms: Mapped[int] = mapped_column(BigInteger)
    is_current: Mapped[bool] = mapped_column(Boolean)

    __table_args__ = (
        UniqueConstraint("word_id", "field", "version"),
        UniqueConstraint("word_id", "field", "job_id", "fence"),
        Index("ix_contents_current", "word_id", "field", unique=True, sqlite_where=CURRENT, postgresql_where=CURRENT),
        Index(None, "job_id"),
    )


class Image(Base):
    """One version of the picture of a word in one style and size."""

    __tablename__ = "images"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    word_id: Mapped[str] = mapped_column(ForeignKey("words.id", ondelete="CASCADE"))
    style: Mapped[str] = mapped_column(String(40))  #: the style asked for; the picture is found under it
    size: Mapped[str] = mapped_column(String(20))  #: "512x512"
    version: Mapped[int] = mapped_column(Integer)
    file: Mapped[str] = mapped_column(String(300))  #: name in the file store
    style_applied: Mapped[str] = mapped_column(String(40))  #: the style it was really drawn in
    provider: Mapped[str] = mapped_column(String(60))
    provenance: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    fence: Mapped[int] = mapped_column(BigInteger)
    job_id: Mapped[str | None] = mapped_column(String(200))
    edited_by: Mapped[str | None] = mapped_column(String(200))
    created_at_ms: Mapped[int] = mapped_column(BigInteger)
    is_current: Mapped[bool] = mapped_column(Boolean)

    __table_args__ = (
        UniqueConstraint("word_id", "style", "size", "version"),
        UniqueConstraint("word_id", "style", "size", "job_id", "fence"),
        Index(
            "ix_images_current",
            "word_id",
            "style",
            "size",
            unique=True,
            sqlite_where=CURRENT,
            postgresql_where=CURRENT,
        ),
        Index(None, "file"),
        Index(None, "job_id"),
    )


class Mark(Base):
    """Something that was done once for the whole database, such as the import of the sample list."""

    __tablename__ = "marks"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    value: Mapped[str] = mapped_column(Text)
    created_at_ms: Mapped[int] = mapped_column(BigInteger)
