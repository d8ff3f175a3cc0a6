"""
The yardstick: chunk tasks on a stock Celery worker, each writing its progress with one Lua call per so many items.

No jobs, leases, retries or recovery: what a team would write in an afternoon, and what exactness is measured against.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from celery import Celery

URL = os.environ.get("PROTOTYPE_URL", "")
CHUNK = 5000

app = Celery("benchmarks.prototype", broker=URL or None)
app.conf.update(
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    task_acks_late=True,
    worker_disable_rate_limits=True,
    broker_connection_retry_on_startup=True,
    task_default_queue="prototype",
    broker_transport_options={"global_keyprefix": "prototype:"},
)

PROGRESS = """
local new = 0
for item = ARGV[1], ARGV[1] + ARGV[2] - 1 do
  if redis.call('SETBIT', KEYS[1], item, 1) == 0 then new = new + 1 end
end
local done = redis.call('INCRBY', KEYS[2], new)
redis.call('XADD', KEYS[3], 'MAXLEN', '~', 10000, '*', 'done', done)
if done == tonumber(ARGV[3]) then redis.call('RPUSH', KEYS[4], 1) end
return done
"""
NAMES = ("prototype:bits", "prototype:count", "prototype:events", "prototype:ended")


def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url.replace("redis+socket://", "unix://"))


@app.task
def chunk(first: int, count: int, total: int, every: int) -> None:
    script = _client(URL).register_script(PROGRESS)
    for start in range(first, first + count, every):
        n = min(every, first + count - start)
        for _ in range(n):
            pass  # the no-op item
        script(keys=NAMES, args=[start, n, total])


@contextmanager
def running(url: str) -> Iterator[Callable[[int, int], float]]:
    """A worker with two children; the function answers the seconds that so many items took."""
    env = os.environ | {"PROTOTYPE_URL": url, "PYTHONPATH": str(Path.cwd()), "C_FORCE_ROOT": "1"}
    worker = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "celery", "-A", "benchmarks.prototype", "worker", "-c", "2",
         "-Q", "prototype", "-n", "prototype@%h", "-l", "ERROR", "--without-gossip", "--without-mingle"],
        env=env, start_new_session=True,
    )  # fmt: skip
    client = _client(url)
    app.conf.broker_url = url

    def measure(items: int, every: int) -> float:
        client.delete(*NAMES)
        began = time.perf_counter()
        with app.producer_or_acquire() as producer:
            for first in range(0, items, CHUNK):
                chunk.apply_async((first, min(CHUNK, items - first), items, every), producer=producer)
        if client.blpop("prototype:ended", timeout=120) is None:
            raise RuntimeError("the prototype did not end within two minutes")
        return time.perf_counter() - began

    try:
        measure(1000, 100)
        yield measure
    finally:
        os.killpg(worker.pid, 9)
        worker.wait()
        client.delete(*NAMES)
