"""Callers that want the same thing at the same time share one call for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class Flights(Generic[T]):
    """Calls that are under way, by what they are for. Safe for threads, and for greenlets where these are in place."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, Future[T]] = {}
        self._lock = threading.Lock()

    def share(self, key: Hashable, call: Callable[[], T]) -> T:
        """The answer of `call`, or of the equal call that has begun before and has not ended. Raises what that does."""
        with self._lock:
            flight = self._flights.get(key)
            is_mine = flight is None
            if flight is None:
                flight = self._flights[key] = Future()
        if is_mine:
            try:
                flight.set_result(call())
            except BaseException as error:
                flight.set_exception(error)
            finally:
                with self._lock:
                    del self._flights[key]
        return flight.result()
