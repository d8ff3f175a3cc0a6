"""
The release phase: `python -m workers.release`, run once before the other processes start.

Brings the words database to its newest version, makes the schedule of the nightly cleanup, and gives an empty database
the sample list, by a batch-import job as anybody would submit it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vocaqueue import FileStore, Settings, VocaqueueError

from . import uploads
from .job_types import BatchImport, Cleanup
from .words import database, marks, records

if TYPE_CHECKING:
    from vocaqueue import QueueManager

SAMPLE = Path(__file__).parent / "sample" / "words.csv"
SAMPLE_UPLOAD = "sample-words"
SAMPLE_MARK = "sample-import"
NIGHTLY = "nightly-cleanup"
NIGHTLY_CRON = "0 3 * * *"  #: in VOCAQUEUE_TIME_ZONE
NIGHTLY_OLDER_S = 30 * 86_400  #: longer than the type's default: who comes back from a holiday finds what failed


def release(settings: Settings) -> str | None:
    """
    Migrate, make the nightly cleanup once, and submit the sample import where it is wanted.

    Returns:
        The id of the import, where this call submitted it.

    Raises:
        VocaqueueError: The database cannot be opened, or the job store is away. The next start tries again.
    """
    database.migrate(settings.database_url)
    from vocaqueue import QueueManager

    queue = QueueManager.from_env()
    try:
        # Once in the life of a ledger: who changes or removes it means it.
        nightly = Cleanup(older_than_seconds=NIGHTLY_OLDER_S)
        queue.schedules.add_once(NIGHTLY, nightly, cron=NIGHTLY_CRON, name="Nightly cleanup", created_by="system")
        return _import_sample(queue, settings)
    finally:
        queue.close()


def _import_sample(queue: QueueManager, settings: Settings) -> str | None:
    # The mark outlives the words and the job: who empties the list later wants it empty.
    if not settings.sample or marks.get(SAMPLE_MARK) is not None or records.count():
        return None
    with SAMPLE.open("rb") as sample:
        uploads.save(FileStore.from_url(settings.storage_url), sample, "sample words.csv", upload_id=SAMPLE_UPLOAD)
    job = queue.add(BatchImport(upload_id=SAMPLE_UPLOAD), created_by="system", name="Sample words")
    # A crash right here submits it once more at the next start; the same rows then change nothing.
    marks.put(SAMPLE_MARK, job.id)
    return job.id


def main() -> int:
    try:
        job_id = release(Settings.from_env())
    except VocaqueueError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"The sample words are being imported by job {job_id}." if job_id else "The words database is ready.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
