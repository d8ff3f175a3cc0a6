"""Files that jobs read and make: uploads, exports, pictures. A local folder for now."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4

from .errors import BadSettings, NotSupported


class FileStore:
    """
    A tree of files under one root; names are relative, with `/` between the parts.

    What is written appears under its name whole or not at all (temporary name, fsync, rename).
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def from_url(cls, url: str) -> FileStore:
        """`file://var/files` (relative to the working directory) or `file:///srv/files`."""
        scheme, _, rest = url.partition("://")
        if scheme == "s3":
            raise NotSupported("STORAGE_URL: s3:// is not part of this version; use file://FOLDER")
        if scheme != "file" or not rest:
            raise BadSettings(f"STORAGE_URL must read like file://var/files, not {url!r}")
        return cls(Path(rest))

    def path(self, name: str) -> Path:
        """The file's place on disk. Raises ValueError for a name that would leave the root."""
        parts = name.split("/")
        if any(part in {"", ".", ".."} or "\0" in part or "\\" in part for part in parts):
            raise ValueError(f"not a file name: {name!r}")
        return self.root.joinpath(*parts)

    @contextmanager
    def write(self, name: str) -> Iterator[IO[bytes]]:
        """A binary file that takes the name when the block ends well, and vanishes when it does not."""
        target = self.path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{uuid4().hex}.part")
        try:
            with temporary.open("xb") as out:
                yield out
                out.flush()
                os.fsync(out.fileno())
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def open(self, name: str) -> IO[bytes]:
        """Raises FileNotFoundError."""
        return self.path(name).open("rb")

    def exists(self, name: str) -> bool:
        return self.path(name).is_file()

    def list(self, folder: str) -> list[str]:
        """Names of the files directly in a folder, sorted, without what is still being written."""
        try:
            entries = sorted(self.path(folder).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [entry.name for entry in entries if entry.is_file() and not entry.name.startswith(".")]

    def remove(self, name: str) -> None:
        """Take a file or a whole folder away; one that is not there is fine."""
        path = self.path(name)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
