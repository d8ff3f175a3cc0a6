"""The history of jobs stays like the ledger, whatever happens to the relay, the stream, the ledger or the archive."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from sqlalchemy import func, select

from tests.history.conftest import Kept
from tests.system.systems import System, until
from tests.toys import JOB_TYPES, Toy
from vocaqueue import ArchiveUnavailable, QueueManager
from vocaqueue.archive.history import item_table, job_table, segment_table
from vocaqueue.archive.items import ItemIndex, hashes_of
from vocaqueue.engine.job_history import Overtaken


def test_a_pass_that_dies_before_its_end_has_stored_nothing(queue: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    After a death in the middle of a transaction, or right after it, the next relay stores each change once.
    """
    queue.waiting()
    queue.keep()
    before = queue.rows()
    queue.completed(failing=1)
    with monkeypatch.context() as patch:
        real = queue.keeper.history.items.add

        def dies(*arguments: object) -> None:
            real(*arguments)
            raise KeyboardInterrupt

        patch.setattr(queue.keeper.history.items, "add", dies)
        with pytest.raises(KeyboardInterrupt):
            queue.keep()
    assert queue.rows() == before
    queue.keeper = queue.new_keeper()
    queue.keep()
    assert queue.rows() == queue.truth()
    assert len(queue.found(item_id="w1")) == 1
    queue.keeper = queue.new_keeper()
    queue.keep()
    assert queue.rows() == queue.truth()


def test_a_relay_that_is_late_stores_nothing_old(queue: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What a relay read before another one went on is old; it does not write it over the newer state.
    """
    job_id = queue.waiting()
    queue.keep()
    queue.pause(job_id)
    late, other = queue.new_keeper(), queue.new_keeper()
    read = late.history.known

    def overtaken(*arguments: object) -> object:
        monkeypatch.undo()
        queue.cancel(job_id)
        other()
        return read(*arguments)

    monkeypatch.setattr(late.history, "known", overtaken)
    with pytest.raises(Overtaken):
        late()
    assert queue.rows() == queue.truth()
    assert queue.rows()[0][2] == "cancelled"


@pytest.mark.parametrize("how", ["trimmed", "went back", "another ledger"])
def test_where_the_stream_does_not_reach_back_the_ledger_itself_is_read(queue: Kept, how: str) -> None:
    """
    After the stream was trimmed past the cursor, and after the ledger went back, the history is like the ledger again.
    """
    client, prefix = queue.ledger.client, queue.ledger.keys.prefix
    stays, goes = queue.completed(name="stays"), queue.completed(name="goes")
    queue.keep()
    snapshot = {key: client.dump(key) for key in client.keys(prefix + "*")}
    queue.waiting(name="forgotten")
    queue.completed(name="forgotten too", failing=1)
    if how == "trimmed":
        queue.remove(goes)
        queue.bulk("delete", ids=[queue.completed()])
        client.xtrim(queue.ledger.keys("events"), maxlen=1, approximate=False)
        client.xtrim(queue.ledger.keys("progress"), maxlen=0, approximate=False)
    else:
        queue.keep()
        client.unlink(*client.keys(prefix + "*"))
        for key, value in snapshot.items() if how == "went back" else ():
            client.restore(key, 0, value)
        queue.completed(name="since")
    queue.keep()
    assert queue.rows() == queue.truth()
    assert ("stays" in queue.found(q="stays")) == (how != "another ledger")
    assert queue.found(q="forgotten") == [] if how != "trimmed" else len(queue.found(q="forgotten")) == 2
    assert set(queue.found(item_id="w1")) == {
        name or job_id for job_id, *_, name in queue.truth() if name != "forgotten"
    }
    assert stays


def test_more_jobs_than_a_page_of_the_walk(queue: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A walk in small pages, with many jobs of one moment and a death between any two, sees every job once.
    """
    monkeypatch.setattr("vocaqueue.engine.job_history.WALK_PAGE", 3)
    monkeypatch.setattr("vocaqueue.engine.job_history.SWEPT_AT_ONCE", 2)
    ids = [queue.waiting() for _ in range(25)]
    keys = [queue.ledger.keys("jobs"), *(queue.ledger.keys("job", job_id) for job_id in ids)]
    for job_id in ids[5:20]:
        queue.ledger.client.zadd(keys[0], {job_id: 1_800_000_000_000})
    late = None
    for _ in range(100):
        queue.keeper = queue.new_keeper()
        queue.keeper()
        if late is None and queue.position().phase == "walk" and queue.position().below_ms:
            late = queue.waiting()
            queue.cancel(ids[0])
            queue.remove(ids[0])
    queue.keep()
    assert queue.rows() == queue.truth()
    assert len(queue.rows()) == 25


def test_the_history_comes_back_when_the_archive_does(queue: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    While the archive is away jobs go on, and lists by type; with it comes everything that happened meanwhile.
    """
    queue.waiting(created_by="me")
    queue.keep()

    def away() -> None:
        raise ArchiveUnavailable("it is away")

    monkeypatch.setattr(queue.archive, "_ready", away)
    for _ in range(3):
        queue.completed(created_by="me")
        with pytest.raises(ArchiveUnavailable):
            queue.keeper()
    with pytest.raises(ArchiveUnavailable, match="it is away"):
        queue.jobs(created_by="me")
    assert queue.jobs(types=["toy"]).total == 4
    monkeypatch.undo()
    queue.keep()
    assert queue.rows() == queue.truth()


def test_failures_of_a_job_that_still_runs_are_known(queue: Kept) -> None:
    """
    A job is among those with failures while it is active, though no event of its life says so.
    """
    job_id = queue.waiting(name="runs")
    token = queue.begin(job_id)
    queue.keep()
    assert queue.found(failures=True) == []
    fail_one(queue, token)
    queue.keep()
    assert queue.found(failures=True, statuses=["active"]) == ["runs"]


def fail_one(queue: Kept, token: str) -> None:
    failed = [[0, "a", "a", "bad_row", "It will never work.", False, None]]
    queue.ledger.step("lease_commit", token=token, seq=1, failed=failed, cost_nano=0, jitter=0)
    until(lambda: queue.ledger.step("progress_flush", limit=100) and not queue.ledger.client.zcard(
        queue.ledger.keys("unsaid")))  # fmt: skip


def test_failures_whose_progress_was_trimmed_are_known(queue: Kept) -> None:
    """
    Progress is kept for less long than events; where the pass comes too late for it, it asks which jobs are active.
    """
    one, two = (queue.begin(queue.waiting(name=name)) for name in ("one", "two"))
    fail_one(queue, one)
    queue.keep()
    assert queue.found(failures=True) == ["one"]
    fail_one(queue, two)
    queue.ledger.client.xtrim(queue.ledger.keys("progress"), maxlen=0)
    queue.keep()
    assert sorted(queue.found(failures=True, statuses=["active"])) == ["one", "two"]


def test_the_pieces_of_the_index_of_items_are_merged_and_go_with_their_jobs(
    queue: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    However the pieces are cut and merged, each job is found by its items; what is left of removed jobs goes.
    """
    monkeypatch.setattr("vocaqueue.archive.items.ROW_PAIRS", 4)
    monkeypatch.setattr("vocaqueue.archive.items.MERGE_AT", 3)
    dice, index = random.Random(3), ItemIndex(queue.settings.namespace)
    jobs: dict[int, set[str]] = {}
    for nr in range(1, 41):
        jobs[10**6 + nr] = {f"i{dice.randrange(300)}" for _ in range(dice.choice([1, 3, 20, 150]))}
        row = {"nr": 10**6 + nr, "namespace": queue.settings.namespace, "id": str(nr), "type": "t", "status": "waiting",
               "priority": 1, "created_at_ms": 1, "completed": 0, "failed": 0, "skipped": 0, "walk": 1,
               "text": ""}  # fmt: skip
        with queue.archive.writing() as connection:
            connection.execute(job_table.insert(), [row])
            index.add(connection, [(10**6 + nr, hashes_of(jobs[10**6 + nr]))])
    gone = set(dice.sample(sorted(jobs), 20))
    with queue.archive.writing() as connection:
        connection.execute(job_table.delete().where(job_table.c.nr.in_(gone)))
        while index.merge(connection):
            pass
        mine = segment_table.c.namespace == queue.settings.namespace
        assert connection.execute(select(func.count()).select_from(segment_table).where(mine)).scalar_one() < 15
        for item in {item for ids in jobs.values() for item in ids} | {"none"}:
            holders = {nr for nr, ids in jobs.items() if item in ids}
            assert holders - gone <= set(index.find(connection, item)) <= holders
        connection.execute(job_table.delete().where(job_table.c.namespace == queue.settings.namespace))
        index.sweep(connection)
        left = select(func.count()).select_from(item_table).where(item_table.c.namespace == queue.settings.namespace)
        assert connection.execute(left).scalar_one() == 0


@pytest.mark.slow
def test_the_history_is_right_after_every_kill_of_the_relay(tmp_path: Path) -> None:
    """
    Jobs come, end and go while the relay is killed again and again: in the end the history is like the ledger.
    """
    system = System(tmp_path)
    try:
        queue = QueueManager(system.settings, JOB_TYPES, patience_s=20.0)
        dice = random.Random(5)
        system.relay()
        ids: list[str] = []
        for number in range(4):
            for _ in range(60):
                ids.append(queue.add(Toy(ids=["a", "b"]), created_by="me", name=f"단어 {number}").record.id)
                if dice.random() < 0.5:
                    queue.cancel(ids[-1])
                    if dice.random() < 0.5:
                        queue.remove(ids[-1])
                if len(ids) % 45 == 44:
                    system.kill("relay", group=True)
                    system.again("relay")
        until(lambda: _all_found(queue), 60)
        truth = queue.jobs(limit=100)
        assert queue.jobs(created_by="me").total == truth.total
        for status in ("waiting", "cancelled"):
            plain, found = queue.jobs(statuses=[status], limit=100), queue.jobs(q="단어", statuses=[status], limit=100)
            assert [job.id for job in found.items] == [job.id for job in plain.items]
            assert found.total == plain.total == queue.jobs(item_id="b", statuses=[status]).total
        last = queue.add(Toy(ids=["a"]), name="지금 막").record.id
        until(lambda: [job.id for job in queue.jobs(q="막").items] == [last], 20)
        queue.close()
    finally:
        system.stop()


def _all_found(queue: QueueManager) -> bool:
    try:
        return queue.jobs(created_by="me").total == queue.jobs().total
    except ArchiveUnavailable:
        return False
