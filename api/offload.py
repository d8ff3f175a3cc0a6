"""What blocks leaves gevent's loop: SQLite, files, pictures."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def off_loop(call: Callable[P, R], *arguments: P.args, **options: P.kwargs) -> R:
    """
    The answer of `call`, run in a thread of gevent's pool where gevent serves the requests, else right here.

    `call` must use nothing that belongs to gevent's loop, such as the job store's client.
    """
    if not _is_gevent():
        return call(*arguments, **options)
    import gevent

    context = copy_context()  # who acts is known there too

    def caught() -> tuple[R | None, BaseException | None]:
        # The pool would print whatever passes through it, also what is only a bad request.
        try:
            return context.run(call, *arguments, **options), None
        except BaseException as error:
            return None, error

    answer, error = gevent.get_hub().threadpool.apply(caught)
    if error is not None:
        raise error
    found: R = answer
    return found


def offloaded(call: Callable[P, R]) -> Callable[P, R]:
    """`call`, always run by `off_loop`."""

    @wraps(call)
    def elsewhere(*arguments: P.args, **options: P.kwargs) -> R:
        return off_loop(call, *arguments, **options)

    return elsewhere


def _is_gevent() -> bool:
    import sys

    monkey: Any = sys.modules.get("gevent.monkey")
    return bool(monkey and monkey.is_module_patched("socket"))
