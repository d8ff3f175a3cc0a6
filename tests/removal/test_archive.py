"""The archive's database: made when it is first used, by whoever comes first, on SQLite and PostgreSQL."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import threading

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from vocaqueue import ArchiveUnavailable, BadSettings
from vocaqueue.archive.bin import Bin, BinEntry, Binned
from vocaqueue.archive.database import MIGRATIONS, Archive
from vocaqueue.archive.tables import HEAD, VERSION_TABLE, metadata

SPAWN = multiprocessing.get_context("spawn")


def entry(job_id: str, act: str = "act", at: int = 1000) -> Binned:
    return Binned(BinEntry(job_id, "toy", None, "completed", "delete", "me", at, at + 500, act), b"state\0", b"ids")


def first_use(url: str, name: str) -> None:
    Bin(Archive(url), "ns").put([entry(name)])


def test_the_newest_migration_is_the_one_the_code_names():
    """
    A process looks at one row to see whether the tables are up to date, so the constant must be right.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_processes_that_come_first_together_make_one_set_of_tables(tmp_path):
    """
    Two processes use an empty database at once; each entry is there, and the tables are those of the metadata.
    """
    url = f"sqlite:///{tmp_path}/deep/er/archive.db"
    together([url] * 2)
    archive = Archive(url)
    assert archive_jobs(archive) == {"p0", "p1"}
    with archive.reading() as connection:
        found = inspect(connection)
        for table in metadata.tables.values():
            assert {c["name"] for c in found.get_columns(table.name)} == set(table.columns.keys())
            assert {i["name"] for i in found.get_indexes(table.name)} == {i.name for i in table.indexes}
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_a_new_file_that_another_process_is_making_is_waited_for(tmp_path):
    """
    Who changes the mode of a file that is being written to is told at once that it is locked; we try again.
    """
    other = sqlite3.connect(tmp_path / "archive.db", isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE theirs (a)")
    other.execute("BEGIN IMMEDIATE")
    other.execute("INSERT INTO theirs VALUES (1)")
    done = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    done.start()
    assert archive_jobs(Archive(f"sqlite:///{tmp_path}/archive.db")) == set()
    done.join()
    other.close()


def together(urls: list[str]) -> None:
    processes = [SPAWN.Process(target=first_use, args=(url, f"p{n}")) for n, url in enumerate(urls)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * len(urls)


def archive_jobs(archive: Archive) -> set[str]:
    return {e.job_id for e in Bin(archive, "ns").unsure(10**15, 100)}


def test_other_tables_of_the_database_are_left_alone(tmp_path):
    """
    The words database lives in the same file, with migrations of its own.
    """
    url = f"sqlite:///{tmp_path}/shared.db"
    with create_engine(url).begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num TEXT)"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('somebody else')"))
    first_use(url, "a")
    with create_engine(url).connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "somebody else"
        assert connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar() == HEAD


def test_older_code_goes_on_with_newer_tables(tmp_path):
    """
    While a deploy goes on, the old processes do not fail over a migration that they do not know.
    """
    url = f"sqlite:///{tmp_path}/newer.db"
    first_use(url, "a")
    with create_engine(url).begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    first_use(url, "b")
    assert archive_jobs(Archive(url)) == {"a", "b"}


def test_a_child_opens_a_connection_of_its_own(tmp_path):
    """
    An archive that was used before a fork works in both processes.
    """
    archive = Archive(f"sqlite:///{tmp_path}/fork.db")
    Bin(archive, "ns").put([entry("parent")])
    child = os.fork()
    if child == 0:
        try:
            Bin(archive, "ns").put([entry("child")])
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert archive_jobs(archive) == {"parent", "child"}


def test_two_namespaces_and_two_acts_do_not_meet(tmp_path):
    """
    Each namespace sees its own entries, and an act that forgets its entry leaves the other act's.
    """
    archive = Archive(f"sqlite:///{tmp_path}/two.db")
    one, other = Bin(archive, "one"), Bin(archive, "other")
    one.put([entry("a", "first"), entry("a", "second", at=1100)])
    other.put([entry("a", "first")])
    one.removed("second", ["a"])
    one.forget("first", ["a"])
    assert one.find("a", 1200).entry.act == "second"
    assert one.page(types=[], page=1, limit=20, now_ms=1200).total == 1
    assert one.page(types=["noop"], page=1, limit=20, now_ms=1200).total == 0
    assert one.page(types=[], page=1, limit=20, now_ms=1600).total == 0
    assert other.find("a", 1200).blocks == b"ids"


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("nonsense", BadSettings),
        ("mysql://x/y", BadSettings),
        ("sqlite:////proc/nowhere/x.db", ArchiveUnavailable),
    ],
)
def test_a_database_that_cannot_be_used_is_a_sentence(url, error):
    """
    The error names DATABASE_URL.
    """
    with pytest.raises(error, match="DATABASE_URL"):
        Bin(Archive(url), "ns").holds(["a"])


def test_the_same_on_postgresql(postgres):
    """
    Processes that come first together, entries with bytes, pages, and forgetting.
    """
    together([postgres] * 2)
    archive = Archive(postgres)
    bin_ = Bin(archive, "ns")
    assert archive_jobs(archive) == {"p0", "p1"}
    bin_.put([entry("p2"), entry("p3")])
    bin_.removed("act", ["p0", "p1"])
    assert bin_.page(types=["toy"], page=2, limit=1, now_ms=1200).items[0].job_id == "p1"
    assert bin_.find("p0", 1200).state == b"state\0"
    bin_.forget("act", ["p0", "p1", "p2"])
    assert bin_.holds(["p0", "p3"]) == {"p3"}
    archive.close()


def test_connections_to_a_file_stay_open_until_it_is_another_one(tmp_path):
    """
    Two questions share a connection; after the file was replaced the next one asks the new file.
    """
    path = tmp_path / "archive.db"
    archive = Archive(f"sqlite:///{path}")
    Bin(archive, "ns").put([entry("old")])

    def connection_now():
        with archive.reading() as connection:
            return connection.connection.dbapi_connection

    first = connection_now()
    assert connection_now() is first
    Bin(Archive(f"sqlite:///{tmp_path}/other.db"), "ns").put([entry("new")])
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    (tmp_path / "other.db").rename(path)
    if (tmp_path / "other.db-wal").exists():
        (tmp_path / "other.db-wal").rename(tmp_path / "archive.db-wal")
    assert archive_jobs(archive) == {"new"}
    assert connection_now() is not first
