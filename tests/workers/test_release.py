"""The release phase: tables, and the sample list once."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import vocaqueue
from vocaqueue import Settings, StoreUnavailable
from workers import release, submission, uploads
from workers.job_types import BatchImport, Cleanup
from workers.words import database, records


class Queue:
    """The part of QueueManager that a release uses; `prepare` is the real one."""

    def __init__(self) -> None:
        self.added: list[tuple[BatchImport, dict]] = []
        self.asked: list[tuple[str, Cleanup, dict]] = []
        self.is_away = False

    def from_env(self) -> Queue:
        return self

    @property
    def schedules(self) -> Queue:
        return self

    def add_once(self, schedule_id: str, params: Cleanup, **options: str) -> bool:
        if self.is_away:
            raise StoreUnavailable("connection refused")
        self.asked.append((schedule_id, params, options))
        return len(self.asked) == 1

    def add(self, params: BatchImport, **options: str) -> SimpleNamespace:
        if self.is_away:
            raise StoreUnavailable("connection refused")
        self.added.append((submission.prepare_import(params).params, options))
        return SimpleNamespace(id=f"batch-import-{len(self.added)}")

    def close(self) -> None:
        pass


@pytest.fixture
def queue(files, monkeypatch):
    queue = Queue()
    monkeypatch.setattr(vocaqueue, "QueueManager", queue, raising=False)
    return queue


def test_an_empty_database_gets_the_sample_list_once(queue, files):
    """
    The first start submits a real import of the shipped list; the second one does not, though the first still waits.
    """
    assert release.release(Settings.from_env()) == "batch-import-1"
    ((params, options),) = queue.added
    assert uploads.find(files, params.upload_id).size_bytes == release.SAMPLE.stat().st_size
    assert (options["created_by"], options["name"]) == ("system", "Sample words")
    assert records.count() == 0
    assert release.release(Settings.from_env()) is None
    assert len(queue.added) == 1


def test_the_nightly_cleanup_is_a_schedule(queue, monkeypatch):
    """
    At three at night, asked for under one id at each start; the table makes it once.
    """
    monkeypatch.setenv("VOCAQUEUE_SAMPLE", "off")
    release.release(Settings.from_env())
    release.release(Settings.from_env())
    assert (
        queue.asked
        == [
            (
                "nightly-cleanup",
                Cleanup(older_than_seconds=30 * 86_400),
                {"cron": "0 3 * * *", "name": "Nightly cleanup", "created_by": "system"},
            )
        ]
        * 2
    )


def test_a_store_that_is_away_is_tried_again_at_the_next_start(queue, capsys):
    """
    The phase ends with status 1 and a sentence, and the next one submits.
    """
    queue.is_away = True
    assert release.main() == 1
    assert "does not answer" in capsys.readouterr().err
    queue.is_away = False
    assert release.main() == 0
    assert len(queue.added) == 1


def test_words_that_are_there_and_the_switch_keep_the_sample_away(queue, add_words, monkeypatch):
    """
    VOCAQUEUE_SAMPLE=off leaves an empty database empty, and one with words is never added to.
    """
    monkeypatch.setenv("VOCAQUEUE_SAMPLE", "off")
    assert release.release(Settings.from_env()) is None
    monkeypatch.delenv("VOCAQUEUE_SAMPLE")
    add_words("cat")
    assert release.release(Settings.from_env()) is None
    assert queue.added == []


def test_a_new_machine_gets_its_database(queue, tmp_path, monkeypatch):
    """
    The folder and the tables are made where there are none.
    """
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/deep/er/words.db")
    database.use(None)
    release.release(Settings.from_env())
    assert records.count() == 0
