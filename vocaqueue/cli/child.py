"""One process of the supervisor, through all its lives."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from time import monotonic

STEADY_S = 30.0  #: a process that ran so long starts again without what was held against it
LINE_LIMIT = 64 * 1024  #: bytes after which a line without an end is passed on all the same

PR_SET_PDEATHSIG = 1  #: prctl(2); other systems than Linux have no such thing
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


@dataclass(frozen=True, kw_only=True)
class Command:
    args: Sequence[str]
    delays_s: Sequence[float] = (0.5, 1, 2, 4, 5)  #: before it comes back after the first, second, ... end in a row
    death_signal: signal.Signals = signal.SIGKILL  #: what Linux sends it when the supervisor dies
    pass_fds: Sequence[int] = ()


@dataclass(frozen=True, kw_only=True)
class Service(Command):
    """What the other processes need before they start."""

    is_up: Callable[[], bool]  #: asked every 0.05 s
    up_within_s: float = 120.0
    explain: Callable[[], str] = str  #: what it left behind, for the message when it does not come up


class Child:
    """
    Attributes:
        process: Its present life, if any.
        status: Of its last end, as `Popen.returncode` has it.
        back_at: When its next life begins, on the clock of `monotonic`; `inf` for never.
    """

    def __init__(self, name: str, command: Command, *, comes_back: bool = True) -> None:
        self.name, self.command, self.comes_back = name, command, comes_back
        self.process: subprocess.Popen[bytes] | None = None
        self.status = 0
        self.back_at = inf
        self.began = 0.0
        self._ends = 0  # in a row, none of them after STEADY_S
        self._rest = b""  # of a line whose end has not been read yet

    def start(self, env: Mapping[str, str]) -> str:
        """Begin a life, in a session and process group of its own; returns a sentence about it."""
        self.back_at, self.began = inf, monotonic()
        parent, death_signal = os.getpid(), int(self.command.death_signal)

        def die_with_parent() -> None:
            if _prctl:
                _prctl(PR_SET_PDEATHSIG, death_signal)
                if os.getppid() != parent:  # it died before it could be watched
                    os._exit(1)

        try:
            self.process = subprocess.Popen(
                self.command.args, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                bufsize=0, start_new_session=True, pass_fds=self.command.pass_fds, preexec_fn=die_with_parent,  # noqa: PLW1509 - unsafe beside threads; there are none
            )  # fmt: skip
        except OSError as error:
            self.status = 127
            return self._plan(f"{self.name} cannot be started ({error.strerror}: {error.filename})")
        assert self.process.stdout
        os.set_blocking(self.process.stdout.fileno(), False)
        return f"{self.name} started (pid {self.process.pid})"

    def read(self) -> list[bytes] | None:
        """The lines it has written since; None at the end of its output."""
        pipe = self.process.stdout if self.process else None
        data = pipe.read(LINE_LIMIT) if pipe else None
        return None if data == b"" else self._split(data or b"")

    def end(self) -> tuple[list[bytes], str]:
        """Bury a life that has ended: returns its last lines, and a sentence about its end and return."""
        process = self.process
        assert process
        assert process.stdout
        self.signal(signal.SIGKILL)  # whoever is left of its group, so that the next life does not meet the last one
        lines: list[bytes] = []
        while data := process.stdout.read(LINE_LIMIT):
            lines += self._split(data)
        if self._rest:
            lines.append(self._rest)
        process.stdout.close()
        self.process, self._rest, self.status = None, b"", process.returncode
        return lines, self._plan(f"{self.name} (pid {process.pid}) ended with {_how(self.status)}")

    def signal(self, number: signal.Signals) -> None:
        """SIGKILL goes to the whole group; anything else to the main process only, which knows its children better."""
        if self.process:
            with suppress(ProcessLookupError, PermissionError):  # it was quicker
                (os.killpg if number == signal.SIGKILL else os.kill)(self.process.pid, number)

    def _split(self, data: bytes) -> list[bytes]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LINE_LIMIT:
            lines, self._rest = [*lines, self._rest], b""
        return lines

    def _plan(self, what: str) -> str:
        self._ends = 1 if monotonic() - self.began >= STEADY_S else self._ends + 1
        if not self.comes_back:
            return what
        delay_s = self.command.delays_s[min(self._ends, len(self.command.delays_s)) - 1]
        self.back_at = monotonic() + delay_s
        return f"{what} and comes back {f'in {delay_s:g} s' if delay_s else 'at once'}"


def _how(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    names = {number.value: number.name for number in signal.Signals}
    return names.get(-status, f"signal {-status}")
