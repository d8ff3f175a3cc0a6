"""`vocaqueue keys`, and what `doctor` says of the settings of identity."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vocaqueue import KeyRefused, QueueManager
from vocaqueue.cli.main import main
from vocaqueue.store.ledger import Ledger


@pytest.fixture
def run(make_ledger: Callable[..., Ledger], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command over a system of its own."""
    settings = make_ledger().settings
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "REDIS_URL": settings.redis_url,
        "VOCAQUEUE_NAMESPACE": settings.namespace,
        "DATABASE_URL": f"sqlite:///{tmp_path}/a.db",
        "VOCAQUEUE_JOB_TYPES": "tests.toys:JOB_TYPES",
    }.items():
        monkeypatch.setenv(name, value)
    return lambda *arguments: CliRunner().invoke(main, ["keys", *arguments])


def test_a_key_is_made_used_listed_and_revoked(run):
    """
    What `add` prints opens, the list has no secret, and after `revoke` it opens nothing.
    """
    made = run("add", "nightly [red]import[/]", "--role", "operator", "--days", "30")
    assert made.exit_code == 0, made.output
    text = made.stdout.strip()
    assert "only time" in made.stderr
    queue = QueueManager.from_env()
    key = queue.keys.verify(text)
    assert (key.role, round((key.expires_at_ms - key.created_at_ms) / 86_400_000)) == ("operator", 30)
    listed = run()
    assert key.id in listed.stdout
    assert "nightly [red]import[/]" in listed.stdout
    assert text.rpartition("_")[2] not in listed.stdout
    (entry,) = json.loads(run("--json", "--status", "active").stdout)["items"]
    assert (entry["id"], "@" in entry["createdBy"]) == (key.id, True)
    ended = run("revoke", key.id, "--json")
    assert json.loads(ended.stdout)["status"] == "revoked"
    with pytest.raises(KeyRefused, match="revoked"):
        QueueManager.from_env().keys.verify(text)
    assert "No API keys" in run("--status", "active").stdout
    queue.close()


def test_json_has_the_key(run):
    """
    For programs the key is in the JSON of `add`.
    """
    made = json.loads(run("add", "n", "--json").stdout)
    assert made["key"].startswith(f"vqk_{made['id']}_")
    assert (made["role"], made["expiresAt"]) == ("viewer", None)


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("add", "n", "--role", "root"), 2, "viewer"),
        (("add", "n", "--days", "0"), 2, "days"),
        (("add", "n", "--days", "1", "--expires-at", "2030-01-01T00:00:00Z"), 2, "not both"),
        (("add", "n", "--expires-at", "2020-01-01T00:00:00Z"), 2, "future"),
        (("add", "n", "--expires-at", "2030-01-01"), 2, "zone"),
        (("add", ""), 2, "name"),
        (("revoke", "nobody"), 1, "There is no API key"),
    ],
)
def test_wrong_use_is_said(run, arguments, status, says):
    """
    Exit status 2 for a wrong request, 1 for a key that is not there, with a sentence.
    """
    ran = run(*arguments)
    assert (ran.exit_code, says in ran.output) == (status, True), ran.output


@pytest.mark.parametrize(
    ("host", "proxies", "warned"), [("127.0.0.1", "0", False), ("0.0.0.0", "0", True), ("0.0.0.0", "1", False)]
)
def test_doctor_warns_of_keys_in_the_clear(run, monkeypatch, host, proxies, warned):
    """
    A service that others can reach without TLS, as far as we know, is a warning.
    """
    run()
    monkeypatch.setenv("HOST", host)
    monkeypatch.setenv("VOCAQUEUE_TRUSTED_PROXIES", proxies)
    said = json.loads(CliRunner().invoke(main, ["doctor", "--json"]).stdout)
    assert [check["state"] for check in said["checks"] if check["part"] == "address"] == ["warning"] * warned


def test_doctor_prints_each_setting_and_no_secret(run, monkeypatch):
    """
    Proxies and origins are shown, the two secrets as stars with where they came from; a short admin key is a warning.
    """
    run()
    for name, value in {
        "VOCAQUEUE_TRUSTED_PROXIES": "2",
        "VOCAQUEUE_CORS_ORIGINS": "https://a.example, http://localhost:3000",
        "VOCAQUEUE_ADMIN_KEY": "short-secret",
    }.items():
        monkeypatch.setenv(name, value)
    said = json.loads(CliRunner().invoke(main, ["doctor", "--json"]).stdout)
    shown = {row["name"]: (row["value"], row["origin"]) for row in said["settings"]}
    assert shown["VOCAQUEUE_TRUSTED_PROXIES"] == ("2", "environment")
    assert shown["VOCAQUEUE_CORS_ORIGINS"] == ("https://a.example, http://localhost:3000", "environment")
    assert shown["VOCAQUEUE_ADMIN_KEY"] == ("***", "environment")
    assert shown["VOCAQUEUE_SECRET_KEY"][1] == "made at the first start"
    assert "short-secret" not in json.dumps(said)
    (finding,) = [check for check in said["checks"] if check["part"] == "admin key"]
    assert (finding["state"], "20 characters" in finding["message"]) == ("warning", True)
