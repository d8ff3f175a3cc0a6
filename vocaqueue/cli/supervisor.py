"""
Run processes side by side until Ctrl-C, and bring back each one that ends.

Services (a database) start first and stop last; `release` runs once to its end before the rest.
docs/decisions/0002-supervisor.md says why this is not somebody else's program.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from math import inf
from time import monotonic
from typing import BinaryIO, cast

from .child import Child, Command, Service
from .guard import Guard

COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)  #: of the names, on a terminal


class Supervisor:
    """
    Args:
        processes: Name and command, in the order of their start.
        services: What they need; see `Service`.
        release: Run once, after the services and before the processes. If it fails, `run` stops and returns its status.
        env: Environment of all of them.
        is_ready: Asked every 0.2 s once the processes run, until it says yes; must answer quickly.
        on_ready: Called then, once; the lines it returns are printed.
        out: Where all output goes, by default stdout.
        limits_s: Between SIGTERM and SIGKILL: of the processes, then of the services.
    """

    def __init__(
        self,
        processes: Mapping[str, Command],
        *,
        services: Mapping[str, Service] | None = None,
        release: Command | None = None,
        env: Mapping[str, str] | None = None,
        is_ready: Callable[[], bool] | None = None,
        on_ready: Callable[[], str] = str,
        out: BinaryIO | None = None,
        limits_s: tuple[float, float] = (10.0, 4.0),
    ) -> None:
        self._services = [Child(*service, comes_back=False) for service in (services or {}).items()]
        self._release = [Child("release", release, comes_back=False)] if release else []
        self._processes = [Child(*process) for process in processes.items()]
        self._children = [*self._services, *self._release, *self._processes]
        self._env = dict(os.environ if env is None else env)
        self._is_ready, self._on_ready, self._limits_s = is_ready, on_ready, limits_s
        self._out = out or sys.stdout.buffer
        self._names = ["start", *(child.name for child in self._children)]
        self._colour = self._out.isatty() and "NO_COLOR" not in os.environ
        self._selector = selectors.DefaultSelector()
        self._asked: signal.Signals | None = None  # the signal that said stop
        self._at_once = False

    def run(self) -> int:
        """Exit status: 0 after the first Ctrl-C, 130 after the second, else that of what failed. Main thread only."""
        with closing(Guard()) as self._guard, self._signals():
            try:
                status = self._live()
            finally:
                self._stop([*self._release, *self._processes], self._limits_s[0])
                self._stop(self._services, self._limits_s[1])
        return 130 if self._at_once else status

    def say(self, *lines: str) -> None:
        self._print("start", [line.encode() for line in lines])

    def _live(self) -> int:
        for child in self._services:
            self._start(child)
            if not self._came_up(child, cast(Service, child.command)):
                return 1
        for child in self._release if not self._asked else ():
            self._start(child)
            while child.process and not self._asked:
                self._turn()
            if child.status and not self._asked:
                self.say("release failed, so nothing else was started. Its own words are above; mend it and try again.")
                return child.status if child.status > 0 else 128 - child.status
        for child in self._processes if not self._asked else ():
            self._start(child)
        is_ready = self._is_ready
        while not self._asked:
            self._turn(monotonic() + 0.2 if is_ready else inf)
            if is_ready and is_ready():
                is_ready = None
                self.say(*self._on_ready().splitlines())
        return 0

    def _came_up(self, child: Child, service: Service) -> bool:
        until = child.began + service.up_within_s
        while not self._asked and not service.is_up():
            if not child.process or monotonic() > until:
                why = f"gave no answer within {service.up_within_s:g} s" if child.process else "did not start"
                self.say(*f"{child.name} {why}, so nothing else was started. {service.explain()}".splitlines())
                return False
            self._turn(monotonic() + 0.05)
        child.comes_back = True
        return True

    def _turn(self, until: float = inf) -> None:
        """Wait until something happens, at most until `until`; then deal with all that has."""
        due = min(until, monotonic() + 1.0, *(child.back_at for child in self._children))
        for key, _ in self._selector.select(max(0.0, due - monotonic())):
            if key.data is None:
                cast(socket.socket, key.fileobj).recv(4096)  # a signal woke us; its handler has run
            elif (lines := key.data.read()) is None:
                self._selector.unregister(key.fileobj)
            else:
                self._print(key.data.name, lines)
        for child in self._children:
            if child.process and child.process.poll() is not None:
                self._bury(child)
            elif child.back_at <= monotonic():
                self._start(child)

    def _start(self, child: Child) -> None:
        self.say(child.start(self._env))
        if child.process:
            self._selector.register(cast(BinaryIO, child.process.stdout), selectors.EVENT_READ, child)
            self._tell_guard()

    def _bury(self, child: Child) -> None:
        assert child.process
        with suppress(KeyError):  # its output may have ended before it did
            self._selector.unregister(cast(BinaryIO, child.process.stdout))
        lines, sentence = child.end()
        self._print(child.name, lines)
        self.say(sentence)
        self._tell_guard()

    def _stop(self, children: Sequence[Child], limit_s: float) -> None:
        for child in children:
            child.comes_back, child.back_at = False, inf
        if children is not self._services and not self._at_once and any(child.process for child in children):
            why = f" ({self._asked.name})" if self._asked else ""
            self.say(f"Stopping{why}: what runs may end or is handed back. Ctrl-C again ends everything at once.")
        for child in children if not self._at_once else ():
            child.signal(signal.SIGTERM)
        left = self._wait(children, limit_s, lambda: self._at_once)
        if left:
            why = "" if self._at_once else f": still there {limit_s:g} s after SIGTERM"
            self.say(f"Killing {', '.join(child.name for child in left)}{why}")
        for child in left:
            child.signal(signal.SIGKILL)
        self._wait(left, 2.0)  # SIGKILL waits for nobody but the kernel

    def _wait(self, children: Sequence[Child], limit_s: float, is_enough: Callable[[], bool] = bool) -> list[Child]:
        until = monotonic() + limit_s
        while any(child.process for child in children) and monotonic() < until and not is_enough():
            self._turn(until)
        return [child for child in children if child.process]

    def _tell_guard(self) -> None:
        # A service is left out: its death signal lets it end in order.
        self._guard.watch(c.process.pid for c in self._children if c.process and c not in self._services)

    def _print(self, name: str, lines: Iterable[bytes]) -> None:
        head = f"{name:{max(map(len, self._names))}} | ".encode()
        if self._colour:
            head = b"\x1b[%dm%s\x1b[0m" % (COLOURS[self._names.index(name) % len(COLOURS)], head)
        try:
            self._out.write(b"".join(head + line.rstrip(b"\r") + b"\n" for line in lines))
            self._out.flush()
        except OSError:  # the terminal or pipe is gone; the processes are to be run and stopped in order all the same
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), self._out.fileno())

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def handle(number: int, _frame: object) -> None:  # no printing here: it may interrupt a print
            if number != signal.SIGCHLD:
                self._at_once = self._at_once or (self._asked is not None and number == signal.SIGINT)
                self._asked = self._asked or signal.Signals(number)

        hangup = [] if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else [signal.SIGHUP]  # nohup
        listened = [signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, *hangup]
        ours, wakeup = socket.socketpair()
        wakeup.setblocking(False)
        with ours, wakeup, self._selector as selector:
            selector.register(ours, selectors.EVENT_READ, None)
            before = {number: signal.signal(number, handle) for number in listened}
            fd_before = signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)
            try:
                yield
            finally:
                signal.set_wakeup_fd(fd_before)
                for number, handler in before.items():
                    signal.signal(number, handler)
