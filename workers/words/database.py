"""The connection to the words database: one engine per process, made when it is first needed."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from vocaqueue import BadSettings, Settings

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_S = 30.0  #: how long a writer of SQLite waits for another one
MIGRATION_LOCK = 7_262_024  #: PostgreSQL's advisory lock; any number that is always the same

_engine: Engine | None = None
_url: str | None = None  #: set by `use`; None: the settings say
_lock = threading.Lock()


def engine() -> Engine:
    """This process's engine. Raises BadSettings when DATABASE_URL cannot be used."""
    global _engine  # noqa: PLW0603 - one pool per process is the point
    if _engine is None:
        with _lock:
            if _engine is None:
                _engine = _make_engine(_url or Settings.from_env().database_url)
    return _engine


def use(url: str | None) -> None:
    """Close what is open and use another database from now on in this process; None: what the settings say."""
    global _engine, _url
    with _lock:
        if _engine is not None:
            _engine.dispose()
        _engine, _url = None, url


@contextmanager
def reading() -> Iterator[Connection]:
    """A connection that sees one state of the database and writes nothing."""
    with engine().connect() as connection:
        yield connection


@contextmanager
def writing() -> Iterator[Connection]:
    """One transaction, committed when the block ends well. On SQLite it holds the write lock from the start."""
    with engine().connect().execution_options(vocaqueue_writes=True) as connection, connection.begin():
        yield connection


def migrate(url: str) -> None:
    """
    Bring the tables to the newest version; nothing happens where they are. Two at once wait for each other.

    Raises:
        BadSettings: The database cannot be opened or made; the message says where it should be.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    engine = _make_engine(url)
    try:
        _make_folder(engine.url)
        with engine.connect().execution_options(vocaqueue_writes=True) as connection, connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DBAPIError as error:
        raise BadSettings(
            f"The words database {engine.url.render_as_string(hide_password=True)} cannot be opened: {error.orig}. "
            "Check that it is there and may be written, or set DATABASE_URL."
        ) from error
    finally:
        engine.dispose()


def _make_engine(url: str) -> Engine:
    # Hosts hand out "postgres://", which SQLAlchemy does not know.
    if url.startswith("postgres://"):
        url = "postgresql" + url.removeprefix("postgres")
    try:
        parsed = make_url(url)
        made = create_engine(parsed, pool_pre_ping=parsed.get_backend_name() != "sqlite")
    except (ArgumentError, NoSuchModuleError) as error:
        raise BadSettings(
            f"DATABASE_URL makes no sense ({error}). Write it like sqlite:///var/vocaqueue.db or postgresql://…"
        ) from error
    except ModuleNotFoundError as error:
        raise BadSettings(
            f"DATABASE_URL needs the Python package {error.name!r}; install it, or use SQLite."
        ) from error
    if parsed.get_backend_name() == "sqlite":
        event.listen(made, "connect", _prepare_sqlite)
        event.listen(made, "begin", _begin_sqlite)
    elif parsed.get_backend_name() != "postgresql":
        raise BadSettings("DATABASE_URL must be of SQLite or PostgreSQL.")
    return made


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own BEGIN comes too late: with it a transaction that reads first can lose its right to write.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout={int(BUSY_S * 1000)}",
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("vocaqueue_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _make_folder(url: URL) -> None:
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return
    folder = Path(url.database).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadSettings(
            f"Cannot make the folder {folder} for the words database ({error.strerror}). "
            "Make the folder above writable, or set DATABASE_URL."
        ) from error


def _forget_after_fork() -> None:
    # A connection shared with the parent would mix up both their answers: leave it alone, and open our own.
    global _engine, _lock
    if _engine is not None:
        _engine.dispose(close=False)
    _engine, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget_after_fork)
