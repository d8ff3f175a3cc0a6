"""The deployable service: the admin blueprint, sign-in, health and the words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

from flask import Flask, Response, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.middleware.proxy_fix import ProxyFix

from vocaqueue import JobParams, JobType, Prepared, QueueManager, Settings, load_registry
from vocaqueue.admin import AdminBlueprint, create_admin_blueprint, payloads
from vocaqueue.admin.headers import secure
from vocaqueue.settings import read_or_make_secret
from workers import uploads
from workers.words import database

from . import description, health, metrics, sign_in, words
from .cookies import set_up_cookies
from .cors import allow_origins
from .identity import Gate
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
    secret = read_or_make_secret("secret.key", "VOCAQUEUE_SECRET_KEY")
    gate = Gate(queue, read_or_make_secret("admin.key", "VOCAQUEUE_ADMIN_KEY"), secret)

    app = Flask("api", static_folder=None)
    app.url_map.merge_slashes = False
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    set_up_cookies(app, secret, settings.namespace)
    app.config["MAX_CONTENT_LENGTH"] = 1024**2

    @offloaded
    def keep(stream: IO[bytes], filename: str) -> str:
        return uploads.save(queue.files, stream, filename).id

    @offloaded
    def discard(upload_id: str) -> None:
        uploads.discard(queue.files, upload_id)

    links = {"words": "/api/words", "login": "/login", "logout": "/logout"}
    admin = create_admin_blueprint(
        queue, authorize=gate, uploads=keep, discard_upload=discard, links=links, keys=queue.keys
    )
    admin.register_error_handler(SQLAlchemyError, words.on_database_error)
    app.register_blueprint(admin, url_prefix=BASE)
    app.register_blueprint(words.create_blueprint(queue.files, gate), url_prefix="/api/words")
    app.register_blueprint(sign_in.create_blueprint(queue, gate, f"{BASE}/ui/"))
    app.register_blueprint(health.create_blueprint(queue))
    app.register_blueprint(metrics.create_blueprint(app, queue, admin, gate))
    app.register_blueprint(description.create_blueprint(gate))
    app.extensions["vocaqueue"] = Service(queue, admin)
    payloads.handle_errors(app)
    app.after_request(_headers)
    allow_origins(app, settings.cors_origins)
    if hops := settings.trusted_proxies:
        # Only what each proxy adds to, or the nearest one sets. Not the host: a proxy passes on X-Forwarded-Host as the
        # client sent it unless told otherwise.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=1, x_host=0)  # type: ignore[method-assign]
    return app


def _headers(response: Response) -> Response:
    response.headers.setdefault("Cache-Control", "no-store")
    if request.is_secure:  # of this host alone, for a year; its other names are not ours to decide
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return secure(response)
