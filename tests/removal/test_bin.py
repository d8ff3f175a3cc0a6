"""The bin: what goes in, what comes back, and what a crash in between leaves."""

from __future__ import annotations

import secrets
import threading

import pytest
from sqlalchemy import event

from tests.toys import Noop, Toy
from vocaqueue import ArchiveUnavailable, JobNotFound, NotInBin, QueueManager, WrongStatus
from vocaqueue.engine import housekeeping as housekeeping_module
from vocaqueue.engine.removal import BIN_KEPT_S

CHANGES = {"restored_by", "last"}  #: fields of the hash that a restore may change


def hash_of(raw, job_id):
    return {name: value for name, value in raw[f"job:{job_id}"].items() if name not in CHANGES and value != ""}


def test_a_deleted_job_comes_back_as_it_was(queue):
    """
    An ended job leaves no key behind, and a restore gives the same hash, bits, items, errors, indexes and files.
    """
    job_id = queue.completed(failing=2, ids=2500, name="Mine", labels=["a"], created_by="me")
    with queue.files.write(f"jobs/{job_id}/words.csv") as out:
        out.write(b"x")
    before, shown = queue.raw(), queue.get(job_id).record
    entry = queue.remove(job_id, by="me")
    assert (entry.job_id, entry.status, entry.removed_by, entry.name) == (job_id, "completed", "me", "Mine")
    assert entry.expires_at_ms - entry.removed_at_ms == BIN_KEPT_S * 1000
    assert queue.mentions(job_id) == []
    with pytest.raises(JobNotFound):
        queue.get(job_id)
    assert queue.files.list(f"jobs/{job_id}") == ["words.csv"]

    assert queue.restore(job_id).record == shown
    after = queue.raw()
    assert hash_of(after, job_id) == hash_of(before, job_id)
    for raw in (before, after):
        raw.pop(f"job:{job_id}")
        raw.pop(f"story:{job_id}", None)  # where the restore itself is noted
        for key in ("ended:completed", "ended-of:toy:completed"):
            assert raw.pop(key).keys() == {job_id}
    assert after == before
    assert queue.bin().total == 0
    assert queue.retry(job_id).record.progress.completed == 2498


def test_a_restored_job_that_waited_runs_with_a_higher_ticket(queue):
    """
    Its turn is the old one; a ticket from before the removal finds nothing, the new one claims its items.
    """
    job_id, other = queue.waiting(), queue.waiting()
    turn = queue.raw()[f"job:{job_id}"]["turn"]
    assert queue.empty(by="me") == 2
    restored = queue.restore(job_id)
    assert (restored.record.status, restored.record.created_by) == ("waiting", None)
    raw = queue.raw()[f"job:{job_id}"]
    assert (raw["turn"], raw["line"], raw["last"]) == (turn, "2", "1")
    stale = {"holder": "t", "hard_ms": 9, "finishes": False, "first": 9, "chunk_ms": 9, "chunk_max": 9}
    assert queue.ledger.step("lease_claim", job=job_id, ticket=1, token="old", **stale).state == "stale"
    queue.run(job_id)
    assert queue.get(job_id).record.status == "completed"
    assert [entry.job_id for entry in queue.bin().items] == [other]


def test_a_restore_obeys_the_hold_and_the_time(queue):
    """
    A job whose type is held comes back without a ticket and goes on with the resume; a delayed one keeps its time.
    """
    job_id, later = queue.waiting(), queue.waiting(delay_s=3600)
    queue.pause_all("toy")
    assert queue.empty(delayed=True) == 2
    queue.restore(later)
    assert queue.restore(job_id).record.status == "paused"
    raw = queue.raw()
    assert job_id in raw["backlog:toy:3"]
    assert job_id not in raw.get("outbox", {})
    assert later in raw["job-due"]
    queue.resume_all("toy")
    queue.run(job_id)
    assert queue.get(job_id).record.status == "completed"
    assert queue.get(later).record.status == "delayed"


def test_a_held_and_a_retried_job_come_back_held_and_half_done(queue):
    """
    The hold and the settled items are part of what the bin keeps.
    """
    held, retried = queue.waiting(), queue.completed(failing=1)
    queue.pause(held)
    queue.retry(retried)
    assert queue.empty() == 2
    assert queue.restore(held).record.status == "paused"
    again = queue.restore(retried).record
    assert (again.status, again.run, again.progress.completed, again.progress.failed) == ("waiting", 2, 2, 0)
    assert queue.raw()["items-left"]["toy"] == "3"
    queue.run(retried)
    assert queue.get(retried).record.status == "completed"


def test_a_job_with_many_blocks_of_ids_comes_back(queue):
    """
    The ids of more items than one reading takes are fetched and written in portions.
    """
    job_id = queue.add(Toy(ids=[f"word-{n}" for n in range(61_000)])).record.id
    before = queue.raw()[f"items:{job_id}"]
    assert queue.empty() == 1
    assert queue.mentions(job_id) == []
    queue.restore(job_id)
    assert queue.raw()[f"items:{job_id}"] == before
    assert queue.ledger.client.ttl(queue.ledger.keys("items", job_id)) == -1


def test_what_has_not_ended_is_not_deleted(queue):
    """
    409 in Python: the error names the state and what is possible, and nothing is in the bin.
    """
    waiting, active, held, later = (queue.waiting() for _ in range(4))
    queue.begin(active)
    queue.pause(held)
    states = {waiting: "waiting", active: "active", held: "paused"}
    for job_id, status in states.items():
        for skip_bin in (False, True):
            with pytest.raises(WrongStatus, match=f"is {status}; only a job that has ended can be deleted; cancel"):
                queue.remove(job_id, skip_bin=skip_bin)
    assert queue.bin().total == 0
    for act in (queue.remove, queue.restore):
        with pytest.raises(JobNotFound):
            act("nobody")
    assert queue.get(later).record.status == "waiting"


@pytest.mark.parametrize("act", ["remove", "restore"])
def test_of_two_at_once_one_wins_and_the_other_is_told(queue, act):
    """
    Eight threads delete, or restore, one job: one succeeds, the others get a sentence, and the job is whole.
    """
    job_id = queue.completed(failing=1)
    if act == "restore":
        queue.remove(job_id)
    queue.bin()  # the tables are made before the race
    told: list[object] = []
    start = threading.Barrier(8)

    def go() -> None:
        start.wait()
        try:
            told.append(getattr(queue, act)(job_id))
        except (JobNotFound, WrongStatus) as error:
            told.append(error)

    threads = [threading.Thread(target=go) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(not isinstance(one, Exception) for one in told) == 1, told
    if act == "remove":
        assert queue.bin().total == 1
        queue.restore(job_id)
    assert queue.get(job_id).record.progress.failed == 1
    assert queue.bin().total == 0


def test_a_job_that_changed_since_it_was_read_is_read_again(queue):
    """
    The step refuses what is not as it was seen, so the bin never keeps an older state.
    """
    job_id = queue.completed(failing=1)
    ((_, seen, _, _),) = queue.ledger.ask("jobs_read", ids=[job_id], what="ended", bytes=10**6, items=10**6)
    queue.retry(job_id)
    queue.cancel(job_id)
    for step, given in (
        ("job_remove", {"id": job_id, "seen": seen.decode()}),
        ("jobs_remove", {"jobs": [[job_id, seen.decode()]], "what": "ended", "action": "clean", "token": "t"}),
    ):
        answer = queue.ledger.step(step, **given)
        assert answer.state == "changed" or answer.data["skipped"][0][1] == "changed"
    assert queue.get(job_id).record.status == "cancelled"
    queue.remove(job_id)
    assert queue.restore(job_id).record.run == 2


def test_a_database_that_is_away_loses_nothing(queue, tmp_path):
    """
    Deleting, cleaning and emptying say so and remove nothing; without the bin they work.
    """
    broken = QueueManager(queue.settings.__class__.from_env(
        {"REDIS_URL": queue.settings.redis_url}, namespace=queue.settings.namespace,
        database_url=f"sqlite:///{tmp_path}/files/nothing.db/x.db", storage_url=queue.settings.storage_url,
    ), queue.job_types)  # fmt: skip
    (tmp_path / "files").mkdir(exist_ok=True)
    (tmp_path / "files" / "nothing.db").write_text("a file where a folder should be")
    ended, waiting = queue.completed(), queue.waiting()
    for act in (lambda: broken.remove(ended), lambda: broken.clean(grace_s=0), broken.empty, broken.bin):
        with pytest.raises(ArchiveUnavailable, match="skip the bin"):
            act()
    assert {queue.get(job).record.status.value for job in (ended, waiting)} == {"completed", "waiting"}
    assert broken.remove(ended, skip_bin=True) is None
    assert broken.empty(skip_bin=True) == 1
    broken.close()


def test_a_full_disk_refuses_in_the_middle_and_keeps_the_rest(queue, monkeypatch):
    """
    What was removed before is in the bin, what was not is where it was.
    """
    monkeypatch.setattr("vocaqueue.engine.removal.JOBS_IN_THE_BIN", 5)
    monkeypatch.setattr("vocaqueue.engine.removal.JOBS_IN_A_STEP", 5)
    jobs = {queue.add(Toy(ids=[secrets.token_hex(8) for _ in range(1000)])).record.id for _ in range(15)}
    queue.bin()
    full: list[int] = []

    def prepare(connection, _record, _proxy):
        if len(full) >= 2:  # SQLite takes no fewer than there are
            connection.execute("PRAGMA max_page_count=1")

    event.listen(queue._archive._engine, "checkout", prepare)
    put = queue._removal.bin.put
    monkeypatch.setattr(queue._removal.bin, "put", lambda entries: (put(entries), full.append(1)))
    with pytest.raises(ArchiveUnavailable, match="full"):
        queue.empty()
    monkeypatch.undo()
    queue._archive.close()
    left, binned = set(queue.raw()["jobs"]), {entry.job_id for entry in queue.bin(limit=100).items}
    assert left | binned == jobs
    assert not left & binned
    assert len(binned) == 10


class Killed(BaseException):
    """The process ends here."""


def test_a_crash_before_the_ledgers_step_leaves_the_job(queue, housekeeping, monkeypatch):
    """
    The job is there and not listed in the bin; a restore says so and cleans up, and housekeeping does it without one.
    """
    first, second = queue.completed(), queue.completed()
    real = queue.ledger.step

    def dies(name, **arguments):
        if name == "job_remove":
            raise Killed
        return real(name, **arguments)

    monkeypatch.setattr(queue.ledger, "step", dies)
    for job_id in (first, second):
        with pytest.raises(Killed):
            queue.remove(job_id)
    monkeypatch.undo()
    assert queue.bin().total == 0
    assert queue.in_bin(first)
    with pytest.raises(WrongStatus, match="is completed; it is not in the bin any more"):
        queue.restore(first)
    assert not queue.in_bin(first)
    monkeypatch.setattr(housekeeping_module, "GRACE_MS", -1)
    housekeeping.once()
    assert not queue.in_bin(second)
    assert queue.get(second).record.status == "completed"


def test_a_crash_after_the_ledgers_step_leaves_the_entry(queue, housekeeping, monkeypatch):
    """
    The job can be restored at once, and housekeeping lists it in the bin.
    """
    first, second = queue.completed(), queue.completed()

    def dies(*_arguments):
        raise Killed

    monkeypatch.setattr(queue._removal.bin, "removed", dies)
    for job_id in (first, second):
        with pytest.raises(Killed):
            queue.remove(job_id)
    monkeypatch.undo()
    assert queue.restore(first).record.status == "completed"
    assert queue.bin().total == 0
    monkeypatch.setattr(housekeeping_module, "GRACE_MS", -1)
    housekeeping.mark_unsure()
    assert [entry.job_id for entry in queue.bin().items] == [second]
    assert queue.restore(second).record.status == "completed"


def test_what_expired_goes_with_its_files(queue, housekeeping, monkeypatch):
    """
    After its time an entry cannot be restored; housekeeping lets go of it and of the files, not of a job that is there.
    """
    monkeypatch.setattr("vocaqueue.engine.removal.BIN_KEPT_S", 0)
    monkeypatch.setattr(housekeeping_module, "GRACE_MS", -10)
    gone, again = queue.completed(), queue.completed()
    for job_id in (gone, again):
        with queue.files.write(f"jobs/{job_id}/words.csv") as out:
            out.write(b"x")
        queue.remove(job_id)
    monkeypatch.setattr("vocaqueue.engine.removal.BIN_KEPT_S", 3600)
    with pytest.raises(NotInBin, match="24 hours"):
        queue.restore(gone)
    state = queue._removal.bin.find(again, 0)
    from vocaqueue.store.states import restore_state

    restore_state(queue.ledger, again, "token", state.state, state.blocks)  # its entry was not taken away: a crash
    assert housekeeping.purge_bin() == 1
    assert queue.files.list(f"jobs/{gone}") == []
    assert queue.files.list(f"jobs/{again}") == ["words.csv"]
    assert not queue.in_bin(gone)
    assert not queue.in_bin(again)


def test_who_waits_for_a_removed_job_is_told(queue):
    """
    `wait` raises JobNotFound when a bulk act takes the job away, also while other jobs keep the stream busy.
    """
    job = queue.get(queue.waiting())
    told: list[Exception] = []

    def wait() -> None:
        try:
            job.wait(60)
        except JobNotFound as error:
            told.append(error)

    waits = threading.Thread(target=wait)
    waits.start()
    queue.empty()
    while waits.is_alive():
        queue.cancel(queue.waiting())
        waits.join(0.05)
    assert len(told) == 1


def test_the_events_of_removal_and_return(queue):
    """
    One job says `job-removed`, many say one `jobs-changed`, and one that comes back says `job-restored` with its state.
    """
    ended = queue.completed()
    queue.remove(ended)
    queue.restore(ended)
    for _ in range(3):
        queue.add(Noop(total=1))
    queue.empty(type_name="noop")
    named = [event for event in queue.events() if event["event"] in {"job-removed", "job-restored", "jobs-changed"}]
    assert [event["event"] for event in named] == ["job-removed", "job-restored", "jobs-changed"]
    assert (named[1]["job"], named[1]["data"]["status"]) == (ended, "completed")
    assert named[2]["data"] == {"action": "empty", "affected": 3, "type": "noop"}
