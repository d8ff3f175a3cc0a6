"""The archive's connection: one pool per process, made and brought up to date when it is first needed."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ArchiveUnavailable, BadSettings

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_S = 5.0  #: how long a writer of SQLite waits for another one
CONNECT_S = 5
POOLED = 5  #: connections that stay open; ten more may come and go
MIGRATION_LOCK = 7_262_025  #: PostgreSQL's advisory lock; any number that is always the same


class Archive:
    """
    Tables in the database of DATABASE_URL. Safe for threads; opens connections of its own after a fork.

    Every use may raise ArchiveUnavailable (it does not answer, or its disk is full) and BadSettings (the URL makes no
    sense). A process that runs older code than the tables goes on with them: migrations only ever add.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine: Engine | None = None
        self._pid: int | None = None
        self._lock = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the database."""
        with self._named_errors(), self._ready().connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, committed when the block ends well. On SQLite it holds the write lock from the start."""
        with (
            self._named_errors(),
            self._ready().connect().execution_options(vocaqueue_writes=True) as connection,
            connection.begin(),
        ):
            yield connection

    def close(self) -> None:
        with self._lock:
            if self._engine is not None:
                self._engine.dispose(close=self._pid == os.getpid())
            self._engine = None

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        from sqlalchemy.exc import DBAPIError
        from sqlalchemy.exc import TimeoutError as NoFreeConnection

        try:
            yield
        except (DBAPIError, NoFreeConnection) as error:
            reason = str(getattr(error, "orig", None) or error).strip().split("\n")[0]
            raise ArchiveUnavailable(reason) from error

    def _ready(self) -> Engine:
        with self._lock:
            if self._engine is None or self._pid != os.getpid():
                if self._engine is not None:
                    self._engine.dispose(close=False)  # the connections are the parent's
                engine = _make_engine(self.url)
                _migrate(engine)
                self._engine, self._pid = engine, os.getpid()
            return self._engine


def _make_engine(url: str) -> Engine:
    from sqlalchemy import NullPool, QueuePool, create_engine, event
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    # Hosts hand out "postgres://", which SQLAlchemy does not know.
    if url.startswith("postgres://"):
        url = "postgresql" + url.removeprefix("postgres")
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
        if backend == "sqlite":
            # Opening a file and closing it as the last one takes longer than most questions do.
            is_file = parsed.database not in (None, "", ":memory:")
            pool = {"pool_size": POOLED, "pool_timeout": CONNECT_S} if is_file else {}
            made = create_engine(parsed, poolclass=QueuePool if is_file else NullPool, **pool)
        else:
            made = create_engine(parsed, pool_pre_ping=True, pool_timeout=CONNECT_S)
    except (ArgumentError, NoSuchModuleError) as error:
        raise BadSettings(
            f"DATABASE_URL makes no sense ({error}). Write it like sqlite:///var/vocaqueue.db or postgresql://…"
        ) from error
    except ModuleNotFoundError as error:
        raise BadSettings(
            f"DATABASE_URL needs the Python package {error.name!r}; install it, or use SQLite."
        ) from error
    if backend == "sqlite":
        event.listen(made, "connect", _prepare_sqlite)
        event.listen(made, "begin", _begin_sqlite)
        _watch_file(made, str(Path(parsed.database or "").absolute()))
    elif backend != "postgresql":
        raise BadSettings("DATABASE_URL must be of SQLite or PostgreSQL.")
    return made


def _watch_file(engine: Engine, path: str) -> None:
    """Let the pool open connections anew where the file was removed or replaced meanwhile."""
    from sqlalchemy import event
    from sqlalchemy.exc import DisconnectionError

    def which() -> tuple[int, int] | None:
        try:
            found = os.stat(path)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def opened(_connection: Any, record: Any) -> None:
        record.info["file"] = which()

    def taken(_connection: Any, record: Any, _proxy: Any) -> None:
        if record.info["file"] != which():
            raise DisconnectionError("the file of the database is another one now")

    event.listen(engine, "connect", opened)
    event.listen(engine, "checkout", taken)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own BEGIN comes too late: with it a transaction that reads first can lose its right to write.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={int(BUSY_S * 1000)}")
    until = time.monotonic() + BUSY_S
    while True:  # two that change the mode of a new file at once do not wait for each other: one is told at once
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.02)
    connection.execute("PRAGMA synchronous=FULL")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("vocaqueue_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(engine: Engine) -> None:
    """Bring the tables to the newest version, if they are older. Two processes at once wait for each other."""
    from sqlalchemy import text

    from .tables import HEAD

    _make_folder(engine)
    version = _version(engine)
    if version is not None and version >= HEAD:
        return
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with engine.connect().execution_options(vocaqueue_writes=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _version(engine: Engine) -> str | None:
    from sqlalchemy import inspect, text

    from .tables import VERSION_TABLE

    with engine.connect() as connection:
        if not inspect(connection).has_table(VERSION_TABLE):
            return None
        found: str | None = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608
        return found


def _make_folder(engine: Engine) -> None:
    database = engine.url.database
    if engine.url.get_backend_name() != "sqlite" or not database or database == ":memory:":
        return
    folder = Path(database).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArchiveUnavailable(f"cannot make the folder {folder} ({error.strerror})") from error
