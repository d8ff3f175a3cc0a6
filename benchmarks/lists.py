"""
Lists over HTTP with a million jobs: 50 requests a second through the service as it is deployed, each kind, then mixed.

A request's time counts from when it was due, so that a service that falls behind shows it. `python -m benchmarks.lists`
alone, with other sizes in JOBS, ARCHIVED and SECONDS, prints the table and writes nothing.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from tests.toys import JOB_TYPES, Toy
from vocaqueue import QueueManager, Settings
from vocaqueue.archive.database import Archive
from vocaqueue.engine.job_history import FOLLOW, JobHistoryPass, Position, cursors
from vocaqueue.store.items import write_blocks
from vocaqueue.testing.valkey import PrivateValkey

from .finished import _places

JOBS, ARCHIVED, SECONDS = (
    int(os.environ.get(name, value)) for name, value in (("JOBS", 1_000_000), ("ARCHIVED", 200_000), ("SECONDS", 20))
)
RATE = 50  #: requests a second
IDLE_MOST_S = 3.0  #: then a client connects anew; the service closes what is idle for five seconds
PORT = 4711
KEY = "the-key-of-the-bench"
WORDS = ("사과", "학교생활", "여행", "단어장", "초급", "mountain", "illustrate", "vocabulary", "teacher", "watercolor")
ITEMS_EACH, ITEMS, LISTS = 20, 10_000, 500  #: of a job; different ones; lists of items that jobs share
#: KEYS: prefix, every sorted set that the template is in. ARGV: template, first, last, creation of the first, words,
#: number of the last without items, how many lists of items there are.
COPY = """
local words = cjson.decode(ARGV[5])
for n = tonumber(ARGV[2]), tonumber(ARGV[3]) do
  local id = 'toy-' .. string.format('%012x', n * 2654435761 % 2 ^ 40)
  local key = KEYS[1] .. 'job:' .. id
  local rare = string.format('%x', n * 40503 % 65536)
  local name = words[n % 10 + 1] .. ' ' .. words[math.floor(n / 10) % 10 + 1] .. ' ' .. rare
  redis.call('COPY', KEYS[1] .. 'job:' .. ARGV[1], key)
  redis.call('HSET', key, 'id', id, 'created_at', string.format('%.0f', ARGV[4] + n), 'name', name,
    'created_by', 'user-' .. n % 500, 'priority', n % 4 + 1)
  if n > tonumber(ARGV[6]) then
    redis.call('COPY', KEYS[1] .. 'items:' .. n % tonumber(ARGV[7]), KEYS[1] .. 'items:' .. id)
  end
  for i = 2, #KEYS do redis.call('ZADD', KEYS[i], ARGV[4] + n, id) end
end
"""


def measure() -> list[str]:
    """Lines of a table: p50 and p99 in ms of each kind of request."""
    with tempfile.TemporaryDirectory() as folder, PrivateValkey() as server:
        env = {
            "REDIS_URL": server.url,
            "DATABASE_URL": os.environ.get("BENCH_DATABASE_URL", f"sqlite:///{folder}/vocaqueue.db"),
            "STORAGE_URL": f"file://{folder}/files",
            "VOCAQUEUE_JOB_TYPES": "tests.toys:JOB_TYPES",
            "VOCAQUEUE_ADMIN_KEY": KEY,
            "VOCAQUEUE_SECRET_KEY": KEY,
            "PORT": str(PORT),
        }
        queue = QueueManager(Settings.from_env(env), JOB_TYPES)
        _make_jobs(queue)
        archive_s = _make_history(queue)
        some = [job.id for page in (1, 50, 500) for job in queue.jobs(page=page, limit=20).items]
        with _service(env, folder):
            lines = _table(some)
        queue.close()
    note = f"{JOBS:,} jobs in the ledger, {ARCHIVED:,} in the archive ({ARCHIVED / archive_s:,.0f} a second)"
    return [f"Over HTTP, {RATE} requests a second, {note}:", "", *lines]


def _make_jobs(queue: QueueManager) -> None:
    template = queue.add(Toy(ids=[f"word-{n}" for n in range(ITEMS_EACH)], tag="A parameter")).record.id
    queue.cancel(template)
    places, ledger, dice = _places(queue, template), queue.ledger, random.Random(3)
    for number in range(LISTS):
        items = [f"word-{n}" for n in dice.sample(range(ITEMS), ITEMS_EACH)]
        write_blocks(ledger, str(number), items, patience_s=2.0)
    for first in range(1, JOBS, 1000):
        arguments = (template, first, min(first + 999, JOBS - 1), ledger.now_ms() - 10**9, json.dumps(WORDS))
        arguments += (JOBS - ARCHIVED, LISTS)
        ledger.client.eval(COPY, 1 + len(places), ledger.keys.prefix, *places, *arguments)


def _make_history(queue: QueueManager) -> float:
    """Let the pass walk through the newest jobs, as many as the archive is to have. Answers the seconds it took."""
    archive = Archive(queue.settings.database_url)
    keep, made = JobHistoryPass(queue.ledger, archive), 0
    keep()
    began = time.perf_counter()
    while made < ARCHIVED:
        made += keep() - 1
    took = time.perf_counter() - began
    done = Position(keep.changes.now(), 1, FOLLOW)
    with archive.writing() as connection:
        for cursor, text in zip(cursors(queue.settings.namespace), done.written(), strict=True):
            cursor.take(connection)
            cursor.move(connection, text)
    archive.close()
    return took


def _table(ids: Sequence[str]) -> list[str]:
    dice = random.Random(1)

    def listed(**more: str) -> str:
        return "/jobs?" + "&".join(f"{name}={quote(value)}" for name, value in more.items())

    kinds: dict[str, Callable[[], str]] = {
        "list, first page": listed,
        "list, a page in the middle": lambda: listed(page=str(dice.randrange(JOBS // 20))),
        "list by type and status": lambda: listed(
            type="toy", status="cancelled,failed", page=str(dice.randrange(1, 99))
        ),
        "list by creator and priority": lambda: listed(createdBy=f"user-{dice.randrange(500)}", priority="high"),
        "show": lambda: f"/jobs/{dice.choice(ids)}",
        "stats": lambda: "/stats",
        "q, a rare word": lambda: listed(q=f"{dice.randrange(65536):x}"),
        "q, two syllables in 1 of 10": lambda: listed(q="교생"),
        "q, a letter that all have": lambda: listed(q="a"),
        "word": lambda: listed(word=f"word-{dice.randrange(ITEMS)}"),
        "history, 24 h": lambda: "/history?range=24h",
    }
    lines = ["| request | a second | p50, ms | p99, ms |", "|---|---|---|---|"]
    for name, make in kinds.items():
        rate = 5 if name in {"q, two syllables in 1 of 10", "q, a letter that all have"} else RATE
        lines.append(f"| {name} | {rate} | {_percentiles(_run([make], rate))} |")
    plain = [kinds[name] for name in kinds if not name.startswith(("q,", "history"))]
    mixed = _run([*plain * 6, *(kinds[name] for name in kinds if name.startswith("q, "))], RATE)
    return [*lines, f"| all of them mixed | {RATE} | {_percentiles(mixed)} |"]


def _percentiles(times_ms: list[float]) -> str:
    cuts = statistics.quantiles(times_ms, n=100)
    return f"{cuts[49]:.1f} | {cuts[98]:.1f}"


def _run(makes: Sequence[Callable[[], str]], rate: int) -> list[float]:
    """Milliseconds of each request, from when it was due; requests are due at equal distances."""
    dice, lock = random.Random(2), threading.Lock()
    due = iter([(number / rate, dice.choice(makes)()) for number in range(rate * SECONDS)])
    taken: list[float] = []
    began = time.perf_counter() + 0.1

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        while True:
            with lock:
                at, path = next(due, (None, ""))
            if at is None:
                return
            if (wait_s := began + at - time.perf_counter()) > 0:
                time.sleep(wait_s)
                if wait_s > IDLE_MOST_S:
                    connection.close()
            connection.request("GET", "/api/admin/queue" + path, headers={"Authorization": f"Bearer {KEY}"})
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{path}: {answer.status} {body[:200]!r}")
            taken.append((time.perf_counter() - began - at) * 1000)

    threads = [threading.Thread(target=client) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(taken) != rate * SECONDS:
        raise RuntimeError(f"{rate * SECONDS - len(taken)} requests were not answered")
    return taken


@contextmanager
def _service(env: dict[str, str], folder: str):  # type: ignore[no-untyped-def]
    environment = os.environ | env | {"PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-m", "gunicorn", "-c", "python:api.gunicorn", "api.app:create_app()"]
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        for _ in range(200):
            try:
                connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=1)
                connection.request("GET", "/healthz")
                connection.getresponse().read()
                break
            except OSError:
                time.sleep(0.1)
        else:
            raise RuntimeError("the service did not start")
        yield
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    print("\n".join(measure()))
