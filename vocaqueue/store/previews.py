"""What a bulk act was shown for: frozen lists of jobs, for some minutes."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from uuid import uuid4

from .ledger import Ledger

KEPT_S = 600


def keep_preview(ledger: Ledger, action: str, job_ids: Sequence[str], *, patience_s: float = 2.0) -> str:
    """Answers the preview's id."""
    preview_id = uuid4().hex
    packed = zlib.compress(json.dumps([action, list(job_ids)]).encode(), 1)
    key = ledger.keys("preview", preview_id)
    ledger.patiently(lambda: ledger.client.set(key, packed, ex=KEPT_S), patience_s)
    return preview_id


def read_preview(ledger: Ledger, preview_id: str, *, patience_s: float = 2.0) -> tuple[str, list[str]] | None:
    """(action, job ids); None when it is unknown or too old."""
    packed = ledger.patiently(lambda: ledger.client.get(ledger.keys("preview", preview_id)), patience_s)
    if packed is None:
        return None
    action, job_ids = json.loads(zlib.decompress(packed))
    return action, job_ids
