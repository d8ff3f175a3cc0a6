"""A real run with secrets, after which everything that anybody could look at is searched for them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from tests.admin.conftest import Client, make_app
from tests.model.real import Real
from tests.system.systems import System, until
from vocaqueue import QueueManager
from vocaqueue.cli.main import main

from .toys import JOB_TYPES, SENTINEL, Guarded, guarded, what_is_secret

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

PIN = "731903117"


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    monkeypatch.setenv("VOCAQUEUE_SECRET_KEY", "the-key")
    made = System(tmp_path, job_types="tests.secret.toys:JOB_TYPES")
    made.queue.close()
    made.queue = QueueManager(made.settings, JOB_TYPES, patience_s=20.0)
    yield made
    made.stop()


def cli(system: System, *words: str) -> str:
    ran = CliRunner(env=system.env).invoke(main, words)
    assert ran.exit_code == 0, ran.output
    return ran.output


def everything(system: System) -> dict[str, bytes]:
    """By name: what lies in the job store, in its file, in the database, in logs and other files."""
    found = {f"key {name}": repr(value).encode() for name, value in Real.read(system.valkey.client, "").raw.items()}
    for path in [*system.folder.rglob("*"), *Path(system.valkey.folder).rglob("*")]:
        if path.is_file():
            found[f"file {path.name}"] = path.read_bytes()
    with system.queue.archive.reading() as connection:
        for number, (state,) in enumerate(connection.execute(text("SELECT state FROM vocaqueue_bin"))):
            found[f"bin {number}"] = zlib.decompress(state)
    return found


def test_a_secret_is_nowhere_but_in_the_handler(system: System) -> None:
    """
    Jobs with secrets run, fail, are deleted, restored and tried again; the handler has them, nothing else shows them.
    """
    out = system.folder / "digest.txt"
    whole = guarded(out=str(out))
    client, said = Client(make_app(system.queue)), list[str]()
    system.relay()
    system.worker("one", ["guarded"], children=1)
    good = system.queue.add(whole, name="good", created_by="me").record.id
    bad = system.queue.add(guarded(fails=True, ids=["b"])).record.id
    body = {"ids": ["c"], "token": SENTINEL, "login": {"user": "kim", "password": SENTINEL}, "more": [SENTINEL]}
    said.append(client.post("/jobs/guarded", body).text)
    kept = client.post("/schedules", {"type": "guarded", "everySeconds": 86400, "params": body})
    said.append(kept.text)
    said.append(client.post(f"/schedules/{kept.json['data']['id']}/run").text)
    said.append(cli(system, "submit", "guarded", "-p", f"token={SENTINEL}", "-p", 'ids=["d"]', "--json"))
    until(lambda: system.queue.stats()["completed"] == 4 and system.queue.stats()["failed"] == 1, 60)
    assert out.read_text() == what_is_secret(whole)
    out.unlink()

    system.queue.remove(bad)
    said.append(client.get("/bin").text)
    removed = everything(system)
    system.queue.restore(bad)
    system.queue.retry(bad)
    until(lambda: system.queue.get(bad).record.status == "failed", 30)
    raw = system.queue.ledger.client.hget(system.queue.ledger.keys("job", bad), "params")

    again = Guarded.model_validate(system.queue.secrets.load(json.loads(raw)))
    assert what_is_secret(again) == what_is_secret(guarded())

    until(lambda: system.queue.audit.waiting() == 0, 20)
    assert system.queue.audit().total >= 8
    of_jobs = (f"/jobs/{good}", f"/jobs/{bad}", f"/jobs/{bad}/errors", f"/jobs/{bad}/timeline", f"/jobs/{good}/logs")
    audits = ("/audit", "/audit?format=csv", "/audit?format=json")
    paths = ("/jobs", *of_jobs, "/schedules", "/types", "/stats", *audits, "/workers")
    said += [client.get(path).text for path in paths]
    commands = ("jobs --json", f"show {bad}", f"show {good} --json", "audit --json")
    said += [cli(system, *words.split()) for words in commands]
    said += [cli(system, "schedules", "list", "--json"), cli(system, "logs", good)]
    log = system.queue.event_log
    said.append(repr([event.as_dict() for event in log.read("0-0", log.server_run(), block_ms=None)]))
    assert any("**********" in text_ for text_ in said)
    assert not any("vqs1." in text_ for text_ in said), "nor is what is kept of them shown"
    places = removed | everything(system) | {f"said {n}": text_.encode() for n, text_ in enumerate(said)}
    assert len(places) > 60
    assert any(b"vqs1." in content for content in places.values())
    for secret in (SENTINEL, PIN):
        assert [name for name, content in places.items() if secret.encode() in content] == []


def test_a_worker_with_another_key_fails_the_job_with_a_sentence(system: System) -> None:
    """
    What cannot be decrypted ends the job at once and says what to do; with the right key a retry runs it.
    """
    system.worker("one", ["guarded"], children=1, VOCAQUEUE_SECRET_KEY="another")
    job = system.queue.add(guarded())
    until(lambda: system.queue.get(job.record.id).record.status == "failed", 60)
    error = system.queue.get(job.record.id).record.error
    assert error is not None
    assert error["code"] == "secrets_locked"
    assert "VOCAQUEUE_SECRET_KEY" in error["message"]
    assert SENTINEL not in system.log("one")
    system.kill("one", group=True)
    system.worker("two", ["guarded"], children=1)
    system.queue.retry(job.record.id)
    until(lambda: system.queue.get(job.record.id).record.status == "completed", 60)
