"""The words database as a database: migrations, forks, threads, bad URLs."""

from __future__ import annotations

import multiprocessing
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from vocaqueue import BadSettings
from workers.words import contents, database, marks, records
from workers.words.contents import NewContent
from workers.words.models import Base, Content


def said(value: str) -> list[NewContent]:
    return [NewContent("definition", value, "ok", "offline", provenance={"source": "WordNet 3.0"})]


def test_a_mark_is_made_once(db):
    """
    A mark keeps its value, and a second one of the same name is refused.
    """
    assert marks.get("sample-import") is None
    marks.put("sample-import", "job-1")
    assert marks.get("sample-import") == "job-1"
    with pytest.raises(IntegrityError):
        marks.put("sample-import", "job-2")


def test_the_migrations_make_what_the_models_say(migrated):
    """
    A new database has the tables, columns, indexes and rules of the models; migrating again changes nothing.
    """
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    url = f"sqlite:///{migrated}"
    database.migrate(url)
    engine = database._make_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "words_alembic_version"})
        differences = compare_metadata(context, Base.metadata)
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    engine.dispose()
    assert differences == []


def _migrate(url: str) -> None:
    database.migrate(url)


def test_two_processes_may_migrate_at_once(tmp_path):
    """
    Several first starts at the same moment leave one set of tables and no error.
    """
    url = f"sqlite:///{tmp_path}/new/words.db"
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        pool.map(_migrate, [url] * 3)
    with sqlite3.connect(tmp_path / "new" / "words.db") as connection:
        assert connection.execute("SELECT count(*) FROM words_alembic_version").fetchone() == (1,)


def _count_and_write(word_id: str, fence: int) -> int:
    contents.put(word_id, said(f"child {fence}"), fence=fence, job_id=f"job-{fence}")
    return records.count()


def test_a_forked_child_opens_a_connection_of_its_own(add_words):
    """
    Children forked while the parent has the database open read and write it, and the parent goes on.
    """
    word = add_words("cat")["cat"]
    assert records.count() == 1
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert pool.starmap(_count_and_write, [(word.id, fence) for fence in range(1, 41)]) == [1] * 40
    assert contents.current(word.id)["definition"].value == "child 40"
    with database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(Content)).scalar() == 40


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "DATABASE_URL makes no sense"),
        ("mysql://localhost/words", "mysqlclient|MySQLdb|SQLite or PostgreSQL"),
        ("sqlite:////proc/no/words.db", "writable"),
    ],
)
def test_a_database_that_cannot_be_is_refused_with_a_sentence(url, says):
    """
    A bad URL, another kind of database, a folder that cannot be made: BadSettings that says what to do.
    """
    with pytest.raises(BadSettings, match=says):
        database.migrate(url)


@pytest.mark.parametrize("content", [None, b"this is no database" * 100])
def test_something_else_in_the_databases_place_is_said(tmp_path, content):
    """
    A folder or another kind of file under the database's name is named, with what to do.
    """
    path = tmp_path / "words.db"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(BadSettings, match=r"words\.db cannot be opened: .*DATABASE_URL"):
        database.migrate(f"sqlite:///{path}")


def test_postgresql_gets_the_same_statements():
    """
    The upsert compiles for PostgreSQL with its condition. (A server is not there; running it is a test for later.)
    """
    from sqlalchemy.dialects import postgresql

    class Connection:
        dialect = postgresql.dialect()

    statement = str(records._upsert(Connection()).compile(dialect=postgresql.dialect()))
    assert "ON CONFLICT (word, pos) DO UPDATE" in statement
    assert "words.fence < excluded.fence" in statement


def test_threads_of_one_process_share_the_engine(add_words):
    """
    A worker's chunks run on threads that come and go; each may read and write.
    """
    word = add_words("cat")["cat"]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda fence: contents.put(word.id, said("x"), fence=fence, job_id="job-1"), range(1, 41)))
    assert contents.current(word.id)["definition"].fence == 40
    assert len(contents.versions(word.id)) == 40
