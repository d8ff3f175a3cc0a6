"""
What a worker does with a message before it becomes a task: Celery's consumer, which sets aside what cannot be work.

Celery 5.7 ends the worker's process on several kinds of malformed messages (a body that is JSON null or of a wrong
shape, a bad time limit), and says others in a page of traceback. Here each is one line, one dead letter, and the worker
goes on.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

from celery import signals
from celery.utils.time import maybe_iso8601
from celery.worker.consumer import Consumer as StockConsumer
from celery.worker.consumer.control import Control as ControlStep
from kombu.exceptions import ContentDisallowed

from ..errors import StoreUnavailable
from .aside import Aside
from .control import Control
from .postpone import Postponer

log = logging.getLogger(__name__)

#: Errors that a value of a wrong type or size causes somewhere in the making of a request.
VALUE_ERRORS = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError)


class Malformed(Exception):
    """A message that cannot be work. `reason` is one of `aside.SENTENCES`."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


class Consumer(StockConsumer):  # type: ignore[misc]
    """Set as `worker_consumer` by `create_celery_app`."""

    @property
    def aside(self) -> Aside:
        aside: Aside = self.app.vocaqueue.aside
        return aside

    @property
    def postponer(self) -> Postponer:
        postponer: Postponer = self.app.vocaqueue.postponer
        return postponer

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.aside.worker = self.hostname
        for step in self.steps:
            if isinstance(step, ControlStep):
                step.box.node.handlers = Control(self.app).handlers()

    def create_task_handler(self, *args: Any, **options: Any) -> Callable[[Any], Any]:
        stock = super().create_task_handler(*args, **options)
        passing = tuple(self.connection_errors) + tuple(self.app.connection_for_read().channel_errors)

        def on_task_received(message: Any) -> Any:
            try:
                self._check(message)
                return stock(message)
            except Malformed as error:
                return self._set_aside(message, error.reason, error.detail)
            except passing:
                raise
            except VALUE_ERRORS as error:
                if message.acknowledged:  # it was taken for work before; the error is not the message's
                    raise
                return self._set_aside(message, "bad_header", f"{type(error).__name__}: {error}")

        return on_task_received

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        reason = "bad_content_type" if isinstance(exc, ContentDisallowed) else "bad_body"
        self._set_aside(message, reason, f"{type(exc).__name__}: {exc}")

    def on_unknown_message(self, body: Any, message: Any) -> None:
        self._set_aside(message, "no_task")

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:
        reason = "bad_content_type" if isinstance(exc, ContentDisallowed) else "bad_header"
        self._set_aside(message, reason, str(exc))

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        name = message.headers.get("task")
        ticket = _ticket(_payload(message))
        if ticket is not None and self._postponed(name, *ticket):
            message.ack_log_error(log, self.connection_errors)
            return
        self._set_aside(message, "unknown_task", str(name))
        signals.task_unknown.send(sender=self, message=message, exc=exc, name=name, id=message.headers.get("id"))

    def _postponed(self, task: object, job_id: str, number: int) -> bool:
        """Whether it is the ticket of a job of a type that this worker's code does not have."""
        try:
            return isinstance(task, str) and self.postponer.postpone(job_id, number, task)
        except StoreUnavailable as error:
            log.warning("a ticket of a type that is not known here: the reconciler will send it again: %s", error)
            return True

    def _check(self, message: Any) -> None:
        """Raises Malformed for what Celery would stumble over, and for a ticket with wrong arguments."""
        headers, body = message.headers, None
        if not isinstance(headers, dict):
            raise Malformed("bad_envelope")
        if "task" not in headers:  # Celery's first protocol has all in the body
            headers = _payload(message)
            if not isinstance(headers, dict) or "task" not in headers:
                raise Malformed("no_task")
            body = [headers.get("args", []), headers.get("kwargs", {}), None]
        task = headers["task"]
        if not isinstance(task, str) or not isinstance(headers.get("id"), str):
            raise Malformed("bad_header", "task and id must be texts")
        if task not in self.strategies:
            return
        _check_headers(headers)
        body = body or _payload(message)
        if not _is_task_body(body):
            raise Malformed("bad_body")
        if task in self.app.vocaqueue.job_types.names and _ticket(body) is None:
            raise Malformed("bad_arguments", repr(body[0])[:100])

    def _set_aside(self, message: Any, reason: str, detail: str = "") -> None:
        queue = (message.delivery_info or {}).get("routing_key") or "?"
        self.aside.put(str(queue), reason, _raw(message), detail=detail)
        if not message.acknowledged:
            message.ack_log_error(log, self.connection_errors)
        signals.task_rejected.send(sender=self, message=message, exc=None)


def _payload(message: Any) -> Any:
    """The decoded body. Raises Malformed."""
    try:
        return message.decode()
    except ContentDisallowed:
        raise Malformed("bad_content_type", str(message.content_type)) from None
    except Exception as error:
        deep = isinstance(error, RecursionError) or "recursion" in str(error)
        raise Malformed("too_deep" if deep else "bad_body") from None


def _is_task_body(body: Any) -> bool:
    return (
        isinstance(body, list | tuple)
        and len(body) == 3
        and isinstance(body[0], list | tuple)
        and isinstance(body[1], dict)
        and isinstance(body[2], dict | None)
    )


def _ticket(body: Any) -> tuple[str, int] | None:
    """Job id and number of a ticket's body; None for anything else."""
    if not _is_task_body(body) or body[1] or len(body[0]) != 2:
        return None
    job_id, number = body[0]
    if not isinstance(job_id, str) or isinstance(number, bool) or not isinstance(number, int):
        return None
    return (job_id, number) if 0 < len(job_id) <= 200 and 0 < number < 2**53 else None


def _check_headers(headers: dict[str, Any]) -> None:
    limits = headers.get("timelimit")
    if limits is not None and not (
        isinstance(limits, list | tuple)
        and len(limits) == 2
        and all(limit is None or (_is_number(limit) and limit >= 0) for limit in limits)
    ):
        raise Malformed("bad_header", "timelimit must be two numbers of seconds, or null")
    if headers.get("retries") is not None and not _is_number(headers["retries"]):
        raise Malformed("bad_header", "retries must be a number")
    for name in ("eta", "expires"):
        value = headers.get(name)
        if value is None:
            continue
        try:
            maybe_iso8601(value)
        except VALUE_ERRORS:
            raise Malformed("bad_header", f"{name} must be a time in ISO 8601") from None
    for name in ("argsrepr", "kwargsrepr", "root_id", "parent_id", "group", "shadow"):
        if not isinstance(headers.get(name), str | None):
            raise Malformed("bad_header", f"{name} must be a text")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


def _raw(message: Any) -> bytes:
    """What is shown of a message that was read: its headers and its body."""
    body = message.body
    text = body.decode("utf-8", "backslashreplace") if isinstance(body, bytes | bytearray) else str(body)
    shown = {"content-type": message.content_type, "headers": message.headers, "body": text}
    return json.dumps(shown, ensure_ascii=False, default=repr).encode("utf-8", "backslashreplace")
