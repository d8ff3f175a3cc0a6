"""`start` and its supervisor, with real processes; Valkey has its own file."""

from __future__ import annotations

import os
import pty
import re
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest
from systems import System, is_alive, wait_until

from vocaqueue.cli import child as child_module
from vocaqueue.cli.child import Child, Command
from vocaqueue.cli.start import parse_procfile
from vocaqueue.errors import BadSettings

#: Says "ready", and what it does with SIGTERM is up to the test.
POLITE = """\
import signal, sys, time
def stop(*_):
    print("gave it back")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("ready")
time.sleep(1000)
"""
STUBBORN = """\
import signal, subprocess, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("child", subprocess.Popen(["sleep", "1000"]).pid)
print("ready")
time.sleep(1000)
"""
COUNTS = """\
import itertools, pathlib, signal, sys, time
def stop(*_):
    pathlib.Path("end").touch()
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
for n in itertools.count():
    print(n)
    pathlib.Path(str(n)).touch()
    time.sleep(0.02)
"""
KILLED_SOON = """
import sys
from vocaqueue.cli.child import Command
from vocaqueue.cli.supervisor import Supervisor
sys.exit(Supervisor({"stubborn": Command(args=[sys.executable, "-u", "stubborn.py"])}, limits_s=(0.5, 0.5)).run())
"""


@pytest.fixture(autouse=True)
def no_valkey(run: Callable[..., System], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    (tmp_path / "polite.py").write_text(POLITE)
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # all this may run under nohup, which is inherited
    yield
    signal.signal(signal.SIGHUP, before)


def test_a_procfile_is_names_and_commands_in_order():
    """
    Comments and empty lines are skipped, colons in a command are kept.
    """
    text = "# all\n\nweb: gunicorn -b ${HOST}:${PORT} 'api:create_app()'\n  worker-1 :  celery -A workers worker \n"
    assert list(parse_procfile(text).items()) == [
        ("web", "gunicorn -b ${HOST}:${PORT} 'api:create_app()'"),
        ("worker-1", "celery -A workers worker"),
    ]


@pytest.mark.parametrize("line", ["web gunicorn", "web:", "web: again", ": x", "we b: x"])
def test_a_wrong_line_of_a_procfile_is_named(line):
    """
    The message has the number of the line.
    """
    with pytest.raises(BadSettings, match="line 3"):
        parse_procfile(f"web: x\n# no\n{line}\n")


def test_the_wait_before_a_return_grows_and_is_forgotten_after_a_steady_life(monkeypatch):
    """
    0.5, 1, 2, 4, 5, 5 seconds; from 0.5 again once it has run for STEADY_S.
    """
    child = Child("short", Command(args=["true"]))

    def wait_after_a_life() -> float:
        child.start(os.environ)
        assert child.process
        child.process.wait()
        child.end()
        return round(child.back_at - monotonic(), 1)

    assert [wait_after_a_life() for _ in range(6)] == [0.5, 1, 2, 4, 5, 5]
    monkeypatch.setattr(child_module, "STEADY_S", 0.0)
    assert wait_after_a_life() == 0.5


def test_a_process_that_ends_comes_back_and_one_line_says_so(run):
    """
    The line has its name, pid, exit status or signal, and the time until its return.
    """
    system = run("fails: sh -c 'exit 3'\nsteady: sleep 1000")
    system.says("steady started")
    first = system.pid_of("steady")
    os.kill(first, signal.SIGKILL)
    system.says("steady started", times=2)
    assert f"| steady (pid {first}) ended with SIGKILL and comes back in 0.5 s\n" in system.output
    assert is_alive(system.pid_of("steady"))
    assert re.search(r"\| fails \(pid \d+\) ended with exit status 3 and comes back in 0.5 s\n", system.output)
    system.says("ended with exit status 3 and comes back in 1 s")


def test_a_program_that_is_not_there_is_said_and_tried_again(run):
    """
    A wrong command is no end of the others.
    """
    system = run("wrong: no-such-program\nsteady: sleep 1000")
    system.says("ended with exit status 127 and comes back in 1 s")
    assert "no-such-program" in system.output
    assert is_alive(system.pid_of("steady"))
    assert system.stop() == 0


def test_what_is_left_of_an_ended_process_is_killed_before_it_comes_back(run):
    """
    The next life of a process does not meet the children of the last one.
    """
    system = run("leaves: sh -c 'sleep 1000 & echo left $!; exit 1'")
    system.says("comes back in 0.5 s")
    left = int(re.search(r"left (\d+)", system.output)[1])
    wait_until(lambda: not is_alive(left))


def test_output_is_said_line_by_line_with_the_name_before_it(run):
    """
    Both outputs of a Python program come at once, aligned, a last line without an end too.
    """
    code = "import sys, time; print('one'); print('two', file=sys.stderr); sys.stdout.write('three'); time.sleep(0.1)"
    system = run(f'talks: python -c "{code.replace(";", chr(10))}"'.replace("\n", "; ") + "\na-longer-name: sleep 1000")
    system.says("talks         | one\n")
    system.says("talks         | two\n")
    system.says("talks         | three\n")
    system.says("start         | a-longer-name started (pid ")


def test_names_are_coloured_on_a_terminal_only(run, monkeypatch, port):
    """
    NO_COLOR takes the colours away there too.
    """
    seen = {}
    for wish in ("", "NO_COLOR"):
        if wish:
            monkeypatch.setenv(wish, "1")
        ours, theirs = pty.openpty()
        system = run("idle: sleep 1000", stdout=theirs)
        os.close(theirs)
        text = b""
        while b"idle started" not in text:
            text += os.read(ours, 4096)
        threading.Thread(target=system.stop).start()  # a terminal that nobody reads would make it wait
        while True:
            try:
                text += os.read(ours, 4096)
            except OSError:
                break
        os.close(ours)
        system.ends()
        seen[wish] = b"\x1b[36mstart | \x1b[0m" in text
    assert seen == {"": True, "NO_COLOR": False}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_lets_every_process_end_in_order(run, number):
    """
    The main process gets SIGTERM, its children do not, and the exit status is 0.
    """
    system = run("polite: python polite.py\nshell: sh -c 'trap \"exit 0\" TERM; python polite.py & wait'")
    system.says("| ready", times=2)
    system.signal(number)
    assert system.ends() == 0
    assert system.output.count("gave it back") == 1
    assert f"Stopping ({number.name})" in system.output
    assert re.search(r"polite \(pid \d+\) ended with exit status 0\n", system.output)
    assert re.search(r"shell \(pid \d+\) ended with exit status 0\n", system.output)


def test_a_second_ctrl_c_ends_everything_at_once(run):
    """
    Groups are killed, children included, without the wait for those that ignore SIGTERM.
    """
    system = run("stubborn: python stubborn.py")
    system.says("ready")
    pids = [system.pid_of("stubborn"), int(re.search(r"child (\d+)", system.output)[1])]
    system.signal(signal.SIGINT)
    system.says("Stopping (SIGINT)")
    assert all(map(is_alive, pids))
    system.signal(signal.SIGINT)
    assert system.ends(within_s=3) == 130
    wait_until(lambda: not any(map(is_alive, pids)))


def test_a_second_sigterm_is_patient(run):
    """
    make passes SIGTERM on to us, so a group that is told to end sends it twice.
    """
    system = run("slow: python -c \"import signal, time; signal.signal(15, lambda *_: time.sleep(1) or exit(0)); "
                 "print('ready'); time.sleep(1000)\"")  # fmt: skip
    system.says("| ready")
    system.signal(signal.SIGTERM)
    system.says("Stopping")
    system.signal(signal.SIGTERM)
    assert system.ends() == 0
    assert "Killing" not in system.output


def test_who_ignores_sigterm_is_killed_after_the_limit_and_named(run):
    """
    A stop takes no longer than its limit, and says whom it did not wait for.
    """
    system = run(code=KILLED_SOON)
    system.says("ready")
    child = int(re.search(r"child (\d+)", system.output)[1])
    assert system.stop() == 0
    assert "Killing stubborn: still there 0.5 s after SIGTERM" in system.output
    wait_until(lambda: not is_alive(child))


def test_release_runs_once_to_its_end_before_the_others(run):
    """
    It does not come back, wherever it stands in the Procfile.
    """
    system = run("web: sh -c 'cat migrated; sleep 1000'\nrelease: sleep 0.3 && echo done > migrated")
    system.says("web     | done")
    assert system.output.count("release started") == 1
    assert system.stop() == 0


def test_nothing_is_started_after_a_release_that_failed(run):
    """
    Its exit status is ours.
    """
    system = run("release: echo no such table; exit 7\nweb: sleep 1000")
    assert system.ends() == 7
    assert "release | no such table" in system.output
    assert "release failed, so nothing else was started" in system.output
    assert "web started" not in system.output


def test_excluded_processes_are_not_started(run):
    """
    Flower is left to its own command.
    """
    system = run("flower: sleep 1000\nidle: sleep 1000")
    system.says("idle started")
    assert "flower" not in system.output


def test_the_link_is_said_once_when_the_port_answers(run, port):
    """
    HOST and PORT reach the command, also through the shell's own notation.
    """
    system = run("web: X=1 python -m http.server --bind $HOST ${PORT:-1}")
    system.says("| the link\n")
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        pass
    assert system.stop() == 0
    assert system.output.count("the link") == 1
    assert re.search(r"web \(pid \d+\) ended with SIGTERM", system.output), "a shell is in between"


def test_a_taken_port_is_named_before_anything_starts(run, port):
    """
    The sentence says what to do; exit status 1.
    """
    with socket.create_server(("127.0.0.1", port)):
        system = run()
        assert system.ends() == 1
    assert f"Port {port} on 127.0.0.1 is taken" in system.output
    assert "make start" in system.output
    assert "started" not in system.output


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_a_host_that_is_not_ours_is_named(run, monkeypatch, host):
    """
    The sentence names the setting to check; exit status 1.
    """
    monkeypatch.setenv("HOST", host)
    system = run()
    assert system.ends() == 1
    assert f"Cannot listen on {host}" in system.output
    assert "check HOST and PORT" in system.output


def test_a_folder_without_a_procfile_is_said(run):
    """
    The sentence names the file; exit status 1.
    """
    system = run(procfile=None)
    assert system.ends() == 1
    assert "Cannot read Procfile (No such file or directory)" in system.output


def test_a_killed_supervisor_leaves_no_orphans(run):
    """
    Neither its processes nor their children, not even those that ignore every signal they can.
    """
    system = run("stubborn: python stubborn.py\nidle: sleep 1000")
    system.says("ready")
    system.says("idle started")
    child = int(re.search(r"child (\d+)", system.output)[1])
    pids = [system.pid_of("stubborn"), system.pid_of("idle"), child]
    system.signal(signal.SIGKILL)
    system.ends()
    wait_until(lambda: not any(map(is_alive, pids)))
    again = run("idle: sleep 1000")
    again.says("idle started")


def test_a_reader_who_goes_away_does_not_stop_the_system(run, tmp_path):
    """
    After `make start | head` the processes run on, and are stopped in order.
    """
    (tmp_path / "counts.py").write_text(COUNTS)
    reader, writer = os.pipe()
    system = run("counts: python counts.py", stdout=writer)
    os.close(writer)
    os.close(reader)
    wait_until((tmp_path / "20").exists)
    assert system.stop() == 0
    assert (tmp_path / "end").exists()
