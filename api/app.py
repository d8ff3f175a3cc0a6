"""The deployable service: the admin blueprint, sign-in, health and the words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

from flask import Flask, Response, redirect, url_for
from sqlalchemy.exc import SQLAlchemyError

from vocaqueue import JobParams, JobType, Prepared, QueueManager, Settings, load_registry
from vocaqueue.admin import AdminBlueprint, create_admin_blueprint, payloads
from vocaqueue.admin.page import CSP
from vocaqueue.settings import read_or_make_secret
from workers import uploads
from workers.words import database

from . import health, sign_in, words
from .identity import Gate, set_up_sessions
from .offload import off_loop, offloaded

BASE = "/api/admin/queue"


@dataclass(frozen=True)
class Service:
    """What belongs to one application; found in `app.extensions["vocaqueue"]`."""

    queue: QueueManager
    admin: AdminBlueprint

    def close(self) -> None:
        """End the streams, as when the process stops."""
        self.admin.close()


class WebQueue(QueueManager):
    """Checks and prepares jobs, a million ids or a reading of the words database, off gevent's loop."""

    def parse(self, type_name: str, fields: Mapping[str, Any]) -> JobParams:
        return off_loop(super().parse, type_name, fields)

    def prepare(self, job_type: JobType, params: JobParams) -> Prepared:
        return off_loop(super().prepare, job_type, params)

    def aside(self, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        return off_loop(call, *arguments, **options)


def create_app(settings: Settings | None = None) -> Flask:
    """
    The application, for gunicorn or a test.

    A job store that is away does not keep it from starting: calls answer 503 then.

    Raises:
        BadSettings: A value of the environment makes no sense, or a secret cannot be kept under `var/`.
    """
    settings = settings or Settings.from_env()
    database.use(settings.database_url)
    queue = WebQueue(settings, load_registry(settings.job_types))
    gate = Gate(read_or_make_secret("admin.key", "VOCAQUEUE_ADMIN_KEY"), settings.namespace)

    app = Flask("api", static_folder=None)
    app.url_map.merge_slashes = False
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    set_up_sessions(app, read_or_make_secret("secret.key", "VOCAQUEUE_SECRET_KEY"), settings.namespace)
    app.config["MAX_CONTENT_LENGTH"] = 1024**2

    @offloaded
    def keep(stream: IO[bytes], filename: str) -> str:
        return uploads.save(queue.files, stream, filename).id

    @offloaded
    def discard(upload_id: str) -> None:
        uploads.discard(queue.files, upload_id)

    admin = create_admin_blueprint(
        queue, authorize=gate, uploads=keep, discard_upload=discard, links={"words": "/api/words", "logout": "/logout"}
    )
    admin.register_error_handler(SQLAlchemyError, words.on_database_error)
    app.register_blueprint(admin, url_prefix=BASE)
    app.register_blueprint(words.create_blueprint(queue.files, gate), url_prefix="/api/words")
    app.register_blueprint(sign_in.create_blueprint(queue, gate, f"{BASE}/ui/"))
    app.register_blueprint(health.create_blueprint(queue))
    app.extensions["vocaqueue"] = Service(queue, admin)
    payloads.handle_errors(app)
    app.after_request(_headers)

    @app.get("/")
    def home() -> Any:
        return redirect(url_for("vocaqueue.dashboard"), 303)

    return app


def _headers(response: Response) -> Response:
    for name, value in (
        ("Content-Security-Policy", CSP),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "same-origin"),
        ("Cache-Control", "no-store"),
    ):
        response.headers.setdefault(name, value)
    return response
