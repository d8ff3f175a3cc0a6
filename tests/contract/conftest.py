"""The API over all kinds of job types: of a host that knows everybody by a header, and of one whose store is away."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import IO, Any

import pytest
from flask import Flask, Request
from werkzeug.exceptions import Forbidden, TooManyRequests
from werkzeug.test import TestResponse

from api import words
from tests.admin.test_every_act import job_in
from tests.toys import JOB_TYPES as TOYS
from vocaqueue import QueueManager
from vocaqueue.admin import Identity, create_admin_blueprint, payloads
from vocaqueue.engine.bulk import JobFilter
from vocaqueue.job import JobStatus
from vocaqueue.store.ledger import Ledger
from workers import uploads
from workers.job_types import JOB_TYPES
from workers.tables.rows import WordRow
from workers.words import database, records

BASE = "/api/admin/queue"
_toys = {toy.name: toy for toy in TOYS}
TYPES = (*JOB_TYPES, _toys["toy"], _toys["paid"], replace(_toys["parallel"], unique=True))


class World:
    """One application with a little of everything in it, and what a call needs."""

    def __init__(self, queue: QueueManager, away: QueueManager) -> None:
        self.queue = queue
        rows = records.import_rows([WordRow(2, "cat", "고양이", "noun", "A1")], fence=1, job_id="setup-1")
        self.word = next(iter(rows)).word_id
        self.app = application(queue, self._who)
        self.away = application(away, _asks_its_store(away, self._who))

    def call(
        self, method: str, path: str, *, role: str | None = "admin", app: Flask | None = None, **options: Any
    ) -> TestResponse:
        """`path` is below the base path of the API, or begins with /api/."""
        headers = ({"X-Role": role} if role else {}) | options.pop("headers", {})
        where = path if path.startswith("/api/") else BASE + path
        return (app or self.app).test_client().open(where, method=method, headers=headers, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.call("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> TestResponse:
        return self.call("POST", path, **({} if body is None else {"json": body}), **options)

    def job(self, status: str = "waiting") -> str:
        """A toy job in this status. Those of earlier calls make room for it: the first sixteen of a type take turns."""
        if self.queue.stats()["types"]["toy"]["waiting"] > 8:
            self.queue.bulk("cancel", filter=JobFilter(types=["toy"], statuses=[JobStatus.WAITING]))
        return job_in(self.queue, status)

    def schedule(self, type_name: str = "toy") -> str:
        made = self.post("/schedules", {"type": type_name, "params": {"ids": ["a"]}, "everySeconds": 60})
        found: str = made.json["data"]["id"]
        return found

    def key(self) -> str:
        """Id of a new API key."""
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        return self.queue.keys.make("a program", "viewer", expires_at=tomorrow).key.id

    def close(self) -> None:
        for app in (self.app, self.away):
            app.extensions["admin"].close()

    def _who(self, request: Request) -> Identity | None:
        role = request.headers.get("X-Role")
        if role == "banned":
            raise Forbidden("Not from here.")
        if role == "hasty":
            raise TooManyRequests("Too many wrong keys came from there.", retry_after=7)
        return Identity(f"the-{role}", f"The {role}", role) if role else None


def application(queue: QueueManager, who: Callable[[Request], Identity | None]) -> Flask:
    def keep(stream: IO[bytes], filename: str) -> str:
        return uploads.save(queue.files, stream, filename).id

    app = Flask("host")
    admin = create_admin_blueprint(queue, authorize=who, uploads=keep, keys=queue.keys)
    app.register_blueprint(admin, url_prefix=BASE)
    app.register_blueprint(words.create_blueprint(queue.files, who), url_prefix="/api/words")
    payloads.handle_errors(app)
    app.extensions["admin"] = admin
    return app


def _asks_its_store(queue: QueueManager, who: Callable[[Request], Identity | None]) -> Callable[[Request], Any]:
    """A host that keeps its sessions in the same store, so that it cannot even say who asks."""

    def ask(request: Request) -> Identity | None:
        if request.headers.get("X-Ask"):
            queue.gates()
        return who(request)

    return ask


@pytest.fixture
def world(make_ledger: Callable[..., Ledger], tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    url = f"sqlite:///{tmp_path}/words.db"
    monkeypatch.setenv("STORAGE_URL", f"file://{tmp_path}/files")  # of what prepares a job
    database.migrate(url)
    database.use(url)
    settings = make_ledger(database_url=url, storage_url=f"file://{tmp_path}/files", sse_heartbeat_s=0.2).settings
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = f"redis://127.0.0.1:{free.getsockname()[1]}/0"
    queue = QueueManager(settings, TYPES)
    away = QueueManager(type(settings).from_env({"REDIS_URL": nobody}, database_url=url), TYPES, patience_s=0.0)
    made = World(queue, away)
    yield made
    made.close()
    queue.close()
    away.close()
    database.use(None)
