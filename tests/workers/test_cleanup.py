"""Cleanup: what goes, what stays, and the counts."""

from __future__ import annotations

import inspect
import io
import os
import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from vocaqueue import FileStore, JobNotFound, QueueManager
from vocaqueue.job import JobStatus
from workers import uploads
from workers.job_types import Cleanup
from workers.words import contents, images
from workers.words.contents import NewContent
from workers.words.images import NewImage

DAY_S = 86_400


@dataclass
class Queue:
    """The calls of QueueManager that a cleanup makes. (The real one is in the engine's tests.)"""

    unfinished_imports: list[str] = field(default_factory=list)
    statuses: dict[str, JobStatus] = field(default_factory=dict)
    to_clean: dict[str, int] = field(default_factory=dict)
    cleaned: list[tuple[float, str]] = field(default_factory=list)

    binned: set[str] = field(default_factory=set)

    def clean(self, *, grace_s: float, status: str, limit: int, skip_bin: bool) -> int:
        assert skip_bin, "what goes by itself does not fill the bin"
        self.cleaned.append((grace_s, status))
        return self.to_clean.pop(status, 0)

    def get(self, job_id: str) -> Any:
        if job_id not in self.statuses:
            raise JobNotFound(job_id)
        return SimpleNamespace(status=self.statuses[job_id])

    def in_bin(self, job_id: str) -> bool:
        return job_id in self.binned

    def jobs(self, *, types: list[str], statuses: tuple[str, ...], page: int, limit: int) -> Any:
        assert types == ["batch-import"]
        assert JobStatus.COMPLETED not in statuses
        found = self.unfinished_imports[(page - 1) * limit : page * limit]
        items = [SimpleNamespace(params={"uploadId": upload_id}) for upload_id in found]
        return SimpleNamespace(items=items, total=len(self.unfinished_imports))


def test_the_queue_has_the_calls_that_a_cleanup_makes():
    """
    The stand-in above takes the arguments that the real one takes.
    """
    for name in ("clean", "get", "in_bin", "jobs"):
        ours, real = (inspect.signature(getattr(kind, name)).parameters for kind in (Queue, QueueManager))
        assert set(ours) <= set(real)


@pytest.fixture
def clean(start):
    """Run one cleanup with this queue and answer what it removed."""

    def run_all(queue: Queue, *what: str, older_than_seconds: int = DAY_S) -> dict[str, int]:
        run = start(Cleanup(what=what, older_than_seconds=older_than_seconds))
        run.handler.__dict__["_queue"] = queue
        return run.all()["removed"]

    return run_all


def put(files: FileStore, name: str, age_s: float) -> str:
    with files.write(name) as out:
        out.write(b"x")
    then = time.time() - age_s
    os.utime(files.path(name), (then, then))
    return name


def test_ended_jobs_of_every_kind_are_cleaned_until_none_is_left(db, clean):
    """
    Completed, failed and cancelled jobs of that age are asked for, again and again while some were found.
    """
    queue = Queue(to_clean={"completed": 10_000, "failed": 2})
    assert clean(queue, "jobs", older_than_seconds=60) == {"jobs": 10_002}
    assert {status for _, status in queue.cleaned} == {"completed", "failed", "cancelled"}
    assert {grace_s for grace_s, _ in queue.cleaned} == {60}


def test_pictures_that_no_word_refers_to_go_and_the_others_stay(add_words, files, clean):
    """
    Old files without a record are orphans, half-written ones too; what is recorded or young stays.
    """
    word = add_words("cat")["cat"]
    names = [f"images/{word.id}/{name}" for name in ("current.webp", "older.webp", "orphan.webp", ".x.part")]
    for name in names:
        put(files, name, 2 * DAY_S)
    young = put(files, f"images/{word.id}/young.webp", 60)
    for fence, name in enumerate([names[1], names[0]], start=1):
        picture = NewImage("cartoon", "64x64", name, "minimal", "offline")
        images.put(word.id, picture, fence=fence, job_id="job-1")
    gone = put(files, "images/a-deleted-word/card.webp", 2 * DAY_S)
    assert clean(Queue(), "orphans") == {"orphans": 3}
    assert [files.exists(name) for name in [*names, young, gone]] == [True, True, False, False, True, False]
    assert not files.path("images/a-deleted-word").exists()


def test_an_upload_stays_while_an_import_is_yet_to_read_it(files, clean):
    """
    Old uploads go, but for those of imports that wait, are held or run, be they hundreds.
    """
    for name in ("needed", "done"):
        put(files, f"uploads/{name}/words.csv", 2 * DAY_S)
    uploads.save(files, io.BytesIO(b"x"), "words.csv", upload_id="young")
    queue = Queue(unfinished_imports=[*(f"other-{number}" for number in range(250)), "needed"])
    assert clean(queue, "orphans") == {"orphans": 1}
    assert [files.exists(f"uploads/{name}/words.csv") for name in ("needed", "done", "young")] == [True, False, True]


def test_files_of_ended_jobs_go_and_those_of_running_ones_stay(files, clean):
    """
    A job's folder goes when all in it is old and the job has ended or is gone for good.
    """
    for job_id in ("export-ended", "export-gone", "export-paused", "export-young", "export-binned"):
        put(files, f"jobs/{job_id}/words.csv", 2 * DAY_S)
        put(files, f"jobs/{job_id}/made/run-1.json", 2 * DAY_S)
    put(files, "jobs/export-young/rows/1.jsonl", 60)
    ended = {"export-ended": JobStatus.COMPLETED, "export-young": JobStatus.COMPLETED}
    queue = Queue(statuses=ended | {"export-paused": JobStatus.PAUSED}, binned={"export-binned"})
    assert clean(queue, "files") == {"files": 4}
    left = sorted(path.name for path in files.path("jobs").iterdir() if path.name.startswith("export"))
    assert left == ["export-binned", "export-paused", "export-young"]


def test_older_versions_go_and_every_kind_is_counted_by_itself(add_words, clean):
    """
    Each entry of `what` is one item with a count of its own.
    """
    word = add_words("cat")["cat"]
    for fence in (1, 2, 3):
        contents.put(word.id, [NewContent("definition", "x", "ok", "offline")], fence=fence, job_id="job-1")
    assert clean(Queue(), "versions", "jobs", "versions", older_than_seconds=3600) == {"jobs": 0, "versions": 0}
    time.sleep(0.01)
    assert clean(Queue(), "versions", older_than_seconds=0) == {"versions": 2}


def test_a_cleanup_called_again_after_a_kill_adds_what_it_still_finds(files, start):
    """
    The second call finds nothing more and keeps the first one's count.
    """
    put(files, "images/a/card.webp", 2 * DAY_S)
    run = start(Cleanup(what=["orphans"])).plan()
    run.handler.__dict__["_queue"] = Queue()
    run.work([0])
    run.settle([0])
    assert run.finish() == {"removed": {"orphans": 1}}
