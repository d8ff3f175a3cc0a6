"""A words database and a file store of one's own for each test, and a way to run a job's items without an engine."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from vocaqueue import Context, FileStore, Handler, Item, JobParams, Outcome
from vocaqueue.outcome import Kind
from vocaqueue.registry import load_object
from workers.job_types import JOB_TYPES
from workers.tables.rows import WordRow
from workers.words import database, records
from workers.words.records import WordRecord


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database file with all its tables, to be copied."""
    path = tmp_path_factory.mktemp("words") / "empty.db"
    database.migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def db(migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of this test's words database, which this process uses."""
    path = tmp_path / "words.db"
    shutil.copy(migrated, path)
    url = f"sqlite:///{path}"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("STORAGE_URL", f"file://{tmp_path}/files")
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    database.use(None)
    yield url
    database.use(None)


@pytest.fixture
def files(db: str, tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


@pytest.fixture
def add_words(db: str) -> Callable[..., dict[str, WordRecord]]:
    """Put words into the database: `add_words("cat", "dog", level="A1")` answers the records by word."""
    jobs = itertools.count(1)

    def add(*words: str, meaning: str = "뜻", pos: str = "noun", level: str = "A1") -> dict[str, WordRecord]:
        rows = [WordRow(number, word, meaning, pos, level) for number, word in enumerate(words, start=2)]
        made = records.import_rows(rows, fence=1, job_id=f"setup-{next(jobs)}")
        found = records.get_many(answer.word_id for answer in made)
        return {record.word: record for record in found.values()}

    return add


@dataclass
class Run:
    """A job as the engine would run it, one step at a time; each claim has a fence of its own."""

    params: JobParams
    files: FileStore
    job_id: str
    handler: Handler
    run: int = 1
    fences: Iterator[int] = field(default_factory=lambda: itertools.count(1000))
    source: dict[str, Any] = field(default_factory=dict)
    ids: list[str] | None = None
    total: int = 0
    outcomes: dict[int, Outcome] = field(default_factory=dict)

    def context(self, fence: int | None = None) -> Context:
        kinds = [outcome.kind for outcome in self.outcomes.values()]
        return Context(
            job_id=self.job_id,
            job_type="test",
            run=self.run,
            fence=next(self.fences) if fence is None else fence,
            token=f"token{next(self.fences)}",
            params=self.params,
            created_by="tester",
            source=self.source,
            counts={
                "total": self.total,
                "completed": kinds.count(Kind.DONE),
                "failed": kinds.count(Kind.FAILED),
                "skipped": kinds.count(Kind.SKIPPED),
            },
            files=self.files,
        )

    def plan(self) -> Run:
        if self.ids is None:
            plan = self.handler.plan(self.params, self.context())
            self.total, self.source = plan.total, plan.source
        else:
            self.total = len(self.ids)
        return self

    def work(self, indexes: list[int], fence: int | None = None) -> list[Outcome]:
        """Call the handler for these items, and settle nothing: what a worker killed at the end of its chunk does."""
        ctx = self.context(fence)
        if self.ids is None:
            items = self.handler.load(indexes, ctx)
        else:
            items = [Item(index, self.ids[index]) for index in indexes]
        if self.handler.defines("run_chunk"):
            return list(self.handler.run_chunk(items, ctx))
        return [self.handler.run(item, ctx) for item in items]

    def settle(self, indexes: list[int], fence: int | None = None) -> list[Outcome]:
        outcomes = self.work(indexes, fence)
        self.outcomes.update(zip(indexes, outcomes, strict=True))
        return outcomes

    def finish(self) -> dict[str, Any] | None:
        return self.handler.finish(self.context())

    def all(self, chunk: int = 7) -> dict[str, Any] | None:
        """Plan, run everything in chunks, finish."""
        self.plan()
        for start in range(0, self.total, chunk):
            self.settle(list(range(start, min(start + chunk, self.total))))
        return self.finish()

    def count(self, kind: str) -> int:
        return sum(outcome.kind == kind for outcome in self.outcomes.values())

    @property
    def codes(self) -> list[str]:
        return [self.outcomes[index].code for index in sorted(self.outcomes)]


@pytest.fixture
def start(files: FileStore) -> Callable[..., Run]:
    """A job of these parameters, prepared as on submission and ready to run: `start(ContentGeneration(...))`."""
    numbers = itertools.count(1)
    fences = itertools.count(1000)

    def begin(params: JobParams, *, prepare: bool = True) -> Run:
        job_type = next(known for known in JOB_TYPES if known.params is type(params))
        if prepare and job_type.prepare:
            params = load_object(job_type.prepare)(params).params
        ids = None if job_type.items is None else list(getattr(params, job_type.items))
        handler = load_object(job_type.handler)()
        return Run(params, files, f"{job_type.name}-{next(numbers)}", handler, fences=fences, ids=ids)

    return begin
