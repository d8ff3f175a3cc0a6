"""API keys in the archive: made, looked up, revoked; on SQLite and PostgreSQL, with parts away."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from tests.system.systems import until
from vocaqueue import InvalidParams, KeyNotFound, KeyRefused, KeysUnavailable, QueueManager
from vocaqueue.api_key import new_key
from vocaqueue.engine import keys as keys_module
from vocaqueue.engine.keys import KeyStore
from vocaqueue.testing.valkey import PrivateValkey


@contextmanager
def counting(store: KeyStore) -> Iterator[list[str]]:
    """The ids that were looked up in the database."""
    table, asked = store._table(), []
    get = table.get
    table.get = lambda key_id: asked.append(key_id) or get(key_id)  # type: ignore[method-assign,func-returns-value]
    yield asked
    table.get = get  # type: ignore[method-assign]


def refusal(store: KeyStore, key: str) -> str:
    with pytest.raises(KeyRefused) as refused:
        store.verify(key)
    return refused.value.reason


def a_life(queue: QueueManager) -> None:
    store = queue.keys
    made = [store.make(f"key {n}", role, by="me") for n, role in enumerate(("viewer", "operator", "admin"))]
    brief = store.make("brief", "viewer", expires_at=datetime.now(UTC) + timedelta(milliseconds=300))
    for one in made:
        assert store.verify(one.text) == one.key
    ended = store.revoke(made[0].key.id, by="somebody").as_dict()
    assert (ended["status"], ended["revokedBy"]) == ("revoked", "somebody")
    assert store.revoke(made[0].key.id, by="another").as_dict()["revokedBy"] == "somebody"
    assert refusal(store, made[0].text) == "revoked"
    until(lambda: brief.key.status(keys_module._clock_ms()).value == "expired")
    assert refusal(store, brief.text) == "expired"
    page = store.page(page=1, limit=3)
    assert (page.total, page.total_pages, len(page.items)) == (4, 2, 3)
    assert {item.key.name for item in page.items} | {item.key.name for item in store.page(page=2, limit=3).items} == {
        "brief", "key 0", "key 1", "key 2",
    }  # fmt: skip
    for status, count in (("active", 2), ("expired", 1), ("revoked", 1)):
        found = store.page(statuses=[status])
        assert [entry["status"] for entry in found.as_dict()["items"]] == [status] * count
    assert store.page(statuses=["active", "revoked"]).total == 3
    until(lambda: store.page(statuses=["active"]).as_dict()["items"][0]["lastUsedAt"])
    for nobody in ("nobody", "0" * 12, "\0" * 12, "", "\ud800", "x" * 10_000):
        with pytest.raises(KeyNotFound):
            store.revoke(nobody)


def test_the_life_of_keys(make_queue):
    """
    Made, used, listed by status and page, revoked once, expired by itself.
    """
    a_life(make_queue())


def test_the_life_of_keys_on_postgresql(make_queue, postgres):
    """
    The same there.
    """
    a_life(make_queue(database_url=postgres))


def test_the_secret_is_nowhere(make_queue, tmp_path, caplog):
    """
    After it was made, used and revoked, no file of the database, no key in the job store and no log holds the secret.
    """
    caplog.set_level(0)
    queue = make_queue()
    made = queue.keys.make("n", "admin")
    queue.keys.verify(made.text)
    queue.keys.revoke(made.key.id)
    secret = made.text.rpartition("_")[2]
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert any(made.key.digest.encode() in content for content in files)
    assert not any(secret.encode() in content for content in files)
    assert secret not in caplog.text
    assert not queue.ledger.client.keys(f"*{secret[:10]}*")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\x1b[2Jb"}, "name"),
        ({"role": "root"}, "role"),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "expiresAt"),
        ({"expires_at": datetime(2099, 1, 1)}, "expiresAt"),  # noqa: DTZ001
        ({"expires_at": datetime(9999, 12, 31, tzinfo=UTC)}, "expiresAt"),
        ({"days": 0}, "days"),
        ({"days": float("nan")}, "days"),
        ({"days": 1e9}, "days"),
    ],
)
def test_a_wrong_key_is_not_made(make_queue, wrong, field):
    """
    The field is named, and nothing was written.
    """
    store = make_queue().keys
    with pytest.raises(InvalidParams) as error:
        store.make(**({"name": "n", "role": "viewer"} | wrong))
    assert [detail.field for detail in error.value.details] == [field]
    assert store.page().total == 0


def test_guessing_tells_nothing(make_queue):
    """
    A wrong secret for an id that is, one that was revoked, and one that never was, are refused with the same words.
    """
    store = make_queue().keys
    there, gone = store.make("n", "viewer"), store.make("n", "viewer")
    store.revoke(gone.key.id)
    said = set()
    for key_id in (there.key.id, gone.key.id, new_key()[0]):
        with pytest.raises(KeyRefused) as refused:
            store.verify(forged(key_id))
        said.add((refused.value.reason, refused.value.message))
    assert len(said) == 1


def forged(key_id: str) -> str:
    """A well-formed key with this id and some other secret."""
    from vocaqueue.api_key import _checksum

    body = f"vqk_{key_id}_" + new_key()[1].rpartition("_")[2][:43]
    return body + _checksum(body)


def test_a_key_of_another_namespace_is_unknown(make_queue):
    """
    Two systems in one database do not let each other's keys in.
    """
    made = make_queue().keys.make("n", "admin")
    other = make_queue(namespace="keys-other").keys
    assert refusal(other, made.text) == "unknown"
    assert other.page().total == 0


def test_a_request_costs_no_query(make_queue):
    """
    Of a hundred uses of a key only the first asks the database, and twenty at once share that one.
    """
    queue = make_queue()
    made = queue.keys.make("n", "viewer")
    other = make_queue().keys
    with counting(other) as asked:
        threads = [threading.Thread(target=other.verify, args=(made.text,)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(asked) < 5, "whoever comes while it is being read waits for that"
        before = len(asked)
        for _ in range(100):
            other.verify(made.text)
        assert len(asked) <= before + 1, "it is known for seconds, which may just be over"


def test_a_revoked_key_ends_in_every_process(make_queue, monkeypatch):
    """
    A process that knows the key hears of its end by the number in the job store, long before it would look again.
    """
    monkeypatch.setattr(keys_module, "FRESH_S", 3600.0)
    one, two = make_queue().keys, make_queue().keys
    made = one.make("n", "viewer")
    two.verify(made.text)
    one.revoke(made.key.id)
    assert refusal(one, made.text) == "revoked"
    until(lambda: _is_refused(two, made.text))


def test_a_reading_that_began_before_a_key_was_revoked_serves_nobody_after(make_queue, monkeypatch):
    """
    One request still holds the row as it was; another, which knows of the change, looks by itself.
    """
    store = make_queue().keys
    made = store.make("n", "viewer")
    get, has_read, go_on = store._table().get, threading.Event(), threading.Event()

    def slowly(key_id: str):
        row = get(key_id)
        if not has_read.is_set():
            has_read.set()
            go_on.wait(10)
        return row

    monkeypatch.setattr(store._table(), "get", slowly)
    before = threading.Thread(target=store.verify, args=(made.text,))
    before.start()
    assert has_read.wait(10)
    store.revoke(made.key.id)
    after: list[str] = []
    late = threading.Thread(target=lambda: after.append(refusal(store, made.text)))
    late.start()
    late.join(5)
    go_on.set()
    before.join()
    late.join()
    assert after == ["revoked"]
    assert refusal(store, made.text) == "revoked", "nor is the old row remembered"


def _is_refused(store: KeyStore, key: str) -> bool:
    try:
        store.verify(key)
        return False
    except KeyRefused:
        return True


def test_without_the_job_store_a_revoked_key_ends_too(make_queue, monkeypatch):
    """
    While the job store is away nobody hears of it, so a known key is looked up again after a few seconds.
    """
    monkeypatch.setattr(keys_module, "FRESH_S", 0.5)
    with PrivateValkey() as server:
        one, two = make_queue(redis_url=server.url).keys, make_queue(redis_url=server.url).keys
        made = one.make("n", "viewer")
        two.verify(made.text)
        server.kill()
        one.revoke(made.key.id)
        until(lambda: _is_refused(two, made.text), 10.0)


def test_with_the_database_away_nobody_is_turned_away_as_unknown(make_queue, tmp_path, monkeypatch):
    """
    A key that is not known yet is "not now", one that is goes on as long as nothing was revoked, and all is well after.
    """
    monkeypatch.setattr(keys_module, "FRESH_S", 0.0)
    monkeypatch.setattr(keys_module, "AWAY_S", 0.2)
    url = f"sqlite:///{tmp_path}/away/a.db"
    queue = make_queue(database_url=url)
    known, strange = queue.keys.make("known", "viewer"), queue.keys.make("strange", "viewer")
    queue.keys.verify(known.text)
    shutil.move(tmp_path / "away", tmp_path / "gone")
    (tmp_path / "away").write_text("in the way")
    with pytest.raises(KeysUnavailable):
        queue.keys.verify(strange.text)
    with pytest.raises(KeysUnavailable, match="Nothing was changed"):
        queue.keys.revoke(known.key.id)
    assert queue.keys.verify(known.text) == known.key
    queue.keys._generation.raise_()  # somebody revoked something, who knows what
    with pytest.raises(KeysUnavailable):
        queue.keys.verify(known.text)
    (tmp_path / "away").unlink()
    shutil.move(tmp_path / "gone", tmp_path / "away")
    until(lambda: _is_let_in(queue.keys, strange.text), 5.0)
    assert queue.keys.verify(known.text).id == known.key.id


def _is_let_in(store: KeyStore, key: str) -> bool:
    try:
        return bool(store.verify(key))
    except KeysUnavailable:
        return False
