"""Sessions in the job store, and what one process remembers of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import pytest

from vocaqueue import StoreUnavailable
from vocaqueue.store import sessions as sessions_module
from vocaqueue.store.ledger import Ledger
from vocaqueue.store.sessions import Sessions
from vocaqueue.testing.valkey import PrivateValkey


def test_a_session_may_end_while_another_thread_looks_at_it(ledger: Ledger) -> None:
    """
    Signing out in one tab does not break the request of another.
    """
    sessions = Sessions(ledger)
    session_id = sessions.begin({"id": "kim"}, 60)

    class EndsAtOnce(OrderedDict):  # type: ignore[type-arg]
        def __setitem__(self, key: str, value: object) -> None:
            super().__setitem__(key, value)
            sessions.end(session_id)

    sessions._seen = EndsAtOnce()
    assert sessions.get(session_id) == {"id": "kim"}
    assert sessions.get(session_id) is None


def test_the_sessions_seen_last_are_remembered(
    make_ledger: Callable[..., Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    So many and no more; one that is used stays, and for a while it outlives the job store.
    """
    monkeypatch.setattr(sessions_module, "REMEMBERED", 3)
    with PrivateValkey() as server:
        sessions = Sessions(Ledger(make_ledger(redis_url=server.url).settings))
        ids = [sessions.begin({"id": str(number)}, 60) for number in range(4)]
        for number in (0, 1, 2, 0, 3):
            sessions.get(ids[number])
        server.kill()
        assert [sessions.get(ids[number])["id"] for number in (0, 2, 3)] == ["0", "2", "3"]  # type: ignore[index]
        with pytest.raises(StoreUnavailable):
            sessions.get(ids[1])
        monkeypatch.setattr(sessions_module, "LASTS_S", 0.0)
        with pytest.raises(StoreUnavailable):
            sessions.get(ids[0])
