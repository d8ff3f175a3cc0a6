"""Cleanup: ended jobs, what they left, files that nothing refers to, older versions."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

from vocaqueue import Context, FileStore, Handler, Item, JobNotFound, Outcome

from . import uploads
from .job_types import Cleanup
from .words import images, versions

ENDED = ("completed", "failed", "cancelled")
UNFINISHED = ("waiting", "active", "delayed", "paused")


class CleanupHandler(Handler):
    """
    An item is one entry of `what`.

    What was taken away is counted per entry in the job's own files. A worker that is killed between the two leaves a
    count that is too low, never one that is too high.
    """

    def run(self, item: Item, ctx: Context) -> Outcome:
        params: Cleanup = ctx.params
        steps = {"jobs": self._jobs, "files": self._files, "orphans": self._orphans, "versions": self._versions}
        _add_to_count(item.id, steps[item.id](params.older_than_seconds, ctx.files), ctx)
        return Outcome.done()

    def finish(self, ctx: Context) -> dict[str, Any]:
        """`{"removed": {entry of what: n}}`."""
        names = ctx.files.list(_counts(ctx))
        return {"removed": {name.removesuffix(".json"): _read_count(ctx, name) for name in names}}

    @cached_property
    def _queue(self) -> Any:
        from vocaqueue import QueueManager

        return QueueManager.from_env()

    def _jobs(self, older_than_s: int, _files: FileStore) -> int:
        removed = 0
        for status in ENDED:
            while now := self._queue.clean(grace_s=older_than_s, status=status, limit=10_000, skip_bin=True):
                removed += now  # in portions, so that a worker that is told to stop has not long to go
        return removed

    def _files(self, older_than_s: int, files: FileStore) -> int:
        removed = 0
        for folder in _folders(files, "jobs"):
            found = list(_files_below(folder))
            if found and _is_old(found, older_than_s) and self._has_ended(folder.name):
                files.remove(f"jobs/{folder.name}")
                removed += len(found)
        return removed

    def _has_ended(self, job_id: str) -> bool:
        try:
            return self._queue.get(job_id).status in ENDED
        except JobNotFound:
            return not self._queue.in_bin(job_id)  # what can be restored keeps its files

    def _orphans(self, older_than_s: int, files: FileStore) -> int:
        return self._orphaned_images(older_than_s, files) + self._orphaned_uploads(older_than_s, files)

    def _orphaned_images(self, older_than_s: int, files: FileStore) -> int:
        removed = 0
        for folder in _folders(files, "images"):
            old = [file for file in _files_below(folder) if _is_old([file], older_than_s)]
            names = {file: f"images/{folder.name}/{file.name}" for file in old}
            # Asked last, right before the end: a picture is written before it is recorded.
            known = images.known_files(names.values())
            for file, name in names.items():
                if name not in known:
                    file.unlink(missing_ok=True)
                    removed += 1
            _remove_if_empty(folder)
        return removed

    def _orphaned_uploads(self, older_than_s: int, files: FileStore) -> int:
        old = {
            folder: found
            for folder in _folders(files, uploads.FOLDER)
            if _is_old(found := list(_files_below(folder)), older_than_s)
        }
        needed = self._needed_uploads() if old else set()
        removed = 0
        for folder, found in old.items():
            if folder.name not in needed:
                files.remove(f"{uploads.FOLDER}/{folder.name}")
                removed += len(found)
        return removed

    def _needed_uploads(self) -> set[str]:
        """Uploads that an unfinished import is yet to read."""
        needed: set[str] = set()
        for page in count(1):
            found = self._queue.jobs(types=["batch-import"], statuses=UNFINISHED, page=page, limit=100)
            needed.update(job.params.get("uploadId") for job in found.items)
            if page * 100 >= found.total:
                break
        return needed

    def _versions(self, older_than_s: int, _files: FileStore) -> int:
        return versions.remove_older(before_ms=int((time.time() - older_than_s) * 1000))


def _folders(files: FileStore, name: str) -> Iterator[Path]:
    try:
        with os.scandir(files.path(name)) as entries:
            found = sorted(Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return
    yield from found


def _files_below(folder: Path) -> Iterator[Path]:
    """What is still being written is among them; it too is left behind by a crash."""
    return (path for path in folder.rglob("*") if path.is_file())


def _is_old(found: list[Path], older_than_s: int) -> bool:
    """Whether none of them was written within that time. What vanishes meanwhile counts as old."""
    limit = time.time() - older_than_s
    for file in found:
        try:
            if file.stat().st_mtime > limit:
                return False
        except FileNotFoundError:
            continue
    return True


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:  # not empty
        return


def _counts(ctx: Context) -> str:
    return f"{ctx.folder}/removed"


def _read_count(ctx: Context, name: str) -> int:
    with ctx.files.open(f"{_counts(ctx)}/{name}") as count:
        return int(json.load(count))


def _add_to_count(what: str, removed: int, ctx: Context) -> None:
    name = f"{what}.json"
    before = _read_count(ctx, name) if ctx.files.exists(f"{_counts(ctx)}/{name}") else 0
    with ctx.files.write(f"{_counts(ctx)}/{name}") as out:
        out.write(json.dumps(before + removed).encode())
