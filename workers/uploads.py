"""Files that people hand in, kept under `uploads/{id}/{name}` in the file store."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import IO
from uuid import uuid4

from vocaqueue import FileStore, VocaqueueError

FOLDER = "uploads"
LIMIT_BYTES = 2 * 1024**3
COPY_BYTES = 1024 * 1024
LONGEST_NAME_BYTES = 200  #: a file system takes 255, and the store adds to it while it writes
_NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|\ud800-\udfff]+')


class UploadTooLarge(VocaqueueError):
    code = "too_large"

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        super().__init__(f"The file is larger than {limit_bytes // 1024**2} MB. Split it, and upload the parts.")


class UploadNotFound(VocaqueueError):
    code = "upload_not_found"

    def __init__(self, upload_id: str) -> None:
        self.upload_id = upload_id
        super().__init__(f"There is no upload “{upload_id}”. Upload the file again, and use the id of the answer.")


@dataclass(frozen=True, slots=True)
class Upload:
    id: str
    name: str  #: as handed in, made safe
    size_bytes: int

    @property
    def file(self) -> str:
        """Its name in the file store."""
        return f"{FOLDER}/{self.id}/{self.name}"


def save(
    files: FileStore,
    stream: IO[bytes],
    filename: str,
    *,
    upload_id: str | None = None,
    limit_bytes: int = LIMIT_BYTES,
) -> Upload:
    """
    Copy a stream into the file store, a block at a time.

    Args:
        filename: As its owner calls it; folders and characters that some system forbids are taken out.
        upload_id: One that is known beforehand; None makes a new one.

    Raises:
        UploadTooLarge: More than `limit_bytes` came; nothing is kept.
    """
    upload_id = upload_id or uuid4().hex
    name = safe_name(filename)
    size = 0
    with files.write(f"{FOLDER}/{upload_id}/{name}") as out:
        while block := stream.read(COPY_BYTES):
            size += len(block)
            if size > limit_bytes:
                raise UploadTooLarge(limit_bytes)
            out.write(block)
    return Upload(upload_id, name, size)


def find(files: FileStore, upload_id: str) -> Upload:
    """Raises UploadNotFound."""
    try:
        names = files.list(f"{FOLDER}/{upload_id}")
    except ValueError:  # no id of ours
        names = []
    if not names:
        raise UploadNotFound(upload_id)
    upload = Upload(upload_id, names[0], 0)
    return Upload(upload_id, names[0], files.path(upload.file).stat().st_size)


def discard(files: FileStore, upload_id: str) -> None:
    """Throw an upload away; one that is not there is no error."""
    files.remove(f"{FOLDER}/{upload_id}")


def safe_name(filename: str) -> str:
    """The last part of a path, in any alphabet, short enough for every file system."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", filename))[-1]
    name = _NOT_IN_NAMES.sub("_", last).strip().lstrip(".")
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix) > 10:
        stem, dot, suffix = name, "", ""
    room = LONGEST_NAME_BYTES - len((dot + suffix).encode())
    stem = stem.encode()[:room].decode(errors="ignore")
    return f"{stem}{dot}{suffix}" if stem else f"upload{dot}{suffix}"
