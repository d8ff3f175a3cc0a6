"""What VocaVision's job types say of a job before it is made."""

from __future__ import annotations

import io

import pytest

from vocaqueue import Estimate
from vocaqueue.registry import load_object
from workers import estimates, uploads
from workers.job_types import JOB_TYPES, BatchImport, Export

HEADER = b"word,meaning,pos,level\n"


@pytest.mark.parametrize("job_type", JOB_TYPES, ids=lambda job_type: job_type.name)
def test_every_type_has_an_estimate(job_type):
    """
    A function that is there.
    """
    assert callable(load_object(job_type.estimate))


def test_an_export_counts_the_words_of_its_filter(add_words):
    """
    Those that it would write now, for nothing.
    """
    add_words("cat", "dog")
    add_words("run", level="B1")
    assert estimates.estimate_export(Export()) == Estimate(items=3, cost_usd=0)
    assert estimates.estimate_export(Export(filter={"level": "A1"})) == Estimate(items=2, cost_usd=0)


def test_an_import_counts_its_rows(files):
    """
    As many as the import finds: the header and empty lines are none.
    """
    rows = b"".join(b"word%d,x,noun,A1\n\n" % n for n in range(2500))
    upload = uploads.save(files, io.BytesIO(HEADER + rows), "words.csv")
    assert estimates.estimate_import(BatchImport(upload_id=upload.id)).items == 2500


def test_a_large_file_is_projected_from_its_beginning(files, monkeypatch):
    """
    Of equal rows the projection is within a few percent.
    """
    monkeypatch.setattr(estimates, "COUNTED_BYTES", 200_000)
    rows = b"".join(b"word%06d,x,noun,A1\n" % n for n in range(50_000))
    upload = uploads.save(files, io.BytesIO(HEADER + rows), "words.csv")
    found = estimates.estimate_import(BatchImport(upload_id=upload.id)).items
    assert found != 50_000
    assert abs(found - 50_000) < 1500


def test_a_file_that_breaks_off_has_no_number_of_rows(files):
    """
    A quote that is never closed leaves it unknown.
    """
    upload = uploads.save(files, io.BytesIO(HEADER + b'cat,"x,noun,A1\n' + b"y" * 1_100_000), "words.csv")
    assert estimates.estimate_import(BatchImport(upload_id=upload.id)).items is None
