"""Older versions of texts and pictures, and their end."""

from __future__ import annotations

from sqlalchemy import Table, delete, select

from .database import writing
from .models import Content, Image

AT_ONCE = 500  #: rows that one transaction takes away, so that other writers wait only for moments


def remove_older(*, before_ms: int) -> int:
    """Take away versions that are not current and were written before that time; answers how many."""
    return sum(_remove(table, before_ms) for table in (Content.__table__, Image.__table__))


def _remove(table: Table, before_ms: int) -> int:
    removed = 0
    old = select(table.c.id).where(table.c.is_current.is_(False), table.c.created_at_ms < before_ms).limit(AT_ONCE)
    while True:
        with writing() as connection:
            ids = connection.execute(old).scalars().all()
            if not ids:
                return removed
            connection.execute(delete(table).where(table.c.id.in_(ids)))
            removed += len(ids)
