"""What the broker still holds of the tickets that were sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from celery import Celery

from ..job import Priority
from ..settings import Settings
from .config import broker_priority, is_amqp

PAGE = 1000


class RedisBroker:
    """Reads the lists behind the queues; kombu's keys are worked out by kombu itself."""

    def __init__(self, app: Celery, settings: Settings) -> None:
        self.app, self.settings = app, settings

    @classmethod
    def of(cls, app: Celery, settings: Settings) -> RedisBroker | None:
        """None where queues cannot be listed (RabbitMQ)."""
        return None if is_amqp(settings.broker_url) else cls(app, settings)

    def length(self, queue: str, priority: Priority) -> int:
        with self.app.connection_for_read() as connection:
            channel = connection.default_channel
            return int(channel.client.llen(self._key(channel, queue, priority)))

    def tickets(self, queue: str, priority: Priority) -> Iterator[tuple[str, int]]:
        """(job id, number) of every ticket in the list, in pages."""
        with self.app.connection_for_read() as connection:
            channel = connection.default_channel
            # LRANGE is not among the commands that kombu prefixes by itself.
            key = self._prefix(channel) + self._key(channel, queue, priority)
            start = 0
            while page := channel.client.lrange(key, start, start + PAGE - 1):
                start += PAGE
                yield from filter(None, map(_ticket, page))

    def _key(self, channel: Any, queue: str, priority: Priority) -> str:
        return str(channel._q_for_pri(queue, broker_priority(self.settings.broker_url, priority)))

    @staticmethod
    def _prefix(channel: Any) -> str:
        return str(getattr(channel, "global_keyprefix", "") or "")


def _ticket(raw: bytes) -> tuple[str, int] | None:
    """A malformed message is somebody else's; it counts as no ticket."""
    try:
        task_id = json.loads(raw)["headers"]["id"]
        job_id, _, number = task_id.partition("/")
        return job_id, int(number or 1)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
