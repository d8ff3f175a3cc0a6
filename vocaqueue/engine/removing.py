"""Taking jobs away and putting them back: one, old ones, those that never began, many at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..archive.bin import BinEntry, BinPage
from ..errors import Detail, InvalidParams
from ..job import FINAL, JobStatus
from .base import QueueBase
from .bulk import Bulk, BulkResult, JobFilter
from .handle import Job

LONGEST_GRACE_S = 10 * 365 * 86_400.0
HIGHEST_LIMIT = 10_000_000


class Removing(QueueBase):
    """The acts of a QueueManager that take jobs away, and those on many jobs."""

    def remove(self, job_id: str, *, by: str | None = None, skip_bin: bool = False) -> BinEntry | None:
        """
        Take an ended job away. It can be restored for 24 hours, files and all.

        Args:
            by: Who does it, for the bin's list.
            skip_bin: Take it away for good, with its files, and answer None.

        Raises:
            JobNotFound
            WrongStatus: It has not ended.
            ArchiveUnavailable: The bin cannot be written; nothing was removed.
        """
        entry = self._removal.remove(job_id, by=by, skip_bin=skip_bin)
        self.ledger.wait_for_disk()
        return entry

    def clean(
        self,
        *,
        grace_s: float,
        status: str | JobStatus = JobStatus.COMPLETED,
        limit: int | None = None,
        type_name: str | None = None,
        by: str | None = None,
        skip_bin: bool = False,
    ) -> int:
        """
        Take away jobs that ended in a status at least `grace_s` seconds ago, oldest first. Answers how many.

        Args:
            limit: Not more than so many.
            type_name: Only of this type.
            skip_bin: Take them away for good, with their files; else they can be restored for 24 hours.

        Raises:
            InvalidParams: `status` is none that a job can end in, or `grace_s` or `limit` makes no sense.
            UnknownType
            ArchiveUnavailable: The bin cannot be written; what was removed before is in it.
        """
        ended = _check_clean(grace_s, status, limit)
        return self._removal.clean(
            status=ended,
            before_ms=self.now_ms() - round(grace_s * 1000),
            limit=limit,
            type_name=type_name and self.job_types.get(type_name).name,
            by=by,
            skip_bin=skip_bin,
        )

    def empty(
        self,
        *,
        type_name: str | None = None,
        delayed: bool = False,
        limit: int | None = None,
        by: str | None = None,
        skip_bin: bool = False,
    ) -> int:
        """
        Take away jobs that never began, held ones too; what is held stays held. Answers how many.

        Args:
            delayed: Those that wait for a time as well.
            limit: Not more than so many, the newest first.

        Raises: as `clean`.
        """
        _check_limit(limit)
        return self._removal.empty(
            type_name=type_name and self.job_types.get(type_name).name,
            delayed=delayed,
            limit=limit,
            by=by,
            skip_bin=skip_bin,
        )

    def bin(self, *, types: Sequence[str] = (), page: int = 1, limit: int = 20) -> BinPage:
        """What was removed by hand in the last 24 hours, the last removed first. Raises ArchiveUnavailable."""
        return self._removal.page(types=types, page=page, limit=limit)

    def in_bin(self, job_id: str) -> bool:
        """Whether the bin keeps this job, and so its files. Raises ArchiveUnavailable."""
        return bool(self.aside(self._removal.bin.holds, [job_id]))

    def restore(self, job_id: str) -> Job:
        """
        Put a removed job back: the same id, turn, items and counts. One that had not ended goes on, unless it is held.

        Raises:
            NotInBin: It is not there, or not any more.
            WrongStatus: Somebody else restored it meanwhile.
            ArchiveUnavailable
        """
        self._removal.restore(job_id)
        return self.get(job_id)

    def bulk(
        self,
        action: str,
        *,
        ids: Sequence[str] | None = None,
        filter: JobFilter | None = None,
        preview_id: str | None = None,
        by: str | None = None,
        skip_bin: bool = False,
    ) -> BulkResult:
        """
        `retry`, `cancel`, `delete`, `pause` or `resume` many jobs; what does not fit a job's state skips it.

        Args:
            ids: These jobs; or `filter`: all that fit; or `preview_id`: those that `bulk_preview` showed.

        Raises:
            InvalidParams, TooMany: They select nothing that makes sense, or more than 100,000 jobs.
            NoPreview: It is unknown, older than ten minutes, or of another act.
            ArchiveUnavailable: Of `delete`.
        """
        return self._bulk().act(action, ids=ids, filter_=filter, preview_id=preview_id, by=by, skip_bin=skip_bin)

    def bulk_preview(
        self, action: str, *, ids: Sequence[str] | None = None, filter: JobFilter | None = None
    ) -> dict[str, Any]:
        """What `bulk` would touch, as the API answers it, with a `previewId` that stands for just those jobs."""
        return self._bulk().preview(action, ids=ids, filter_=filter)

    def _bulk(self) -> Bulk:
        return Bulk(self.ledger, self._removal, send=self.send, patience_s=self.patience_s)


def _check_limit(limit: object) -> None:
    if limit is None or (isinstance(limit, int) and not isinstance(limit, bool) and 1 <= limit <= HIGHEST_LIMIT):
        return
    message = f"limit must be a whole number from 1 to {HIGHEST_LIMIT:,}."
    raise InvalidParams(message, [Detail("limit", "out_of_range", message)])


def _check_clean(grace_s: object, status: str | JobStatus, limit: object) -> JobStatus:
    """Raises InvalidParams that names what makes no sense."""
    _check_limit(limit)
    is_number = isinstance(grace_s, int | float) and not isinstance(grace_s, bool)
    if not is_number or not 0 <= grace_s <= LONGEST_GRACE_S:  # type: ignore[operator]
        message = "grace must be from 0 seconds to ten years."
        raise InvalidParams(message, [Detail("grace", "out_of_range", message)])
    if status not in FINAL:
        message = f"status must be completed, failed or cancelled; “{status}” is not; empty takes jobs that wait."
        raise InvalidParams(message, [Detail("status", "invalid", message)])
    return JobStatus(status)
