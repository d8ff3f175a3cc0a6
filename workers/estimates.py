"""
What a job would take, said where it is submitted. The offline provider computes, so its work costs nothing.

How long it takes is measured by the queue; these only count items that no list of ids names.
"""

from __future__ import annotations

import csv

from vocaqueue import Estimate, FileStore, Settings

from . import uploads
from .job_types import BatchImport, Export
from .tables import parts
from .words import selection

COUNTED_BYTES = 32 * 1024**2  #: of an upload whose rows are counted, which takes about a second; the rest is projected


def estimate_free(_params: object) -> Estimate:
    """Pictures, texts and cleanups: the queue counts the items by their ids."""
    return Estimate(cost_usd=0.0)


def estimate_export(params: Export) -> Estimate:
    """The words that the filter selects now; `plan` fixes them when the job begins."""
    return Estimate(items=selection.count(params.filter), cost_usd=0.0)


def estimate_import(params: BatchImport) -> Estimate:
    """
    The rows of the upload: all of them, of a file larger than `COUNTED_BYTES` projected from its beginning.

    None where the file breaks off; the job itself says then where.
    """
    files = FileStore.from_url(Settings.from_env().storage_url)
    upload = uploads.find(files, params.upload_id)
    found, read_bytes = -1, 0  # the first row is the header
    try:
        with files.open(upload.file) as stream:
            for _ in parts.read_table(stream):
                found += 1
                if found % 1000 == 0 and (read_bytes := stream.tell()) > COUNTED_BYTES:
                    found = round(found * upload.size_bytes / read_bytes)
                    break
    except csv.Error:
        return Estimate(cost_usd=0.0)
    return Estimate(items=max(0, found), cost_usd=0.0)
