"""When a key was last used: written beside the requests, once a minute."""

from __future__ import annotations

from sqlalchemy import create_engine, text

from tests.system.systems import until
from vocaqueue import QueueManager
from vocaqueue.engine import keys as keys_module
from vocaqueue.engine import last_use


def test_the_last_use_is_written_once_a_minute_beside_the_requests(make_queue, tmp_path, monkeypatch):
    """
    While somebody else holds the database's write lock a request goes on, and many uses are one write.
    """
    queue = make_queue()
    made = queue.keys.make("n", "viewer")
    queue.keys.verify(made.text)
    until(lambda: _last_use(queue, made.key.id))
    monkeypatch.setattr(last_use, "EVERY_MS", 50)
    first = _last_use(queue, made.key.id)
    holder = create_engine(f"sqlite:///{tmp_path}/a.db").connect()
    holder.execute(text("CREATE TABLE held (a)"))  # the driver begins; the lock is held until the commit
    holder.execute(text("INSERT INTO held VALUES (1)"))
    until(lambda: keys_module._clock_ms() > first + 60)
    for _ in range(50):
        queue.keys.verify(made.text)
    assert _last_use(queue, made.key.id) == first, "nothing could be written yet, and nobody waited"
    holder.commit()
    holder.close()
    until(lambda: _last_use(queue, made.key.id) > first)


def test_two_processes_write_a_use_once(make_queue):
    """
    What one process wrote a moment ago the other does not write again.
    """
    one = make_queue()
    made = one.keys.make("n", "viewer")
    table = one.keys._table()
    table.used(made.key.id, now_ms=1_000_000, at_most_every_ms=60_000)
    table.used(made.key.id, now_ms=1_030_000, at_most_every_ms=60_000)
    assert _last_use(one, made.key.id) == 1_000_000
    table.used(made.key.id, now_ms=1_060_000, at_most_every_ms=60_000)
    assert _last_use(one, made.key.id) == 1_060_000


def _last_use(queue: QueueManager, key_id: str) -> int | None:
    return next(item.key.last_used_at_ms for item in queue.keys.page().items if item.key.id == key_id)
