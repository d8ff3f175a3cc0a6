"""
The release phase: `python -m workers.release`, run once before the other processes start.

Brings the words database to its newest version and gives an empty one the sample list, by a batch-import job as anybody
would submit it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from vocaqueue import FileStore, Settings, VocaqueueError

from . import uploads
from .job_types import BatchImport
from .words import database, marks, records

SAMPLE = Path(__file__).parent / "sample" / "words.csv"
SAMPLE_UPLOAD = "sample-words"
SAMPLE_MARK = "sample-import"


def release(settings: Settings) -> str | None:
    """
    Migrate, and submit the sample import where it is wanted.

    Returns:
        The id of the import, where this call submitted it.

    Raises:
        VocaqueueError: The database cannot be opened, or the job store is away. The next start tries again.
    """
    database.migrate(settings.database_url)
    # The mark outlives the words and the job: who empties the list later wants it empty.
    if not settings.sample or marks.get(SAMPLE_MARK) is not None or records.count():
        return None
    with SAMPLE.open("rb") as sample:
        uploads.save(FileStore.from_url(settings.storage_url), sample, "sample words.csv", upload_id=SAMPLE_UPLOAD)
    from vocaqueue import QueueManager

    queue = QueueManager.from_env()
    try:
        job = queue.add(BatchImport(upload_id=SAMPLE_UPLOAD), created_by="system", name="Sample words")
    finally:
        queue.close()
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
