"""What the broker still holds of the tickets that were sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from celery import Celery

from ..job import Priority
from ..settings import Settings
from .config import broker_priority, is_amqp
from .tickets import ticket_of

PAGE = 1000
NO_SUCH_QUEUE = 404


class RedisBroker:
    """Reads the lists behind the queues; kombu's keys are worked out by kombu itself."""

    def __init__(self, app: Celery, settings: Settings) -> None:
        self.app, self.settings = app, settings
        self._connection: Any = None

    @classmethod
    def of(cls, app: Celery, settings: Settings) -> RedisBroker | None:
        """None where queues cannot be listed (RabbitMQ)."""
        return None if is_amqp(settings.broker_url) else cls(app, settings)

    def length(self, queue: str, priority: Priority) -> int:
        with self._channel() as channel:
            return int(channel.client.llen(self._key(channel, queue, priority)))

    def tickets(self, queue: str, priority: Priority) -> Iterator[tuple[str, int]]:
        """(job id, number) of every ticket in the list, in pages."""
        with self._channel() as channel:
            # LRANGE is not among the commands that kombu prefixes by itself.
            key = self._prefix(channel) + self._key(channel, queue, priority)
            start = 0
            while page := channel.client.lrange(key, start, start + PAGE - 1):
                start += PAGE
                yield from filter(None, map(_ticket, page))

    @contextmanager
    def _channel(self) -> Iterator[Any]:
        """One connection for all passes; after an error a new one is made."""
        self._connection = self._connection or self.app.connection_for_read()
        try:
            yield self._connection.default_channel
        except Exception:
            connection, self._connection = self._connection, None
            with suppress(Exception):
                connection.release()
            raise

    def _key(self, channel: Any, queue: str, priority: Priority) -> str:
        return str(channel._q_for_pri(queue, broker_priority(self.settings.broker_url, priority)))

    @staticmethod
    def _prefix(channel: Any) -> str:
        return str(getattr(channel, "global_keyprefix", "") or "")


class AmqpBroker:
    """RabbitMQ: a queue's length is known, for all priorities together, but not what is in it."""

    def __init__(self, app: Celery) -> None:
        self.app = app
        self._connection: Any = None

    def length(self, queue: str) -> int:
        """Messages that wait in the queue; those in workers' hands are not counted. None there yet is 0."""
        try:
            self._connection = self._connection or self.app.connection_for_read()
            return int(self._connection.default_channel.queue_declare(queue, passive=True).message_count)
        except Exception as error:
            connection, self._connection = self._connection, None
            with suppress(Exception):
                connection.release()
            if getattr(error, "reply_code", None) == NO_SUCH_QUEUE:
                return 0
            raise


def _ticket(raw: bytes) -> tuple[str, int] | None:
    """A malformed message is somebody else's; it counts as no ticket."""
    try:
        return ticket_of(json.loads(raw)["headers"]["id"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
