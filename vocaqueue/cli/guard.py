"""Kills what a supervisor that was itself killed leaves behind."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from contextlib import suppress

#: Keeps the last list of process groups it read; when the pipe closes, whoever is on it is killed.
SCRIPT = 'while read -r line; do groups=$line; done; for group in $groups; do kill -9 "-$group"; done 2>/dev/null'


class Guard:
    """
    A shell beside the supervisor, which notices its death by the end of a pipe.

    The death signal that Linux sends does not reach the children of a killed process (gunicorn's keep the port open),
    and other systems have no such signal.
    """

    def __init__(self) -> None:
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", SCRIPT], stdin=subprocess.PIPE, bufsize=0, start_new_session=True
        )

    def watch(self, groups: Iterable[int]) -> None:
        """Replace the list."""
        assert self._shell.stdin
        with suppress(OSError):  # the guard was killed; the death signals are left
            self._shell.stdin.write(" ".join(map(str, groups)).encode() + b"\n")

    def close(self) -> None:
        self._shell.communicate()
