"""Every failed item of a job as a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flask import Response

from ..job import iso
from . import downloads
from .downloads import Table

if TYPE_CHECKING:
    from ..engine.queue import QueueManager
    from ..store.item_states import ItemState

COLUMNS = ("position", "itemId", "itemName", "code", "message", "timestamp", "attempts")
WIDTHS = (10, 40, 30, 20, 80, 26, 10)


def download(queue: QueueManager, job_id: str, kind: str) -> Response:
    """
    The file as an answer.

    Raises:
        JobNotFound
        StoreUnavailable: Before anything was sent; on the way the answer breaks off.
    """
    head = f'"jobId":{json.dumps(job_id)},'
    table = Table("errors", COLUMNS, WIDTHS, lambda failure: list(row(failure).values()), row, head)
    return downloads.download(queue, table, queue.failures(job_id), kind, f"{job_id}-errors")


def row(failure: ItemState) -> dict[str, Any]:
    """A failed item, as in the job's own `errors` and with its position."""
    values = (
        failure.position,
        failure.item_id,
        failure.item_name,
        failure.code,
        failure.message,
        iso(failure.at_ms),
        failure.attempts,
    )
    return dict(zip(COLUMNS, values, strict=True))
