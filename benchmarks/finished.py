"""What a million finished jobs cost those who only look: counts and a page, against a thousand."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from tests.toys import JOB_TYPES, Noop
from vocaqueue import QueueManager, Settings
from vocaqueue.testing.valkey import PrivateValkey

SIZES = (1_000, 1_000_000)
READS = 200
#: KEYS: prefix, then every sorted set that the template is in. ARGV: template, first, last, creation of the first.
COPY = """
for n = tonumber(ARGV[2]), tonumber(ARGV[3]) do
  local id = 'noop-' .. string.format('%012x', n)
  local key = KEYS[1] .. 'job:' .. id
  redis.call('COPY', KEYS[1] .. 'job:' .. ARGV[1], key)
  redis.call('HSET', key, 'id', id, 'created_at', string.format('%.0f', ARGV[4] + n))
  for i = 2, #KEYS do redis.call('ZADD', KEYS[i], ARGV[4] + n, id) end
end
"""


def measure() -> list[str]:
    """Lines of a table: medians in ms of `stats` and of the first and a middle page, by number of finished jobs."""
    with PrivateValkey() as server:
        queue = QueueManager(Settings.from_env({"REDIS_URL": server.url}), JOB_TYPES)
        template = _finished(queue)
        places = _places(queue, template)
        lines = ["| finished jobs | counts, ms | first page, ms | page in the middle, ms |", "|---|---|---|---|"]
        made = 1
        for size in SIZES:
            _grow(queue, template, places, made, size)
            made = size
            middle = size // 20 // 2
            reads: list[Callable[[], object]] = [
                lambda: queue._jobs.counts(queue.job_types.names),
                lambda: queue.jobs(statuses=["completed"]),
                lambda middle=middle: queue.jobs(statuses=["completed"], page=middle),
            ]
            lines.append(f"| {size:,} | " + " | ".join(f"{_median_ms(read):.2f}" for read in reads) + " |")
        queue.close()
    return lines


def _finished(queue: QueueManager) -> str:
    """A job that has ended, made by the ledger itself."""
    job_id = queue.add(Noop(total=1)).record.id
    queue.cancel(job_id)
    ledger = queue.ledger
    # It is to be a completed one, in all the indexes that the ledger keeps for it.
    for key in ledger.client.keys(ledger.keys.prefix + "*cancelled*"):
        ledger.client.rename(key, key.replace(b"cancelled", b"completed"))
    ledger.client.hset(ledger.keys("job", job_id), "status", "completed")
    return job_id


def _places(queue: QueueManager, job_id: str) -> list[bytes]:
    """Every sorted set that the job is in."""
    client, prefix = queue.ledger.client, queue.ledger.keys.prefix
    return [
        key
        for key in client.keys(prefix + "*")
        if client.type(key) == b"zset" and client.zscore(key, job_id) is not None
    ]


def _grow(queue: QueueManager, template: str, places: list[bytes], first: int, last: int) -> None:
    ledger = queue.ledger
    for start in range(first, last, 1000):
        stop, base = min(start + 999, last - 1), ledger.now_ms() - 10**9
        ledger.client.eval(COPY, 1 + len(places), ledger.keys.prefix, *places, template, start, stop, base)


def _median_ms(read: Callable[[], object]) -> float:
    taken = []
    for _ in range(READS):
        began = time.perf_counter()
        read()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)
