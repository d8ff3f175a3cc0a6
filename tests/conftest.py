"""One private Valkey for the whole run; each test has a namespace of its own in it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from tests.postgres import postgres, postgres_server
from vocaqueue.settings import Settings
from vocaqueue.store.ledger import Ledger
from vocaqueue.testing.valkey import PrivateValkey

__all__ = ["postgres", "postgres_server"]  # fixtures


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """With VOCAQUEUE_TEST_ALL=1 a part that is missing on this machine is a failure, not a skip."""
    report = yield
    if report.skipped and os.environ.get("VOCAQUEUE_TEST_ALL") == "1" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
    return report


@pytest.fixture(scope="session")
def valkey() -> Iterator[PrivateValkey]:
    """A server without an append-only file; nobody stops it within the session."""
    with PrivateValkey() as server:
        yield server


@pytest.fixture
def make_ledger(valkey: PrivateValkey) -> Iterator[Callable[..., Ledger]]:
    """Make a ledger in a fresh namespace; arguments are settings. Its keys go with the test."""
    made: list[Ledger] = []

    def make(**settings: Any) -> Ledger:
        given = {"namespace": f"t{secrets.token_hex(6)}"} | settings
        made.append(Ledger(Settings.from_env({"REDIS_URL": valkey.url}, **given), client=valkey.client))
        return made[-1]

    yield make
    for ledger in made:
        if keys := valkey.client.keys(ledger.keys.prefix + "*"):
            valkey.client.unlink(*keys)


@pytest.fixture
def ledger(make_ledger: Callable[..., Ledger]) -> Ledger:
    return make_ledger()
