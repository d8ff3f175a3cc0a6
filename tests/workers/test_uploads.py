"""Uploads: names, sizes, what is found again."""

from __future__ import annotations

import io

import pytest

from workers import uploads


def test_an_upload_is_found_again_under_its_name(files):
    """
    The name that its owner gave it stays, in any alphabet; the size is counted.
    """
    saved = uploads.save(files, io.BytesIO(b"12345"), "내 단어장 (1).csv")
    assert uploads.find(files, saved.id) == saved
    assert (saved.name, saved.size_bytes) == ("내 단어장 (1).csv", 5)
    with files.open(saved.file) as stream:
        assert stream.read() == b"12345"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        (r"C:\Users\kim\words.csv", "words.csv"),
        ("", "upload"),
        ("..", "upload"),
        (".csv", "csv"),
        ("a\x00b?.csv", "a_b_.csv"),
        ("글" * 200 + ".csv", "글" * 65 + ".csv"),
        ("x" * 300, "x" * 200),
    ],
)
def test_names_are_made_safe(given, kept):
    """
    No folder, no forbidden sign, not too long for a file system, never empty.
    """
    assert uploads.safe_name(given) == kept


def test_what_is_too_large_is_refused_and_not_kept(files):
    """
    The stream is not read beyond the limit, and no part of it stays.
    """
    stream = io.BytesIO(b"x" * 5_000_000)
    with pytest.raises(uploads.UploadTooLarge, match="larger than 1 MB"):
        uploads.save(files, stream, "big.csv", upload_id="big", limit_bytes=1024 * 1024)
    assert stream.tell() < 3_000_000
    assert list(files.path("uploads/big").iterdir()) == []
    with pytest.raises(uploads.UploadNotFound):
        uploads.find(files, "big")


@pytest.mark.parametrize("upload_id", ["nobody", "..", "a/../../b", ""])
def test_an_upload_that_is_not_there(files, upload_id):
    """
    Ids that nobody gave out, and ids that are none, are simply not found.
    """
    with pytest.raises(uploads.UploadNotFound, match="Upload the file again"):
        uploads.find(files, upload_id)
