"""
Gunicorn's configuration: `gunicorn -c python:api.gunicorn "api.app:create_app()"`.

One process with gevent: thousands of open streams share one reader of the job store.
"""

from __future__ import annotations

from typing import Any

from vocaqueue.settings import Settings

from . import parser_errors

_settings = Settings.from_env()

bind = f"[{_settings.host}]:{_settings.port}" if ":" in _settings.host else f"{_settings.host}:{_settings.port}"
worker_class = "gevent"
workers = 1
worker_connections = 4000
timeout = 60
graceful_timeout = 5
keepalive = 5
limit_request_line = 8190  # bytes; of filters with many names
control_socket_disable = True
# Which proxies are trusted is said once, by VOCAQUEUE_TRUSTED_PROXIES; gunicorn would trust whoever is on this machine.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
loglevel = "warning"
proc_name = "vocaqueue-web"


def post_worker_init(worker: Any) -> None:
    """Let the streams end when the worker is told to stop; it would wait for them otherwise."""
    import gevent

    parser_errors.install()

    def end_streams() -> None:
        while worker.alive:
            gevent.sleep(0.2)
        worker.wsgi.extensions["vocaqueue"].close()

    gevent.spawn(end_streams)
