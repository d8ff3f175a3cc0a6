"""Feeding the archive from the ledger's streams: pass by pass, cursor and rows together."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.system.systems import until
from vocaqueue import ArchiveUnavailable
from vocaqueue.archive.cursor import Cursor
from vocaqueue.archive.database import Archive
from vocaqueue.engine.archivist import Archivist, state_of
from vocaqueue.engine.relay import Relay
from vocaqueue.registry import Registry
from vocaqueue.store.ledger import Ledger


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(f"sqlite:///{tmp_path}/archive.db")


def test_a_pass_that_fails_waits_and_says_why_while_the_others_go_on(ledger: Ledger) -> None:
    """
    A pass whose database is away is tried again later; its reason stands in the ledger; another pass runs.
    """
    mended = threading.Event()
    ran: list[str] = []

    def failing() -> int:
        if not mended.is_set():
            raise ArchiveUnavailable("disk full")
        ran.append("failing")
        return 0

    archivist = Archivist(ledger, {"failing": failing, "other": lambda: ran.append("other") or 0})
    archivist.start()
    try:
        until(lambda: ran.count("other") >= 2 and state_of(ledger).get("failing"), 10)
        told = state_of(ledger)
        assert "disk full" in told["failing"]["error"]
        assert told["other"]["error"] is None
        mended.set()
        until(lambda: "failing" in ran, 20)
        until(lambda: state_of(ledger)["failing"]["error"] is None, 10)
    finally:
        archivist.stop()


def test_only_whoever_is_at_work_runs_passes(ledger: Ledger) -> None:
    """
    A second relay, which has not got the lock, stores nothing; it begins when it gets it.
    """
    ran = threading.Event()
    ours = threading.Event()

    def run() -> int:
        ran.set()
        return 0

    archivist = Archivist(ledger, {"one": run}, ours.is_set)
    archivist.start()
    try:
        assert not ran.wait(0.7)
        ours.set()
        assert ran.wait(10)
    finally:
        archivist.stop()


def test_the_relay_is_at_work_while_its_lock_holds(ledger: Ledger) -> None:
    """
    The archivist of a relay runs only with the relay's lock; another relay gets it when the first one leaves.
    """
    first, second = (Relay(ledger.settings, Registry([])) for _ in range(2))
    assert first._keep()
    assert first.archivist.is_ours()
    assert not second._keep()
    assert not second.archivist.is_ours()
    first.lock.leave()
    assert second._keep()
    assert second.archivist.is_ours()


def test_a_cursor_moves_with_its_rows_or_not_at_all(archive: Archive) -> None:
    """
    A transaction that fails leaves the cursor where it was; one that ends well moves it, of its name only.
    """
    cursor = Cursor("ns", "audit")

    def store(*, fails: bool) -> None:
        with archive.writing() as connection:
            assert cursor.take(connection) == "0-0"
            cursor.move(connection, "7-1")
            if fails:
                raise RuntimeError

    with pytest.raises(RuntimeError):
        store(fails=True)
    with archive.reading() as connection:
        assert cursor.read(connection) == "0-0"
    store(fails=False)
    with archive.reading() as connection:
        assert cursor.read(connection) == "7-1"
        assert Cursor("ns", "history").read(connection) == "0-0"
        assert Cursor("other", "audit").read(connection) == "0-0"


def test_two_that_store_at_once_take_turns(archive: Archive) -> None:
    """
    While one transaction has the cursor in hand another waits for it, and then sees it moved.
    """
    cursor, seen = Cursor("ns", "audit"), list[str]()
    taken = threading.Event()

    def second() -> None:
        taken.wait()
        with archive.writing() as connection:
            seen.append(cursor.take(connection))

    thread = threading.Thread(target=second)
    thread.start()
    with archive.writing() as connection:
        cursor.take(connection)
        taken.set()
        time.sleep(0.2)  # long enough that one which does not wait has read by now
        assert not seen
        cursor.move(connection, "9-0")
    thread.join()
    assert seen == ["9-0"]
    with archive.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM vocaqueue_cursor")).scalar() == 1
