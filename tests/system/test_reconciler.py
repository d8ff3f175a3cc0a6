"""The reconciler's loop, in this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from vocaqueue.engine import reconciler as reconciler_module
from vocaqueue.engine.reconciler import Reconciler
from vocaqueue.registry import Registry
from vocaqueue.store.ledger import Ledger


def test_an_error_between_two_passes_does_not_end_it(
    make_ledger: Callable[..., Ledger], tmp_path: Path, monkeypatch
) -> None:
    """
    A key that somebody has broken makes a step fail; the loop goes on, and what it does is done once the key is mended.
    """
    ledger = make_ledger(
        storage_url=f"file://{tmp_path}/files", database_url=f"sqlite:///{tmp_path}/vq.db", lease_s=1.0, heartbeat_s=0.3
    )
    monkeypatch.setattr(reconciler_module, "LIMITS_EVERY_S", 0.01)
    client, key, reaper = ledger.client, ledger.keys("limit_due"), ledger.keys("reaper")
    seen: list[bool] = []

    def is_stopping() -> bool:
        """Broken as soon as a pass was made; mended after a hundred tries in between; over with the pass after that."""
        seen.append(True)
        assert time.monotonic() < end
        if len(seen) == 50:
            client.set(key, "broken")
        elif len(seen) == 150:
            client.delete(key)
            client.hdel(reaper, "tick")
        return len(seen) > 150 and bool(client.hexists(reaper, "tick"))

    end = time.monotonic() + 30
    Reconciler(ledger.settings, Registry([])).run(is_stopping)
    assert len(seen) > 150
