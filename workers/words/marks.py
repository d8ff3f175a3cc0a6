"""What was done once for the whole database."""

from __future__ import annotations

from sqlalchemy import insert, select

from .database import reading, writing
from .models import Mark, now_ms


def get(name: str) -> str | None:
    with reading() as connection:
        return connection.execute(select(Mark.value).where(Mark.name == name)).scalar()


def put(name: str, value: str) -> None:
    """Remember it. The name must be new."""
    with writing() as connection:
        connection.execute(insert(Mark).values(name=name, value=value, created_at_ms=now_ms()))
