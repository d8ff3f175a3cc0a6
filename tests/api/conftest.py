"""The service as it is deployed, over a words database and a job store of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from api.app import create_app
from vocaqueue import Settings
from vocaqueue.store.ledger import Ledger
from workers.tables.rows import WordRow
from workers.words import database, records
from workers.words.records import WordRecord

KEY = "the-admin-key"
BEARER = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture
def settings(make_ledger: Callable[..., Ledger], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    url = f"sqlite:///{tmp_path}/words.db"
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "DATABASE_URL": url,
        "STORAGE_URL": f"file://{tmp_path}/files",
        "VOCAQUEUE_ADMIN_KEY": KEY,
        "VOCAQUEUE_SECRET_KEY": "signs-cookies",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    database.migrate(url)
    yield make_ledger(database_url=url, storage_url=f"file://{tmp_path}/files", sse_heartbeat_s=0.2).settings
    database.use(None)


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    made = create_app(settings)
    yield made
    made.extensions["vocaqueue"].close()
    made.extensions["vocaqueue"].queue.close()


@pytest.fixture
def words(app: Flask) -> dict[str, WordRecord]:
    rows = [
        WordRow(2, "cat", "고양이", "noun", "A1"),
        WordRow(3, "dog", "개", "noun", "A1"),
        WordRow(4, "run", "달리다", "verb", "B1"),
    ]
    made = records.import_rows(rows, fence=1, job_id="setup-1")
    return {record.word: record for record in records.get_many(answer.word_id for answer in made).values()}
