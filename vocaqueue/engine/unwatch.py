"""
Redis channels that stop watching a socket before it is closed, not after, and make no fuss about tickets that cannot be
put back.

A worker's children inherit its sockets when they are forked. Once the main process has closed such a socket, the kernel
will not let it be taken out of `epoll` any more, and goes on to report it for as long as a child has it open, under a
number that by then may be that of another socket. kombu 5.7 takes a closed one out only afterwards, then reads from the
wrong one, and the main process stands still for ever: it beats, starts and sends nothing, and nobody brings it back.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from kombu.transport import virtual

log = logging.getLogger(__name__)


class TicketsInHand(virtual.QoS):
    """
    What a worker has taken and not acknowledged.

    When the connection goes it is put back. kombu writes what cannot be put back to a file under /tmp, one for each
    loss of the connection; our ledger knows these tickets, and the reconciler sends them again.
    """

    def restore_unacked(self) -> list[Any]:
        if lost := super().restore_unacked():  # type: ignore[no-untyped-call]
            log.info("%d tickets could not be put back; the reconciler sends them again", len(lost))
        return []


class UnwatchFirst:
    """Mixed into kombu's Redis channels."""

    def __init__(self: Any, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not self.ack_emulation:
            self.QoS = TicketsInHand

    def _connparams(self: Any, asynchronous: bool = False) -> dict[str, Any]:
        found: dict[str, Any] = super()._connparams(asynchronous=asynchronous)  # type: ignore[misc]
        if asynchronous:
            found["connection_class"] = _unwatching(self, found["connection_class"])
        return found


def _unwatching(channel: Any, base: Any) -> type:
    class Unwatching(base):  # type: ignore[misc]
        def disconnect(self, *args: Any, **options: Any) -> None:
            # Not in a child: it shares its parent's epoll, and would take the parent's own socket out of it.
            if channel._registered and self._sock is not None and self.pid == os.getpid():
                channel._on_connection_disconnect(self)
            super().disconnect(*args, **options)

    return Unwatching
