"""Which processes of the system are there: each says every few seconds that it is."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass

from .ledger import Ledger

SAY_EVERY_S = 4.0
SILENT_S = 15.0  #: one that has not said for so long that it is there is not
FORGOTTEN_S = 3600.0


@dataclass(frozen=True, slots=True)
class Process:
    kind: str  #: relay, reconciler, beat
    name: str  #: "<host>:<pid>"
    age_s: float  #: since it last said that it is there

    @property
    def is_there(self) -> bool:
        return self.age_s < SILENT_S


class Presence:
    """One process' own sign of life."""

    def __init__(self, ledger: Ledger, kind: str) -> None:
        self.ledger, self.field = ledger, f"{kind}@{socket.gethostname()}:{os.getpid()}"
        self._said_at: float | None = None

    def say(self) -> None:
        """Cheap: says it only now and then. Raises what the job store's client raises."""
        now = time.monotonic()
        if self._said_at is not None and now - self._said_at < SAY_EVERY_S:
            return
        key, client = self.ledger.keys("processes"), self.ledger.client
        client.hset(key, self.field, self.ledger.now_ms())
        if self._said_at is None:
            old = [f"{p.kind}@{p.name}" for p in read_processes(self.ledger, 0) if p.age_s > FORGOTTEN_S]
            if old:
                client.hdel(key, *old)
        self._said_at = now

    def leave(self) -> None:
        self.ledger.client.hdel(self.ledger.keys("processes"), self.field)


def read_processes(ledger: Ledger, patience_s: float) -> list[Process]:
    """All that said something within an hour or so, by name. Raises StoreUnavailable."""
    key = ledger.keys("processes")
    now, said = ledger.patiently(lambda: (ledger.now_ms(), ledger.client.hgetall(key)), patience_s)
    found = []
    for field, at in said.items():
        kind, _, name = field.decode().partition("@")
        found.append(Process(kind, name, round(max(0, now - int(at)) / 1000, 1)))
    return sorted(found, key=lambda process: (process.kind, process.name))
