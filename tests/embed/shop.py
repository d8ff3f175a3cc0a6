"""The example application, running as its README says."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from tests.system.systems import until
from vocaqueue.testing.valkey import PrivateValkey

from .installed import Environment, copy_example

BRANCHES = ("seoul", "busan")
PASSWORD = "lantern"


class Shop:
    def __init__(self, environment: Environment, folder: Path) -> None:
        self.environment, self.folder = environment, copy_example(folder)
        self.valkey = PrivateValkey(aof=True).start()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        given = (self.folder / ".env.example").read_text()
        lines = [line for line in given.splitlines() if not line.startswith("REDIS_URL")]
        (self.folder / ".env").write_text("\n".join([*lines, f"REDIS_URL={self.valkey.url}"]) + "\n")
        try:
            self.run("-m", "flask", "--app", "bookshop.app", "init-db")
            self._start("web", "-m", "flask", "--app", "bookshop.app", "run", "-p", str(self.port))
            for branch in BRANCHES:
                env = {"VOCAQUEUE_NAMESPACE": branch}
                self._start(
                    f"{branch}-worker", "-m", "celery", "-A", "bookshop", "worker", "-Q", "send-letters,price-list",
                    "-c", "2", "-E", "-n", f"{branch}@%h", "--without-gossip", "--without-mingle", **env,
                )  # fmt: skip
                self._start(f"{branch}-reconciler", "-m", "vocaqueue", "reconciler", **env)
                self._start(f"{branch}-relay", "-m", "vocaqueue", "relay", **env)
            until(self._answers)
        except BaseException:
            self.stop()
            raise

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self, *arguments: str, status: int = 0, **env: str) -> str:
        """Python in the shop's folder."""
        return self.environment.run(*arguments, cwd=self.folder, env=env, status=status)

    def command(self, branch: str, *words: str, status: int = 0) -> str:
        """The installed `vocaqueue` command, for a branch."""
        script = str(self.environment.folder / "bin" / "vocaqueue")
        return self.run(script, *words, status=status, VOCAQUEUE_NAMESPACE=branch)

    def commands(self, words: list[list[str]], branches: list[str]) -> list[str]:
        """The output of several commands, each of its branch, in one process: a start takes a second."""
        code = """
import json, os, sys
from click.testing import CliRunner
from vocaqueue.cli.main import main
said = []
for branch, words in json.loads(sys.argv[1]):
    os.environ["VOCAQUEUE_NAMESPACE"] = branch
    ran = CliRunner().invoke(main, words, catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    said.append(ran.stdout)
print(json.dumps(said))
"""
        pairs = json.dumps(list(zip(branches, words, strict=True)))
        said: list[str] = json.loads(self.run("-c", code, pairs))
        return said

    def person(self, login: str | None) -> Person:
        return Person(self, login)

    def stop(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.valkey.stop()

    def _start(self, name: str, *arguments: str, **env: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as out:
            self.processes[name] = subprocess.Popen(
                [str(self.environment.python), *arguments], cwd=self.folder, env=self.environment.variables | env,
                stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip

    def _answers(self) -> bool:
        try:
            return requests.get(self.url, timeout=5).ok
        except requests.ConnectionError:
            return False


class Person:
    """A browser of one of the staff; None: of nobody."""

    def __init__(self, shop: Shop, login: str | None) -> None:
        self.shop, self.session = shop, requests.Session()
        if login is not None:
            form = self.session.get(f"{shop.url}/sign-in", timeout=10).text
            token = re.search(r'name="token" value="(\w+)"', form)
            assert token
            data = {"login": login, "password": PASSWORD, "token": token[1]}
            assert self.session.post(f"{shop.url}/sign-in", data=data, timeout=10).ok

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """From one of the shop's own pages."""
        headers = {"Sec-Fetch-Site": "same-origin"} | options.pop("headers", {})
        return self.session.request(method, self.shop.url + path, headers=headers, timeout=30, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.call("GET", path, **options)

    def post(self, path: str, body: Any, **options: Any) -> requests.Response:
        return self.call("POST", path, json=body, **options)

    def events(self, path: str) -> Iterator[dict[str, Any]]:
        """A stream, event by event, until it ends."""
        with self.session.get(self.shop.url + path, stream=True, timeout=30) as answer:
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            fields: dict[str, str] = {}
            for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
                if line:
                    name, _, value = line.partition(":")
                    fields[name] = value.removeprefix(" ")
                elif "event" in fields:
                    yield {"event": fields["event"], "data": json.loads(fields["data"])}
                    fields = {}
