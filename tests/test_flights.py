"""Calls that are shared."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tests.system.systems import until
from vocaqueue.flights import Flights


class Key:
    """Counts how often it is looked up, which happens while a caller holds the lock."""

    def __init__(self) -> None:
        self.looks = 0

    def __hash__(self) -> int:
        self.looks += 1
        return id(self)


def together(flights: Flights[int], key: Key, call: Callable[[], int], callers: int) -> list[int | str]:
    """What each of several callers got, who all came while the first call was under way."""
    began, may_end = threading.Event(), threading.Event()
    got: list[int | str] = []

    def slow() -> int:
        began.set()
        assert may_end.wait(10)
        return call()

    def ask() -> None:
        try:
            got.append(flights.share(key, slow))
        except KeyError as error:
            got.append(str(error))

    threads = [threading.Thread(target=ask)]
    threads[0].start()
    assert began.wait(10)
    threads += [threading.Thread(target=ask) for _ in range(callers - 1)]
    for thread in threads[1:]:
        thread.start()
    until(lambda: key.looks == 2 + len(threads) - 1)  # the first looks twice
    may_end.set()
    for thread in threads:
        thread.join(10)
    return got


def test_equal_calls_at_one_time_are_one() -> None:
    """
    Who asks for what somebody else is asking for already gets that answer, and a later caller a new one.
    """
    flights, key, calls = Flights[int](), Key(), iter(range(10))
    assert together(flights, key, lambda: next(calls), 5) == [0] * 5
    assert flights.share(key, lambda: next(calls)) == 1


def test_other_calls_do_not_wait() -> None:
    """
    While one call is under way, one for something else is made at once.
    """
    flights = Flights[int]()
    assert flights.share("a", lambda: flights.share("b", lambda: 2)) == 2


def test_all_hear_of_an_error() -> None:
    """
    An error reaches everybody who shared the call, and nobody after them.
    """

    def fails() -> int:
        raise KeyError("away")

    flights, key = Flights[int](), Key()
    assert together(flights, key, fails, 3) == ["'away'"] * 3
    assert flights.share(key, lambda: 7) == 7
    with pytest.raises(KeyError):
        flights.share(key, fails)
