"""Wrong keys are counted in the job store, for all web processes together."""

from __future__ import annotations

import threading

from tests.system.systems import until
from vocaqueue.store.attempts import Attempts, Bucket
from vocaqueue.store.ledger import Ledger


def test_a_bucket_empties_and_refills(ledger: Ledger):
    """
    So many tries at once, then one as soon as it says.
    """
    attempts, bucket = Attempts(ledger), [(Bucket("t", 3, 0.5), "me")]
    assert [attempts.take(bucket) for _ in range(3)] == [0, 0, 0]
    assert attempts.take(bucket) == attempts.wait_s(bucket) == 1
    until(lambda: attempts.wait_s(bucket) == 0, 3)
    assert attempts.take(bucket) == 0


def test_processes_share_a_bucket(make_ledger):
    """
    Twenty threads over two connections get exactly as many tries as there are.
    """
    one = make_ledger()
    both = [Attempts(one), Attempts(Ledger(one.settings))]
    bucket, got = [(Bucket("t", 7, 100.0), "me")], []

    def try_it(attempts: Attempts) -> None:
        got.extend(attempts.take(bucket) for _ in range(5))

    threads = [threading.Thread(target=try_it, args=(both[n % 2],)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got.count(0) == 7
    assert all(0 < wait_s <= 100 for wait_s in got if wait_s)


def test_all_buckets_or_none(ledger: Ledger):
    """
    When one bucket of several is empty the try takes nothing from the others either.
    """
    attempts, mine, all_ = Attempts(ledger), (Bucket("mine", 5, 100.0), "me"), (Bucket("all", 2, 100.0), "all")
    other = (Bucket("mine", 5, 100.0), "other")
    assert [attempts.take([mine, all_]) for _ in range(2)] == [0, 0]
    assert attempts.take([other, all_]) > 0
    assert [attempts.take([other]) for _ in range(6)].count(0) == 5


def test_what_is_given_back_is_there_again(ledger: Ledger):
    """
    Whoever was right uses none; giving back more than was taken gives nobody more.
    """
    attempts, bucket = Attempts(ledger), [(Bucket("t", 2, 100.0), "me")]
    for _ in range(10):
        assert attempts.take(bucket) == 0
        attempts.give_back(bucket)
    attempts.give_back(bucket)
    assert [attempts.take(bucket) for _ in range(3)].count(0) == 2


def test_nothing_stays_behind(ledger: Ledger):
    """
    A bucket that is full again is no key in the job store.
    """
    attempts, bucket = Attempts(ledger), [(Bucket("t", 2, 0.05), "me")]
    attempts.take(bucket)
    key = ledger.keys("attempts", "t", "me")
    assert 0 < ledger.client.pttl(key) <= 50 or not ledger.client.exists(key)
    until(lambda: not ledger.client.exists(key), 3)
