"""The audit log: every act of a person has one row, which nobody can change unseen."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import text

from tests.admin.conftest import Client, make_app
from tests.toys import Toy
from vocaqueue import (
    Actor,
    ArchiveUnavailable,
    AuditFilter,
    AuditFull,
    DuplicateJob,
    QueueManager,
    Rate,
    StoreUnavailable,
    WrongStatus,
)
from vocaqueue.actor import SYSTEM, acting
from vocaqueue.archive.audit import AuditEntry, AuditLog, NewEntry, row_hash
from vocaqueue.archive.database import Archive
from vocaqueue.engine.archivist import Archivist
from vocaqueue.engine.audit import AuditPass
from vocaqueue.engine.health import parts_of
from vocaqueue.store import acts
from vocaqueue.store.attempts import Bucket

Store = Callable[[], int]
KIM = Actor("7", "Kim", "operator", "http", "10.0.0.7")


def rows(queue: QueueManager, **which: Any) -> list[dict[str, Any]]:
    """What is stored, oldest first."""
    return [entry.as_dict() for entry in reversed(queue.audit(limit=100, **which).items)]


def submit(queue: QueueManager, **given: Any) -> str:
    return str(queue.add(Toy(ids=["a", "b"]), **given).record.id)


def test_each_act_on_a_job_has_a_row_with_before_and_after(queue: QueueManager, store: Store) -> None:
    """
    Submit, pause, resume, priority, cancel: each row says who, from where, what it was and what it became.
    """
    with acting(KIM):
        job_id = submit(queue, name="mine", created_by="7", priority="low")
        queue.pause(job_id)
        queue.resume(job_id)
        queue.set_priority(job_id, "critical")
        queue.cancel(job_id)
    store()
    found = rows(queue)
    verbs = ["submit", "pause", "resume", "priority", "cancel"]
    assert [row["action"] for row in found] == [f"job.{verb}" for verb in verbs]
    assert {(row["target"]["id"], row["target"]["type"]) for row in found} == {(job_id, "toy")}
    actor = {"id": "7", "name": "Kim", "role": "operator", "via": "http", "address": "10.0.0.7"}
    assert all(row["actor"] == actor and row["outcome"] == "done" for row in found)
    made, held, _, hurried, cancelled = found
    assert made["before"] is None
    assert (made["after"]["params"]["tag"], made["after"]["name"], made["after"]["items"]) == ("", "mine", 2)
    assert (held["before"].get("held"), held["after"]["held"]) == (None, True)
    assert (hurried["before"]["priority"], hurried["after"]["priority"]) == (4, 1)
    assert (cancelled["before"]["status"], cancelled["after"]["status"]) == ("waiting", "cancelled")


def test_what_is_refused_is_an_attempt_with_its_outcome(queue: QueueManager, store: Store) -> None:
    """
    A cancel of an ended job and a double of a unique one are rows too, and say that nothing was done.
    """
    job_id = submit(queue, unique=True)
    with pytest.raises(DuplicateJob):
        submit(queue, unique=True)
    queue.cancel(job_id)
    with pytest.raises(WrongStatus):
        queue.cancel(job_id)
    store()
    found = rows(queue)
    assert [(row["action"], row["outcome"]) for row in found] == [
        ("job.submit", "done"),
        ("job.submit", "duplicate"),
        ("job.cancel", "done"),
        ("job.cancel", "refused"),
    ]
    assert found[1]["after"] == {"job": job_id}
    assert found[3]["after"] is None


def test_acts_on_many_have_a_row_for_each_job_and_one_act(queue: QueueManager, store: Store) -> None:
    """
    A bulk cancel, a clean, a delete and a restore name each job; the rows of one act share its id.
    """
    ids = [submit(queue) for _ in range(3)]
    queue.bulk("cancel", ids=ids)
    queue.clean(grace_s=0, status="cancelled", limit=1)
    left = [job_id for job_id in ids if queue.present([job_id])]
    queue.bulk("delete", ids=left[:1])
    queue.remove(left[1])
    queue.restore(left[1])
    store()
    found = rows(queue)
    cancelled = [row for row in found if row["action"] == "job.cancel"]
    assert {row["target"]["id"] for row in cancelled} == set(ids)
    assert len({row["act"] for row in cancelled}) == 1
    [cleaned] = [row for row in found if row["action"] == "job.clean"]
    assert (cleaned["before"], cleaned["after"]) == ({"status": "cancelled"}, {"inBin": True})
    deleted = [row["target"]["id"] for row in found if row["action"] == "job.delete"]
    assert sorted(deleted) == sorted(left)
    assert found[-1]["action"] == "job.restore"


def test_acts_on_types_limits_and_schedules(queue: QueueManager, store: Store) -> None:
    """
    Holding a type and everything, changing a rate, making, changing and removing a schedule: with before and after.
    """
    queue.pause_all("toy")
    queue.pause_all()
    queue.resume_all()
    queue.limits.set("toy", rate=Rate(5, 1.0), max_running_chunks=2)
    schedule = queue.schedules.add(Toy(ids=["a"]), every_s=3600)
    queue.schedules.update(schedule.id, name="hourly")
    queue.schedules.remove(schedule.id)
    store()
    found = {row["action"]: row for row in rows(queue)}
    of_schedules = [f"schedule.{verb}" for verb in ("make", "change", "delete")]
    assert list(found) == ["type.pause", "queue.pause", "queue.resume", "limits.change", *of_schedules]
    assert (found["type.pause"]["before"], found["type.pause"]["after"]) == ({"held": False}, {"held": True})
    assert found["limits.change"]["before"]["rate"] is None
    assert found["limits.change"]["after"] == {"rate": {"max": 5, "windowMs": 1000, "burst": 0}, "maxRunningChunks": 2}
    assert found["schedule.make"]["after"]["params"] == {"ids": ["a"]}
    assert [found["schedule.change"][name]["name"] for name in ("before", "after")] == [None, "hourly"]
    assert found["schedule.delete"]["before"]["name"] == "hourly"


def test_the_machine_leaves_no_rows_but_where_it_changes_what_people_set(queue: QueueManager, store: Store) -> None:
    """
    Retention and a schedule's own jobs are not acts of people; a breaker that holds a type is written down as system.
    """
    with acting(SYSTEM):
        submit(queue)
    assert store() == 0
    job_id = submit(queue)
    number = int(queue.ledger.client.hget(queue.ledger.keys("job", job_id), "line"))
    claim = {"holder": "h", "hard_ms": 60_000, "finishes": False, "first": 9, "chunk_ms": 2000, "chunk_max": 9}
    taken = queue.ledger.step("lease_claim", job=job_id, ticket=number, token="t", **claim)
    busy = [[item, "w", "w", "busy", "It is busy.", True, 100] for item in range(taken.data["count"])]
    queue.ledger.step("lease_commit", token="t", seq=1, failed=busy, jitter=0, close=True, breaker=[1, 1])
    store()
    opened = rows(queue)[-1]
    assert (opened["action"], opened["target"]["id"], opened["actor"]["id"]) == ("type.pause", "toy", "system")
    assert opened["after"]["reason"]["code"] == "busy"


def test_nothing_is_stored_twice_or_lost_when_the_archivist_dies(
    queue: QueueManager, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A pass that ends after the database's commit, before the stream is told, stores the same entries once.
    """
    ids = [submit(queue) for _ in range(3)]

    class Dies(Exception):
        pass

    def die(*_: Any, **__: Any) -> None:
        raise Dies

    with monkeypatch.context() as patch:
        patch.setattr(queue.ledger.client, "xtrim", die)
        with pytest.raises(Dies):
            store()
    assert queue.audit.waiting() == 3
    assert store() == 3
    assert queue.audit.waiting() == 0
    assert [row["target"]["id"] for row in rows(queue)] == ids
    assert queue.audit.verify().rows == 3


def test_while_the_archive_is_away_acts_wait_and_are_said(queue: QueueManager, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    With a database that cannot be written nothing is lost; at the limit making is refused, cancelling is not.
    """
    job_id = submit(queue)
    broken = AuditPass(queue.ledger, AuditLog(Archive("sqlite:////proc/no/such/archive.db"), queue.settings.namespace))
    with pytest.raises(ArchiveUnavailable):
        broken()
    assert queue.audit.waiting() == 1
    assert queue.audit.trouble() is None
    monkeypatch.setattr("vocaqueue.engine.audit.MANY_WAITING", 1)
    monkeypatch.setattr(acts, "MOST_WAITING", 1)
    assert "relay" in (queue.audit.trouble() or "")
    with pytest.raises(AuditFull, match="DATABASE_URL"):
        submit(queue)
    assert queue.cancel(job_id).record.status == "cancelled"
    assert AuditPass(queue.ledger, queue.audit.log)() == 2
    submit(queue)


def test_only_the_doctor_says_why_nothing_is_stored(queue: QueueManager) -> None:
    """
    Readiness is open to anybody, so the database's own words, which may name its address, are not in it.
    """

    def fails() -> int:
        raise ArchiveUnavailable("connection to 10.1.2.3 refused: password of vq_writer is wrong")

    submit(queue)
    Archivist(queue.ledger, {"audit": fails}).round()
    assert "10.1.2.3" in (queue.audit.trouble() or "")
    (message,) = parts_of(queue)["audit"]().values()
    assert message.startswith("1 acts wait")
    assert "10.1.2.3" not in message
    assert "vq_writer" not in message


def test_a_row_that_is_changed_or_taken_out_is_named(queue: QueueManager, store: Store, tmp_path: Path) -> None:
    """
    The database refuses to change a row; whoever gets round that breaks the chain, and verify names the first row.
    """
    for _ in range(5):
        submit(queue)
    store()
    kept = queue.audit.head()
    assert queue.audit.verify(known=kept).broken is None
    database = sqlite3.connect(tmp_path / "archive.db")
    forge, remove = "UPDATE vocaqueue_audit SET actor_id = 'x' WHERE seq = 3", "DELETE FROM vocaqueue_audit WHERE seq "
    for change in (forge, remove + "= 3"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            database.execute(change)
    database.rollback()
    database.executescript("DROP TRIGGER vocaqueue_audit_no_update; DROP TRIGGER vocaqueue_audit_no_delete;")
    database.execute(forge)
    database.commit()
    verdict = queue.audit.verify()
    assert (verdict.rows, verdict.broken) == (2, 3)
    for change in (remove + "= 3", remove + "> 2"):
        database.execute(change)
        database.commit()
        assert queue.audit.verify().broken == 3
    # Who makes the head anew too is found by a head that was kept elsewhere.
    database.execute("UPDATE vocaqueue_audit_head SET seq = 2, hash = (SELECT hash FROM vocaqueue_audit WHERE seq = 2)")
    database.commit()
    database.close()
    assert queue.audit.verify().broken is None
    assert queue.audit.verify(known=kept).broken == 3


@pytest.mark.parametrize("column", [name for name in AuditEntry.__dataclass_fields__ if name not in {"seq", "hash"}])
def test_no_column_can_be_changed_unseen(queue: QueueManager, store: Store, tmp_path: Path, column: str) -> None:
    """
    Whatever is changed is found; who makes the row's own hash anew is found by the next row, or by the head.
    """
    for _ in range(3):
        submit(queue)
    store()
    database = sqlite3.connect(tmp_path / "archive.db")
    database.row_factory = sqlite3.Row
    database.execute("DROP TRIGGER vocaqueue_audit_no_update")

    def write(row: dict[str, Any]) -> None:
        change = f"UPDATE vocaqueue_audit SET {column} = ?, hash = ? WHERE seq = ?"
        database.execute(change, [row[column], row["hash"], row["seq"]])
        database.commit()

    for seq in (1, 3):
        stored = dict(database.execute("SELECT * FROM vocaqueue_audit WHERE seq = ?", [seq]).fetchone())
        forged = stored | {column: 5 if column == "at_ms" else "f" * 64}
        for row in (forged, forged | {"hash": row_hash(forged)}):
            write(row)
            assert queue.audit.verify().broken in {seq, seq + 1}
        write(stored)
        assert queue.audit.verify().broken is None
    database.close()


def test_a_pass_takes_out_no_entry_that_it_has_not_stored(
    queue: QueueManager, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Also where the next entry is of the same millisecond.
    """
    submit(queue)
    client, key = queue.ledger.client, queue.ledger.keys("audit")
    ((first, fields),) = client.xrange(key)
    ms = int(first.partition(b"-")[0]) + 1
    for number in (1, 2, 3):
        client.xadd(key, fields | {b"key": f"same-ms-{number}"}, id=f"{ms}-{number}")
    monkeypatch.setattr("vocaqueue.engine.audit.AT_ONCE", 2)
    assert [store() for _ in range(3)] == [2, 2, 0]
    assert queue.audit().total == 4


def test_nothing_is_taken_out_before_it_is_on_the_ledgers_disk(
    queue: QueueManager, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A disk that is too slow: else a ledger that goes back could bring an act again that is stored, or never was.
    """
    submit(queue)
    pipeline = queue.ledger.client.pipeline

    def slow(**options: Any) -> Any:
        pipe = pipeline(**options)
        monkeypatch.setattr(pipe, "execute", lambda **_: [True, [0, 0]])
        return pipe

    with monkeypatch.context() as patch:
        patch.setattr(queue.ledger.client, "pipeline", slow)
        with pytest.raises(StoreUnavailable, match="disk"):
            store()
    assert queue.audit().total == 0
    assert store() == 1


def test_an_act_that_is_neither_the_ledgers_nor_the_databases_is_noted(queue: QueueManager, store: Store) -> None:
    """
    A sign-in is noted by whoever makes it; refused ones are left out while very much waits to be stored.
    """
    with acting(KIM):
        queue.audit.note("session.begin", kind="session", target="7")
        queue.audit.note("session.begin", kind="session", target="7", outcome="refused", after={"why": "too many"})
    store()
    assert [(row["action"], row["outcome"], row["after"]) for row in rows(queue)] == [
        ("session.begin", "done", None),
        ("session.begin", "refused", {"why": "too many"}),
    ]
    token = {"does": "session.begin", "kind": "session", "target": "7", "spare": 0}
    assert queue.ledger.step("audit_add", token="t", outcome="refused", **token).state == "left out"
    assert store() == 0


def test_nobody_fills_the_log_with_refusals(queue: QueueManager, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    After so many refusals of one caller the next are left out; others' are noted, and so is what is done.
    """
    monkeypatch.setattr("vocaqueue.engine.audit.REFUSALS", Bucket("few", 3, 3600.0))
    for _ in range(5):
        with acting(KIM):
            queue.audit.note("request.post", kind="request", outcome="forbidden")
    with acting(Actor("", "", None, "http", "10.0.0.8")):
        queue.audit.note("session.begin", kind="session", outcome="refused")
    with acting(KIM):
        queue.audit.note("session.begin", kind="session")
    store()
    noted = [(row["actor"]["id"], row["outcome"]) for row in rows(queue)]
    assert noted == [("7", "forbidden")] * 3 + [("", "refused"), ("7", "done")]


def test_another_part_stores_its_act_in_its_own_transaction(queue: QueueManager) -> None:
    """
    An act on the archive's own tables and its row are there together or not at all.
    """
    log = queue.audit.log
    entry = NewEntry(
        entry="key.make/1", at_ms=1, action="key.make", kind="key", target="k", actor_id="7", actor_name="K", via="http"
    )

    def make(*, fails: bool) -> None:
        with queue.archive.writing() as connection:
            assert log.append(connection, [entry, entry]) == 1
            if fails:
                raise RuntimeError

    with pytest.raises(RuntimeError):
        make(fails=True)
    assert queue.audit().total == 0
    make(fails=False)
    assert log.store([entry]) == 0
    with acting(KIM), queue.archive.writing() as connection:
        log.append(connection, [queue.audit.entry("key.revoke", kind="key", target="k", after={"name": "n"})])
    made, revoked = rows(queue)
    assert (made["action"], revoked["action"], revoked["actor"]["id"]) == ("key.make", "key.revoke", "7")
    assert revoked["after"] == {"name": "n"}
    assert queue.audit.verify().broken is None


def test_filters(queue: QueueManager, store: Store) -> None:
    """
    By actor, action or its first part, target, type, outcome, span of time, and a part of what was done, Korean too.
    """
    with acting(KIM):
        first = submit(queue, name="동물도감 그림")
    second = submit(queue)
    queue.cancel(second)
    store()
    for which in ({"actor": "7"}, {"actor": "Kim"}, {"q": "물도"}, {"q": "10.0.0.7"}):
        assert [row["target"]["id"] for row in rows(queue, **which)] == [first]
    moment = datetime.fromtimestamp(queue.get(second).record.created_at_ms / 1000, UTC)
    an_hour = timedelta(hours=1)
    for which, count in (
        ({"action": "job"}, 3),
        ({"action": "job.cancel"}, 1),
        ({"action": "jo"}, 0),
        ({"target": second}, 2),
        ({"type": "toy", "outcome": "done"}, 3),
        ({"q": "100%"}, 0),
        ({"since": moment + an_hour}, 0),
        ({"since": moment - an_hour, "until": moment + an_hour}, 3),
    ):
        assert len(rows(queue, **which)) == count, which
    page = queue.audit(AuditFilter(), page=2, limit=2)
    assert ([entry.seq for entry in page.items], page.total, page.total_pages) == ([1], 3, 2)


def test_the_list_and_its_files_over_http(queue: QueueManager, store: Store) -> None:
    """
    Admins get the list and the files; a formula in a name is no formula there; others are refused, which is noted.
    """
    client = Client(make_app(queue))
    submit(queue, name="=1+1")
    store()
    answer = client.get("/audit?action=job.submit&limit=5").json["data"]
    assert (answer["total"], answer["items"][0]["after"]["name"]) == (1, "=1+1")
    whole = json.loads(client.get("/audit?format=json").data)["data"]
    assert whole["items"] == answer["items"]
    with acting(Actor("=cmd()", "@kim", None, "python")):
        submit(queue)
    store()
    read = list(csv.reader(io.StringIO(client.get("/audit?format=csv").data.decode("utf-8-sig"))))
    assert read[0][:4] == ["seq", "timestamp", "action", "outcome"]
    assert read[1][7:9] == ["'=cmd()", "'@kim"]
    sheet: Any = openpyxl.load_workbook(io.BytesIO(client.get("/audit?format=xlsx").data)).active
    assert (sheet["H2"].value, sheet["H2"].data_type) == ("=cmd()", "s")
    assert client.get("/audit/verify").json["data"]["broken"] is None
    assert client.get("/audit?page=0").status_code == 422
    assert client.get("/audit?from=yesterday").status_code == 422
    assert Client(client.app, "operator").get("/audit").status_code == 403
    assert Client(client.app, "viewer").post("/jobs/toy-1/cancel", {}).status_code == 403
    store()
    last = rows(queue)[-1]
    assert (last["action"], last["outcome"], last["actor"]["id"]) == ("request.post", "forbidden", "the-viewer")
    assert last["target"]["id"].endswith("/jobs/toy-1/cancel")
    assert len([row for row in rows(queue) if row["outcome"] == "forbidden"]) == 1


def test_what_no_database_takes_is_replaced_before_it_is_hashed(queue: QueueManager, store: Store) -> None:
    """
    NUL and half a letter in a name do not stop the log, nor break its chain.
    """
    with acting(Actor("a\0b", "half \ud800", None, "python")):
        submit(queue)
    store()
    assert queue.audit.verify().broken is None
    with queue.archive.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM vocaqueue_audit")).scalar() == 1


def test_the_same_on_postgresql(queue: QueueManager, postgres: str) -> None:
    """
    PostgreSQL stores the same chain, finds the same, and refuses to change, delete or truncate a row.
    """
    archive = Archive(postgres)
    log = AuditLog(archive, queue.settings.namespace)
    store = AuditPass(queue.ledger, log)
    with acting(KIM):
        first = submit(queue, name="동물도감")
    queue.cancel(submit(queue))
    assert store() == 3
    assert [entry.target for entry in log.page(AuditFilter(q="물도", actor="7"), page=1, limit=9).items] == [first]
    assert len(log.after(AuditFilter(action="job"), 3)) == 2
    table = "vocaqueue_audit"
    for change in (f"UPDATE {table} SET actor_id = 'x'", f"DELETE FROM {table}", f"TRUNCATE {table}"):
        with pytest.raises(ArchiveUnavailable, match="append-only"), archive.writing() as connection:
            connection.execute(text(change))
    assert log.verify(known=log.head()).broken is None
    with archive.writing() as connection:
        connection.execute(text("ALTER TABLE vocaqueue_audit DISABLE TRIGGER vocaqueue_audit_no_change"))
        connection.execute(text("UPDATE vocaqueue_audit SET outcome = 'x' WHERE seq = 2"))
    assert log.verify().broken == 2
    archive.close()
