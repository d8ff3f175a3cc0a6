"""
The broker connection of our app: kombu's own, with three differences.

A message that cannot be read is set aside (kombu 5.7 lets the error of reading it end the worker's process), a
purge of a queue tells the ledger, and sockets are watched as `unwatch.py` says. All hold for this app's connections
only; kombu itself is not changed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from queue import Empty
from typing import Any

from celery.app.amqp import AMQP
from kombu.connection import Connection
from kombu.transport import pyamqp, redis
from kombu.utils import json

from .aside import Aside
from .purge import Purge
from .unwatch import UnwatchFirst

log = logging.getLogger(__name__)


_load: Callable[[bytes | str], Any] = json.loads


class Unreadable(Exception):
    """A message of a queue that is none. `reason` is one of `aside.SENTENCES`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_envelope(raw: bytes | str) -> dict[str, Any]:
    """
    The envelope in which kombu's Redis transport stores a message.

    Raises:
        Unreadable: It is none, or lacks what kombu reads without asking.
    """
    try:
        envelope = _load(raw)
    except RecursionError:
        raise Unreadable("too_deep") from None
    except Exception:  # whatever kombu's object hooks raise for a strange value
        raise Unreadable("not_json") from None
    return check_envelope(envelope)


def check_envelope(envelope: Any) -> dict[str, Any]:
    """The same for one that is read already. Raises Unreadable."""
    if not isinstance(envelope, dict):
        raise Unreadable("not_a_message")
    properties, headers = envelope.get("properties"), envelope.get("headers")
    if not isinstance(properties, dict) or not isinstance(headers, dict | None):
        raise Unreadable("bad_envelope")
    if not isinstance(properties.get("delivery_tag"), str) or not isinstance(
        properties.get("delivery_info"), dict | None
    ):
        raise Unreadable("bad_envelope")
    if not isinstance(envelope.get("body"), str):
        raise Unreadable("bad_body")
    return envelope


class RedisGuard:
    """Mixed into kombu's Redis channels."""

    aside: Aside

    def _brpop_read(self: Any, **options: Any) -> bool:
        # As kombu's, but for what stands between reading and delivering.
        try:
            try:
                found = self.client.parse_response(self.client.connection, "BRPOP", **options)
            except self.connection_errors:
                self.client.connection.disconnect()
                raise
            if not found:
                raise Empty
            key, raw = found
            queue = key.decode().rsplit(self.sep, 1)[0]
            self._queue_cycle.rotate(queue)
            if (envelope := self._readable(queue, raw)) is not None:
                self.connection._deliver(envelope, queue)
            return True
        finally:
            self._in_poll = None
            self._flush_brpop_reauth()

    def _readable(self: Any, queue: str, raw: bytes) -> dict[str, Any] | None:
        """The envelope, which kombu can turn into a message; None for one that was set aside."""
        try:
            envelope = read_envelope(raw)
            if self.ack_emulation and not {"exchange", "routing_key"} <= set(
                envelope["properties"].get("delivery_info") or ()
            ):
                raise Unreadable("bad_envelope")
            try:
                self.Message(envelope, channel=self)  # decodes the body; made again when it is delivered
            except Exception:
                raise Unreadable("bad_body") from None
        except Unreadable as error:
            self.aside.put(queue, error.reason, raw)
            return None
        return envelope

    # Broadcasts (control, events) are not work: what cannot be read is dropped with one line.

    def _receive_one(self: Any, client: Any) -> Any:
        try:
            return super()._receive_one(client)  # type: ignore[misc]
        except RecursionError:
            log.warning("a broadcast was dropped: its JSON is nested too deeply")
            raise Empty from None

    def _deliver_fanout_message(self: Any, message: Any, exchange: str) -> bool:
        try:
            self.Message(check_envelope(message), channel=self)
        except Exception as error:
            log.warning("a broadcast on %s was dropped: it cannot be read (%s)", exchange, error)
            raise Empty from None
        return bool(super()._deliver_fanout_message(message, exchange))  # type: ignore[misc]


class PurgeTeller:
    """Mixed into channels: `queue_purge` of a job type's queue cancels what waits in it."""

    purge: Purge

    def queue_purge(self: Any, queue: str = "", *args: Any, **options: Any) -> Any:
        return self.purge.around(queue, lambda: super(PurgeTeller, self).queue_purge(queue, *args, **options))  # type: ignore[misc]


def amqp_of(aside: Aside, purge: Purge) -> type:
    """The class for `Celery(amqp=…)` whose connections are ours."""

    def redis_channel(base: type) -> type:
        return type(base.__name__, (UnwatchFirst, RedisGuard, PurgeTeller, base), {"aside": aside, "purge": purge})

    @cache
    def guarded(base: Any) -> Any:
        if issubclass(base, redis.Transport):
            return type(base.__name__, (base,), {"Channel": redis_channel(base.Channel), "__module__": __name__})
        if issubclass(base, pyamqp.Transport):
            channel = type("Channel", (PurgeTeller, base.Connection.Channel), {"purge": purge})
            connection = type("Connection", (base.Connection,), {"Channel": channel})
            return type(base.__name__, (base,), {"Connection": connection, "__module__": __name__})
        return base

    class GuardedConnection(Connection):
        def get_transport_cls(self) -> Any:
            return guarded(super().get_transport_cls())  # type: ignore[no-untyped-call]

    class GuardedAMQP(AMQP):  # type: ignore[misc]
        Connection = GuardedConnection
        BrokerConnection = GuardedConnection

    return GuardedAMQP
