"""Celery's settings for a set of job types. An embedder calls the same function for his own app."""

from __future__ import annotations

from typing import Any

from kombu.entity import Queue

from ..job import Priority
from ..registry import Registry
from ..settings import Settings

#: A queue for plain Celery tasks of the same app; no worker line of ours reads it.
DEFAULT_QUEUE = "default"


#: Durable classic queues: a lost ticket is replaced, so replicating them buys little, and quorum queues have two
#: priorities. A ticket is acknowledged when its chunk has ended; RabbitMQ gives up a consumer that takes longer than
#: half an hour (the import's limit), so six hours are asked for. Before a change here the queues must be deleted.
AMQP_QUEUE = {"x-queue-type": "classic", "x-max-priority": 10, "x-consumer-timeout": 6 * 3600 * 1000}


def is_amqp(broker_url: str) -> bool:
    return broker_url.split("://", 1)[0] in {"amqp", "amqps", "pyamqp", "librabbitmq"}


def broker_priority(broker_url: str, priority: Priority) -> int:
    """
    The broker's number for a priority.

    Redis has four lists, 0 the most urgent; RabbitMQ's numbers run the other way. A Redis message without a priority
    counts as 0, so `task_default_priority` says normal.
    """
    return (9, 6, 3, 0)[priority - 1] if is_amqp(broker_url) else (0, 3, 6, 9)[priority - 1]


def celery_settings(settings: Settings, job_types: Registry) -> dict[str, Any]:
    """
    What Celery is told: queues, priorities, acknowledgement, options that keep a worker alive when Redis is not.

    Figures behind the choices are in docs/decisions/0003-celery-settings.md.
    """
    amqp = is_amqp(settings.broker_url)
    arguments = AMQP_QUEUE if amqp else None
    queue: Any = Queue  # kombu is untyped
    names = [DEFAULT_QUEUE, *job_types.names]
    return {
        "broker_url": settings.broker_url,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # the default gives up after 100
        "broker_connection_timeout": 4.0,
        "broker_channel_error_retry": True,  # a fail-over to a read-only server must not end the worker
        "broker_transport_options": {"confirm_publish": True} if amqp else redis_options(settings),
        "task_queues": [queue(name, routing_key=name, queue_arguments=arguments) for name in names],
        "task_default_queue": DEFAULT_QUEUE,
        "task_create_missing_queues": False,
        "task_default_priority": broker_priority(settings.broker_url, Priority.NORMAL),
        "task_acks_late": True,
        # The ledger's lease brings work back; a message that comes back too would only be a stale ticket.
        "task_reject_on_worker_lost": False,
        "task_ignore_result": True,
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "worker_prefetch_multiplier": 1,
        "worker_disable_rate_limits": True,  # ours are in the ledger, shared by all workers
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_send_task_events": True,
        "task_send_sent_event": True,
        "worker_redirect_stdouts": False,
        "worker_hijack_root_logger": False,
        "beat_scheduler": "vocaqueue.engine.beat:LedgerScheduler",
        "enable_utc": True,
        "timezone": "UTC",
    }


def redis_options(settings: Settings) -> dict[str, Any]:
    """Transport options of kombu's Redis transport."""
    return {
        # The broker's keys live beside the ledger's, under the same prefix.
        "global_keyprefix": f"{{{settings.namespace}}}:broker:",
        # Half of a stock worker's time goes into noting each message before it is run; leases make that needless.
        "ack_emulation": False,
        # For an embedder who turns it on again: a sweep every few seconds, no five-minute lock left by a dead worker.
        "visibility_timeout": 3600,
        "unacked_mutex_expire": 10,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "health_check_interval": 10,
        "socket_keepalive": True,
        "socket_connect_timeout": 4,
    }
