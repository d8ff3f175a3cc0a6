"""A whole `start`, in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

START = """
import sys
from vocaqueue.cli.start import start
from vocaqueue.settings import Settings
sys.exit(start(Settings.from_env(), make_link=lambda settings: "the link"))
"""


def wait_until(is_so: Callable[[], object], within_s: float = 8.0) -> None:
    until = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < until, f"not so within {within_s} s"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """A zombie is dead, though its number is still there."""
    ps = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], check=False, capture_output=True, text=True)
    state = ps.stdout.strip()
    return bool(state) and not state.startswith("Z")


class System:
    """One start; all that it says is in `output`."""

    def __init__(self, folder: Path, code: str = START, **options: object) -> None:
        self._log = folder / f"output-{time.monotonic_ns()}"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code], stdin=subprocess.DEVNULL,
                **{"cwd": folder, "stdout": log, "stderr": subprocess.STDOUT, **options},
            )  # fmt: skip
        self.pid = self.process.pid

    @property
    def output(self) -> str:
        return self._log.read_text()

    def says(self, text: str, times: int = 1, within_s: float = 8.0) -> None:
        try:
            wait_until(lambda: self.output.count(text) >= times, within_s)
        except AssertionError:
            raise AssertionError(f"{text!r} is not {times} times in:\n{self.output}") from None

    def pid_of(self, name: str) -> int:
        """The last one it said."""
        return int(self.output.rpartition(f"| {name} started (pid ")[2].partition(")")[0])

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ends(self, within_s: float = 8.0) -> int:
        return self.process.wait(within_s)

    def stop(self) -> int:
        self.signal(signal.SIGINT)
        return self.ends()
