"""The `vocaqueue` command against a real ledger, without workers."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from vocaqueue import Settings
from vocaqueue.archive.database import Archive
from vocaqueue.cli.main import main
from vocaqueue.engine.job_history import JobHistoryPass
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


def test_jobs_are_found_by_what_is_known_of_them(cli, tmp_path) -> None:
    """`jobs` finds by parts of words and by an item; while there is no history it says so in a sentence."""
    for name in ("중학교생활", "Holiday"):
        assert cli("submit", "toy", "-p", f'ids=["{name[0]}"]', "--name", name).exit_code == 0
    unknown = cli("jobs", "--search", "학교")
    assert (unknown.exit_code, "history is still being made" in unknown.stderr) == (1, True)
    settings = Settings.from_env()
    keep = JobHistoryPass(Ledger(settings), Archive(settings.database_url))
    while keep():
        pass

    def found(*words):
        return [job["name"] for job in json.loads(cli("jobs", *words, "--json").stdout)["items"]]

    assert found("--search", "학교") == ["중학교생활"]
    assert found("--word", "H", "--no-failures") == ["Holiday"]
    assert found("--sort", "createdAt", "--created-after", "2001-01-01T00:00:00Z") == ["중학교생활", "Holiday"]
    assert found("--created-before", "2001-01-01T00:00:00Z") == []
    for wrong in (("--sort", "colour"), ("--priority", "urgent"), ("--created-after", "2030-01-01T00:00:00")):
        assert cli("jobs", *wrong).exit_code == 2


def test_failures_are_listed_and_single_ones_run_again(cli, valkey, tmp_path) -> None:
    """`show --errors` prints every failed item, harmless to the terminal, or as JSON; `retry --item` runs just one."""
    job_id = cli("submit", "toy", "-p", 'ids=["a", "b"]').stdout.strip()
    assert cli("show", job_id, "--errors").stdout == "Nothing failed.\n"
    ledger = Ledger(Settings.from_env())
    for number, item in enumerate("ab"):
        ticket = int(ledger.client.hget(ledger.keys("job", job_id), "line"))
        ledger.step(
            "lease_claim", job=job_id, ticket=ticket, token=f"{tmp_path.name}{item}", hard_ms=60_000, finishes=False,
            first=1, chunk_ms=1, chunk_max=1,
        )  # fmt: skip
        failed = [[number, item, f"Item {item}", "bad_row", "\x1b[2Jno", False, None]]
        ledger.step("lease_commit", token=f"{tmp_path.name}{item}", seq=1, failed=failed, jitter=0, close=True)
    lines = cli("show", job_id, "--errors").stdout.splitlines()
    assert lines == [f"{item} (Item {item}) bad_row: \N{REPLACEMENT CHARACTER}[2Jno (1 tries)" for item in "ab"]
    shown = [json.loads(line) for line in cli("show", job_id, "--errors", "--json").stdout.splitlines()]
    assert [(item["itemId"], item["code"], item["attempts"]) for item in shown] == [
        ("a", "bad_row", 1),
        ("b", "bad_row", 1),
    ]
    wrong = cli("retry", job_id, "--item", "b", "--item", "z")
    assert (wrong.exit_code, "“z”" in wrong.stderr) == (2, True)
    again = json.loads(cli("retry", job_id, "--item", "b", "--json").stdout)
    assert (again["status"], again["progress"]["failed"]) == ("waiting", 1)


def test_submit_once_alone_and_by_a_time(cli) -> None:
    """The options for repeats, doubles and times do what they do over HTTP."""
    asked = (
        "submit",
        "toy",
        "-p",
        'ids=["a"]',
        "--run-at",
        "2030-01-01T00:00:00+09:00",
        "--deadline",
        "3e8",
        "--unique",
    )
    first = cli(*asked, "--idempotency-key", "k")
    assert first.exit_code == 0, first.output
    job_id = first.stdout.strip()
    again = cli(*asked, "--idempotency-key", "k")
    assert (again.exit_code, again.stdout.strip()) == (0, job_id)
    assert "submitted before" in again.stderr
    shown = json.loads(cli("show", job_id, "--json").stdout)
    assert (shown["status"], shown["runAt"]) == ("delayed", "2029-12-31T15:00:00.000Z")
    assert shown["deadlineAt"] > shown["runAt"]
    double = cli(*asked)
    assert double.exit_code == 1
    assert f"Job “{job_id}” has the same parameters" in double.stderr
    other = cli("submit", "toy", "-p", 'ids=["b"]', "--idempotency-key", "k")
    assert other.exit_code == 1
    assert job_id in other.stderr


def test_job_types_that_are_not_there_are_a_sentence(cli, monkeypatch) -> None:
    """It names the variable and the module."""
    monkeypatch.setenv("VOCAQUEUE_JOB_TYPES", "nowhere.job_types:JOB_TYPES")
    ran = cli("jobs")
    assert ran.exit_code == 1
    assert "VOCAQUEUE_JOB_TYPES" in ran.stderr
    assert "there is no module 'nowhere' here" in ran.stderr


def test_a_dry_run_says_what_it_would_come_to(cli) -> None:
    """In words, with what stands in its way, and as JSON; wrong parameters are refused; no job is made."""
    asked = ("submit", "toy", "-p", 'ids=["a", "b"]', "--dry-run")
    said = cli(*asked)
    assert said.exit_code == 0, said.output
    assert "2" in said.stdout
    assert "not known" in said.stdout
    assert "No worker runs for toy" in said.stderr
    shown = json.loads(cli(*asked, "--json").stdout)
    assert (shown["estimate"]["items"], shown["jobId"]) == (2, None)
    assert cli("submit", "toy", "-p", "ids=[]", "--dry-run").exit_code == 2
    assert json.loads(cli("jobs", "--json").stdout)["total"] == 0
    job_id = cli("submit", "toy", "-p", 'ids=["a"]', "--idempotency-key", "k").stdout.strip()
    again = cli("submit", "toy", "-p", 'ids=["a"]', "--idempotency-key", "k", "--dry-run")
    assert job_id in again.stdout


def test_a_schedule_is_added_steered_and_removed(cli) -> None:
    """Each act on a schedule, in words and as JSON."""
    added = cli("schedules", "add", "noop", "--cron", "0 3 * * *", "--time-zone", "Asia/Seoul", "-p", "total=1")
    assert added.exit_code == 0, added.output
    schedule_id = added.stdout.strip()
    for words in (("schedules",), ("schedules", "list")):
        shown = cli(*words).stdout
        assert schedule_id in shown
        assert "0 3 * * * Asia/Seoul" in shown
    assert cli("schedules", "off", schedule_id).stdout == f"{schedule_id} is off.\n"
    (listed,) = json.loads(cli("schedules", "list", "--json").stdout)["items"]
    assert (listed["enabled"], listed["nextRuns"], listed["params"]) == (False, [], {"total": 1})
    assert cli("schedules", "on", schedule_id).exit_code == 0
    job_id = cli("schedules", "run", schedule_id).stdout.strip()
    assert json.loads(cli("show", job_id, "--json").stdout)["scheduleId"] == schedule_id
    assert cli("schedules", "remove", schedule_id).exit_code == 0
    again = cli("schedules", "remove", schedule_id)
    assert again.exit_code == 1
    assert f"There is no schedule “{schedule_id}”." in again.stderr
    assert cli("schedules").stdout == "No schedules.\n"


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("submit", "nope"), 2, "Known types: bulk, capped"),
        (("submit", "noop", "-p", "totl=1"), 2, "totl"),
        (("submit", "noop", "--params", "[1]"), 2, "must be a JSON object"),
        (("submit", "noop", "--params", "{"), 2, "not JSON"),
        (("submit", "toy", "-p", "ids"), 2, "name=value"),
        (("submit", "toy", "-p", "ids=[]"), 2, "no items"),
        (("submit", "noop", "-p", "total=1", "--priority", "soon"), 2, "critical, high, normal, low"),
        (("submit", "noop", "-p", "total=1", "--run-at", "tomorrow"), 2, "write it like"),
        (("submit", "noop", "-p", "total=1", "--run-at", "2030-01-01T00:00:00"), 2, "has no zone"),
        (("submit", "noop", "-p", "total=1", "--run-at", "2999-01-01T00:00:00Z"), 2, "ten years"),
        (("submit", "noop", "-p", "total=1", "--deadline", "-1"), 2, "deadlineSeconds"),
        (("submit", "noop", "-p", "total=1", "--idempotency-key", ""), 2, "Idempotency-Key"),
        (("schedules", "add", "nope", "--every", "5"), 2, "Known types"),
        (("schedules", "add", "noop", "--every", "0", "-p", "total=1"), 2, "everySeconds must be"),
        (("schedules", "add", "noop", "-p", "total=1"), 2, "either cron or everySeconds"),
        (("schedules", "add", "noop", "--cron", "0 3 * * *", "-p", "totl=1"), 2, "totl"),
        (("schedules", "add", "noop", "--every", "5", "--time-zone", "KST", "-p", "total=1"), 2, "Asia/Seoul"),
        (("schedules", "run", "nothing"), 1, "There is no schedule “nothing”."),
        (("logs", "nothing"), 1, "There is no job “nothing”."),
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


def test_doctor_says_which_system_it_is_about(cli, monkeypatch) -> None:
    """With VOCAQUEUE_URL the other commands show another system than the one that is examined."""
    monkeypatch.setenv("VOCAQUEUE_URL", "https://queue.example.com")
    checks = {check["part"]: check for check in json.loads(cli("doctor", "--json").stdout)["checks"]}
    assert checks["VOCAQUEUE_URL"]["state"] == "warning"
    assert "speak to https://queue.example.com" in checks["VOCAQUEUE_URL"]["message"]


def test_acts_that_are_not_stored_yet_are_said(cli, monkeypatch) -> None:
    """Without a relay the audit log is empty, and says that it is not whole; a list that nothing fits says so."""
    cli("submit", "toy", "-p", 'ids=["a"]')
    shown = cli("audit")
    assert "No act is stored that fits." in shown.stdout
    assert "not stored yet, and so not listed: 1. The relay does that" in shown.stderr
    assert json.loads(cli("audit", "--json").stdout)["total"] == 0
    checks = {check["part"]: check["message"] for check in json.loads(cli("doctor", "--json").stdout)["checks"]}
    assert checks["audit log"] == "0 acts are stored. Waiting for the relay: 1."
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    away = cli("audit")
    assert (away.exit_code, "not stored yet" in away.stderr) == (0, False)


def test_jobs_are_removed_and_brought_back(cli) -> None:
    """Cancelled, deleted, restored, cleaned; waiting ones emptied; several at once in bulk."""
    first, second, third = (cli("submit", "noop", "-p", "total=1").stdout.strip() for _ in range(3))
    refused = cli("delete", first)
    assert refused.exit_code == 1
    assert "is waiting; only a job that has ended can be deleted; cancel it first" in refused.stderr
    cli("cancel", first)
    assert f"vocaqueue restore {first}" in cli("delete", first).stdout
    assert json.loads(cli("bin", "--json").stdout)["items"][0]["jobId"] == first
    assert first in cli("bin").stdout
    assert f"{first} is cancelled." in cli("restore", first).stdout
    assert cli("restore", first).exit_code == 1
    assert "The bin is empty." in cli("bin").stdout
    assert json.loads(cli("clean", "--grace", "0", "--status", "cancelled", "--json").stdout)["affected"] == 1
    assert "1 waiting job removed." in cli("empty", "--type", "noop", "--limit", "1").stdout
    assert json.loads(cli("jobs", "--json").stdout)["items"][0]["id"] == second
    shown = json.loads(cli("bulk", "pause", "--type", "noop", "--dry-run", "--json").stdout)
    assert (shown["count"], shown["first"][0]["jobId"]) == (1, second)
    assert "pause: 1 jobs, 0 skipped." in cli("bulk", "pause", "--preview", shown["previewId"]).stdout
    deleted = cli("bulk", "delete", second, third)
    assert "job_not_found: 1" in deleted.stdout
    assert "wrong_status: 1" in deleted.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("clean",), "--grace"),
        (("clean", "--grace", "-1"), "grace must be"),
        (("clean", "--grace", "0", "--status", "waiting"), "waiting"),
        (("empty", "--type", "nope"), "Known types"),
        (("empty", "--limit", "0"), "limit"),
        (("bulk", "cancel"), "Name jobs"),
        (("bulk", "stop", "a"), "stop"),
        (("bulk", "cancel", "--preview", "x"), "Ask for a new one"),
        (("bulk", "cancel", "--type", "nope"), "Known types"),
    ],
)
def test_removing_wrongly_is_a_sentence(cli, words, says) -> None:
    """Nonsense ends with exit status 2 and one sentence."""
    result = cli(*words)
    assert result.exit_code == 2
    assert says in result.stderr
    assert "Traceback" not in result.output
