"""A Flask application with the blueprint over toy job types; the test says in a header who asks."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Request
from werkzeug.test import TestResponse

from tests.toys import JOB_TYPES
from vocaqueue import QueueManager, Settings
from vocaqueue.admin import Identity, create_admin_blueprint
from vocaqueue.store.ledger import Ledger

BASE = "/queue"


def by_header(request: Request) -> Identity | None:
    role = request.headers.get("X-Role")
    return Identity(f"the-{role}", f"The {role}", role) if role else None


def make_app(queue: QueueManager, **options: Any) -> Flask:
    app = Flask("host")
    blueprint = create_admin_blueprint(queue, authorize=by_header, **options)
    app.register_blueprint(blueprint, url_prefix=BASE)
    app.extensions["admin"] = blueprint
    return app


class Client:
    """A test client of one role."""

    def __init__(self, app: Flask, role: str | None = "admin") -> None:
        self.app = app
        self.headers = {"X-Role": role} if role else {}

    def call(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = self.headers | options.pop("headers", {})
        return self.app.test_client().open(BASE + path, method=method, headers=headers, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.call("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> TestResponse:
        return self.call("POST", path, **({"json": body} if body is not None else {}), **options)

    def events(self, path: str = "/events", last_id: str | None = None) -> Events:
        return Events(self.get(path, headers={"Last-Event-ID": last_id} if last_id else {}))


class Events:
    """A stream that is read as far as the test wants; the heartbeat keeps a silent one from blocking."""

    def __init__(self, response: TestResponse) -> None:
        self.response = response
        self._parts = self._split(response.response)
        self.seen: list[dict[str, Any]] = []
        self.heartbeats = 0
        self.last_id: str | None = None  #: also one that came without an event
        self.retry_ms = 0

    def until(self, is_it: Callable[[dict[str, Any]], bool], timeout_s: float = 20.0) -> dict[str, Any]:
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            event = self._next()
            if event and is_it(event):
                return event
        raise AssertionError(f"not among {[event['event'] for event in self.seen]}")

    def named(self, name: str) -> dict[str, Any]:
        return self.until(lambda event: event["event"] == name)

    def to_the_end(self) -> list[dict[str, Any]]:
        try:
            while True:
                self._next()
        except StopIteration:
            return self.seen

    def close(self) -> None:
        self.response.close()

    @staticmethod
    def _split(parts: Iterable[bytes]) -> Iterator[str]:
        for part in parts:
            assert part.endswith(b"\n\n"), "an event is never torn"
            yield from part.decode().removesuffix("\n\n").split("\n\n")

    def _next(self) -> dict[str, Any] | None:
        fields = dict(line.split(":", 1) for line in next(self._parts).split("\n"))
        self.last_id = fields.get("id", self.last_id)
        self.retry_ms = int(fields.get("retry", self.retry_ms))
        if "" in fields:  # a comment
            self.heartbeats += fields[""] == " heartbeat"
            return None
        event = {"event": fields["event"], "id": fields.get("id"), "data": json.loads(fields["data"])}
        self.seen.append(event)
        return event


@pytest.fixture
def queue(make_ledger: Callable[..., Ledger], tmp_path: Path) -> Iterator[QueueManager]:
    settings = make_ledger(
        storage_url=f"file://{tmp_path}/files", database_url=f"sqlite:///{tmp_path}/queue.db", sse_heartbeat_s=0.2
    ).settings
    made = QueueManager(settings, JOB_TYPES)
    yield made
    made.close()


@pytest.fixture
def app(queue: QueueManager) -> Iterator[Flask]:
    made = make_app(queue)
    yield made
    made.extensions["admin"].close()


@pytest.fixture
def client(app: Flask) -> Client:
    return Client(app)


def settings_of(url: str, folder: Path, **more: Any) -> Settings:
    env = {
        "REDIS_URL": url,
        "STORAGE_URL": f"file://{folder}/files",
        "DATABASE_URL": f"sqlite:///{folder}/queue.db",
    }
    return Settings.from_env(env, **({"sse_heartbeat_s": 0.2} | more))
