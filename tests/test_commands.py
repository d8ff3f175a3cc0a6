"""The `vocaqueue` command against a real ledger, without workers."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from vocaqueue import Settings
from vocaqueue.cli.main import main
from vocaqueue.store.dead_letters import DeadLetters
from vocaqueue.store.ledger import Ledger


@pytest.fixture
def cli(valkey, tmp_path, monkeypatch):
    """Run a command in a fresh namespace with the toy job types; answers click's result."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REDIS_URL", valkey.url)
    monkeypatch.setenv("VOCAQUEUE_NAMESPACE", f"cli-{tmp_path.name[-20:]}")
    monkeypatch.setenv("VOCAQUEUE_JOB_TYPES", "tests.toys:JOB_TYPES")
    monkeypatch.setenv("STORAGE_URL", f"file://{tmp_path / 'files'}")
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'words.db'}")
    return lambda *words: CliRunner().invoke(main, words)


def test_submit_show_list_and_cancel(cli) -> None:
    """A job is submitted, shown, listed and cancelled, in words and as JSON."""
    submitted = cli("submit", "toy", "-p", 'ids=["a", "b", "a"]', "-p", "tag=x", "--priority", "high", "--name", "Mine")
    assert submitted.exit_code == 0
    job_id = submitted.stdout.strip()
    shown = json.loads(cli("show", job_id, "--json").stdout)
    assert (shown["status"], shown["priority"], shown["name"], shown["progress"]["total"]) == (
        "waiting",
        "high",
        "Mine",
        2,
    )
    assert "Mine" in cli("show", job_id).stdout
    listed = json.loads(cli("jobs", "--json").stdout)
    assert [job["id"] for job in listed["items"]] == [job_id]
    assert listed["total"] == 1
    assert job_id in cli("jobs", "--status", "waiting").stdout
    assert json.loads(cli("stats", "--json").stdout)["waiting"] == 1
    assert "toy" in cli("stats").stdout
    assert json.loads(cli("cancel", job_id, "--json").stdout)["status"] == "cancelled"
    again = cli("cancel", job_id)
    assert again.exit_code == 1
    assert "is cancelled; only a job that has not ended" in again.stderr
    assert cli("watch", job_id).exit_code == 1


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("submit", "nope"), 2, "Known types: bulk, noop, parallel, phased, toy"),
        (("submit", "noop", "-p", "totl=1"), 2, "totl"),
        (("submit", "noop", "--params", "[1]"), 2, "must be a JSON object"),
        (("submit", "noop", "--params", "{"), 2, "not JSON"),
        (("submit", "toy", "-p", "ids"), 2, "name=value"),
        (("submit", "toy", "-p", "ids=[]"), 2, "no items"),
        (("submit", "noop", "-p", "total=1", "--priority", "soon"), 2, "critical, high, normal, low"),
        (("show", "nothing"), 1, "There is no job “nothing”."),
        (("jobs", "--limit", "0"), 2, "limit"),
        (("jobs", "--type", "nope"), 2, "Known types"),
    ],
)
def test_wrong_use_is_a_sentence(cli, words, status, says) -> None:
    """Bad input ends with the right exit status and one sentence, never a traceback."""
    result = cli(*words)
    assert result.exit_code == status
    assert says in result.stderr
    assert "Traceback" not in result.output


def test_dead_letters_are_listed(cli, valkey, tmp_path) -> None:
    """In words and as JSON; none is said too."""
    assert "No message was set aside." in cli("dead-letters").stdout
    settings = Settings.from_env({"REDIS_URL": valkey.url, "VOCAQUEUE_NAMESPACE": f"cli-{tmp_path.name[-20:]}"})
    raw = b"[bold]no markup"
    DeadLetters(Ledger(settings)).add(
        "one", queue="toy", reason="not_json", message="It is not JSON.", raw=raw, worker="w@h", patience_s=1
    )
    shown = cli("dead-letters").stdout
    assert "not_json" in shown
    assert "[bold]no markup" in shown
    listed = json.loads(cli("dead-letters", "--json", "--limit", "5").stdout)
    assert (listed["total"], listed["items"][0]["raw"]) == (1, "[bold]no markup")


def test_flower_refuses_a_key_that_it_cannot_take(cli, monkeypatch) -> None:
    """Flower splits passwords at commas; that is said instead of shutting everybody out."""
    monkeypatch.setenv("VOCAQUEUE_ADMIN_KEY", "one,two")
    result = cli("flower")
    assert result.exit_code == 1
    assert "comma" in result.stderr


def test_a_store_that_is_away_is_a_sentence(cli, monkeypatch, tmp_path) -> None:
    """With nothing listening, each command says so and ends with 1."""
    monkeypatch.setenv("REDIS_URL", f"redis+socket://{tmp_path}/nobody.sock")
    result = cli("jobs")
    assert result.exit_code == 1
    assert "does not answer" in result.stderr
    assert "vocaqueue doctor" in result.stderr


def test_doctor_names_settings_and_parts(cli) -> None:
    """Each setting has its origin, each part its finding; a missing worker is a warning."""
    found = json.loads(cli("doctor", "--json").stdout)
    origins = {row["name"]: row["origin"] for row in found["settings"]}
    assert (origins["REDIS_URL"], origins["PORT"]) == ("environment", "default")
    states = {check["part"]: check["state"] for check in found["checks"]}
    assert states["database"] == states["files"] == states["job types"] == "ok"
    assert states["workers for toy"] == "warning"
