"""Who acts. Each face of the system says it once, at its door; whatever the act is written into reads it here."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who does something, and from where."""

    id: str  #: of the host's user or key; `user@host` for a command, `system` for what the machine does by itself
    name: str
    role: str | None  #: viewer, operator or admin; None where nobody was asked: a command, Python, the machine
    via: str  #: http, cli, python, celery, system
    address: str | None = None  #: IP address of an HTTP caller, host name of a command

    def as_dict(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "role": self.role, "via": self.via, "address": self.address}


#: The machine itself: a breaker that opens, a schedule that fires.
SYSTEM = Actor("system", "vocaqueue", None, "system")

_acting: ContextVar[Actor | None] = ContextVar("vocaqueue_actor", default=None)


def current() -> Actor:
    """Who acts now: whoever was named by `acting`, else the user of this process."""
    return _acting.get() or process_actor("python")


@contextmanager
def acting(actor: Actor) -> Iterator[Actor]:
    """
    Say who does what is done in this block. A host's own program may use it around its calls of a QueueManager.

    It holds for this thread, greenlet or asyncio task only, and for what is started with a copy of its context.
    """
    token = _acting.set(actor)
    try:
        yield actor
    finally:
        _acting.reset(token)


@cache
def process_actor(via: str) -> Actor:
    """The operating system's user of this process, on this host."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user that has no name
        user = f"uid {os.getuid()}"
    host = socket.gethostname()
    return Actor(f"{user}@{host}", user, None, via, host)
