"""How far a stream of the ledger is stored: moved in the very transaction that stores its entries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Column, String, Table, select, update
from sqlalchemy.dialects import postgresql, sqlite

from .tables import metadata

if TYPE_CHECKING:
    from sqlalchemy import Connection

BEGIN = "0-0"

cursor_table = Table(
    "vocaqueue_cursor",
    metadata,
    Column("namespace", String(40), primary_key=True),
    Column("name", String(40), primary_key=True),  # of the pass
    Column("position", String(64), nullable=False),  # id of the last entry that is stored
)


class Cursor:
    """One pass's position. Two processes at once cannot store the same entries: the second waits, and sees it moved."""

    def __init__(self, namespace: str, name: str) -> None:
        self.namespace, self.name = namespace, name
        self._this = (cursor_table.c.namespace == namespace, cursor_table.c.name == name)

    def read(self, connection: Connection) -> str:
        """The id after which nothing is stored; `0-0` at first."""
        found: str | None = connection.execute(select(cursor_table.c.position).where(*self._this)).scalar()
        return found or BEGIN

    def take(self, connection: Connection) -> str:
        """The same inside a writing transaction, and nobody else moves it until that ends."""
        new = {"namespace": self.namespace, "name": self.name, "position": BEGIN}
        made = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        connection.execute(made(cursor_table).values(new).on_conflict_do_nothing())
        chosen = select(cursor_table.c.position).where(*self._this).with_for_update()
        found: str = connection.execute(chosen).scalar_one()
        return found

    def move(self, connection: Connection, position: str) -> None:
        """What is stored in this transaction reaches to here. `take` came before."""
        connection.execute(update(cursor_table).where(*self._this).values(position=position))
