"""In which order equal jobs end."""

from __future__ import annotations

from collections import deque
from statistics import mean

from vocaqueue.store.ledger import Ledger

from .workers import START, Workers

JOBS, CHUNKS, SLOTS, CHUNK_MS = 1000, 5, 3, 2000


def test_equal_jobs_end_one_after_the_other(ledger: Ledger) -> None:
    """
    Of a thousand equal jobs on three slots the mean one ends by 0.6 of the time that pure turn-taking takes.
    """
    workers = Workers(ledger)
    for n in range(JOBS):
        workers.create(f"j{n:04}", CHUNKS)
    running: deque[tuple[int, str, object]] = deque()
    while workers.tickets or running:
        while workers.tickets and len(running) < SLOTS:
            token, answer = workers.claim(at_once=1, chunk_max=1)
            if answer.state == "lease":
                running.append((workers.now + CHUNK_MS, token, answer))
        if running:
            workers.now, token, answer = running.popleft()
            workers.done(token, answer)
    ended = ledger.client.zrange(ledger.keys("ended", "completed"), 0, -1, withscores=True)
    assert len(ended) == JOBS
    ours = mean(at - START for _, at in ended)

    # Pure turn-taking: one job after the other gets one chunk, over and over.
    turns = [chunk * JOBS + n for n in range(JOBS) for chunk in range(CHUNKS) if chunk == CHUNKS - 1]
    theirs = mean((turn // SLOTS + 1) * CHUNK_MS for turn in turns)
    assert ours / theirs <= 0.6, ours / theirs
    print(f"\nmean completion {ours / theirs:.3f} of pure turn-taking")
