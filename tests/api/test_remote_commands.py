"""The command line for another machine's system: VOCAQUEUE_URL and VOCAQUEUE_KEY, over HTTP only."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from requests import Response

from tests.api.test_browser import Web
from tests.toys import Toy
from vocaqueue.cli.main import main
from vocaqueue.cli.remote import Remote
from vocaqueue.errors import StoreUnavailable

pytestmark = pytest.mark.slow
Cli = Callable[..., Result]


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    made = Web(tmp_path_factory.mktemp("web"))
    made.system.worker("toys", ["toy"], children=1)
    made.system.reconciler()
    made.system.relay()
    yield made
    made.system.stop()


@pytest.fixture
def cli(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Run a command in a folder where nothing of the system is known but its address and key, from a `.env`."""
    for name in ("VOCAQUEUE_URL", "VOCAQUEUE_KEY", "VOCAQUEUE_JOB_TYPES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REDIS_URL", f"unix://{tmp_path}/there-is-no-server")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(f"VOCAQUEUE_URL={web.url}\nVOCAQUEUE_KEY=key\n")
    return lambda *words: CliRunner().invoke(main, words)


def test_a_job_is_submitted_watched_read_and_removed(cli: Cli, web: Web, tmp_path: Path) -> None:
    """What the commands say of another machine's job is what they say of one's own."""
    asked = ("submit", "toy", "-p", 'ids=["a", "b"]', "-p", 'fail={"b": ["final"]}', "-p", f"log={tmp_path}/calls")
    asked = (*asked, "--name", "이름", "--label", "x", "--priority", "high", "--idempotency-key", "k")
    tried = json.loads(cli(*asked, "--dry-run", "--json").stdout)
    assert (tried["estimate"]["items"], tried["jobId"]) == (2, None)
    assert "2" in cli(*asked, "--dry-run").stdout
    submitted = cli(*asked, "--watch")
    assert submitted.exit_code == 0, submitted.output
    job_id = submitted.stdout.split()[0]
    again = cli(*asked)
    assert (again.stdout.strip(), "submitted before" in again.stderr) == (job_id, True)
    shown = json.loads(cli("show", job_id, "--json").stdout)
    assert shown == web.system.queue.get(job_id).record.as_dict()
    assert (shown["name"], shown["labels"], shown["progress"]["failed"]) == ("이름", ["x"], 1)
    assert "It will never work." in cli("show", job_id).stdout
    assert cli("show", job_id, "--errors").stdout == "b bad_item: It will never work. (1 tries)\n"
    assert job_id in cli("jobs", "--type", "toy", "--status", "completed").stdout
    assert job_id not in cli("jobs", "--status", "failed").stdout
    assert json.loads(cli("stats", "--json").stdout)["completed"] == 1
    assert "toys@" in cli("workers").stdout
    assert cli("logs", job_id).exit_code == 0
    assert json.loads(cli("retry", job_id, "--code", "bad_item", "--json").stdout)["attemptsMade"] == 2
    assert cli("watch", job_id).exit_code == 0
    deleted = json.loads(cli("delete", job_id, "--json").stdout)
    assert deleted["restorableUntil"]
    assert cli("restore", job_id).stdout == f"{job_id} is completed.\n"
    assert cli("clean", "--grace", "0", "--type", "toy").stdout == "1 completed job removed.\n"


def test_jobs_and_types_are_steered(cli: Cli, web: Web) -> None:
    """Hold, let go, priority, promote, cancel, empty: each changes the other machine's system."""
    later = cli("submit", "noop", "-p", "total=1", "--delay", "3600").stdout.strip()
    assert cli("priority", later, "critical").stdout == f"{later} has the priority critical.\n"
    assert cli("promote", later).stdout == f"{later} is waiting.\n"
    assert cli("pause", later).stdout == f"{later} is paused.\n"
    assert cli("resume", later).stdout == f"{later} is waiting.\n"
    assert cli("pause", "--type", "noop").stdout == "noop is held.\n"
    assert web.system.queue.gates().is_shut("noop")
    assert cli("pause", "--type", "noop").stdout == "noop is already held.\n"
    assert cli("resume", "--type", "noop").stdout == "noop is not held.\n"
    assert cli("cancel", later).stdout == f"{later} is cancelled.\n"
    other = cli("submit", "noop", "-p", "total=1").stdout.strip()
    assert cli("empty", "--type", "noop").stdout == "1 waiting job removed.\n"
    assert cli("show", other).exit_code == 1


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("submit", "nope"), 2, "Known types: bulk"),
        (("submit", "toy", "-p", "ids=[]"), 2, "no items"),
        (("submit", "toy", "-p", 'ids=["a"]', "-p", "taag=x"), 2, "taag"),
        (("submit", "toy", "-p", 'ids=["a"]', "--priority", "urgent"), 2, "priority"),
        (("show", "toy-0"), 1, "There is no job “toy-0”."),
        (("show", "../stats"), 1, "There is"),
        (("limits",), 1, "this machine's system only"),
        (("bin",), 1, "this machine's system only"),
        (("schedules",), 1, "this machine's system only"),
    ],
)
def test_what_is_refused_is_said_with_the_exit_status_of_ones_own(
    cli: Cli, words: tuple[str, ...], status: int, says: str
) -> None:
    """2 for wrong use, 1 for the rest, and one sentence without a traceback."""
    ran = cli(*words)
    assert (ran.exit_code, says in ran.stderr) == (status, True), ran.output
    assert "Traceback" not in ran.output


def test_a_wrong_key_is_said(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment wins over the file; without any key nothing is sent."""
    monkeypatch.setenv("VOCAQUEUE_KEY", "another")
    ran = cli("jobs")
    assert (ran.exit_code, "key" in ran.stderr) == (1, True)
    assert "Traceback" not in ran.output
    monkeypatch.setenv("VOCAQUEUE_KEY", "")
    ran = cli("jobs")
    assert (ran.exit_code, "VOCAQUEUE_KEY is not set" in ran.stderr) == (1, True)


def test_the_key_goes_nowhere_else(cli: Cli, monkeypatch: pytest.MonkeyPatch, web: Web) -> None:
    """A redirect is not followed, and an address that is no vocaqueue is named; neither is anything that is no URL."""
    seen: list[str | None] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_response(302)
            self.send_header("Location", f"{web.url}/api/admin/queue/jobs")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        monkeypatch.setenv("VOCAQUEUE_URL", f"http://127.0.0.1:{server.server_port}/ops/queue/")
        ran = cli("stats")
        assert (ran.exit_code, "is VOCAQUEUE_URL right?" in ran.stderr) == (1, True)
        assert seen == ["/ops/queue/stats"]
    finally:
        server.shutdown()
        server.server_close()
    monkeypatch.setenv("VOCAQUEUE_URL", "queue.example.com")
    assert "is no address" in cli("jobs").stderr
    monkeypatch.setenv("VOCAQUEUE_URL", "https://kim:pass-word@queue.example.com")
    ran = cli("jobs")
    assert (ran.exit_code, "has a user or a password" in ran.stderr) == (1, True)
    assert "pass-word" not in ran.output


def test_a_system_that_is_away_is_a_sentence(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens there."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("VOCAQUEUE_URL", f"http://127.0.0.1:{port}")
    ran = cli("jobs")
    assert ran.exit_code == 1
    assert f"http://127.0.0.1:{port}/api/admin/queue does not answer" in ran.stderr


def test_a_system_that_cannot_for_now_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does answer, with a sentence that says when to come back: that is handed on, once."""
    answer = Response()
    answer.status_code = 503
    answer._content = b'{"success": false, "error": {"code": "store_unavailable", "message": "Away. Try again."}}'
    remote = Remote("http://127.0.0.1:4000", "key")
    monkeypatch.setattr(remote._session, "request", lambda *_, **__: answer)
    with pytest.raises(StoreUnavailable) as caught:
        remote.call("GET", "stats")
    assert caught.value.message == "http://127.0.0.1:4000/api/admin/queue says: Away. Try again."


def test_a_remote_record_is_the_record(web: Web) -> None:
    """Every field of a job comes back from its JSON as it was."""
    from vocaqueue.cli.remote_queue import record

    job = web.system.queue.add(Toy(ids=["z"]), delay_s=3600, deadline_s=7200, labels=["a"], created_by="me").record
    assert record(job.as_dict()).as_dict() == job.as_dict()
