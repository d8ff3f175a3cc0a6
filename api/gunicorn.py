"""
Gunicorn's configuration: `gunicorn -c python:api.gunicorn "api.app:create_app()"`.

One process with gevent: thousands of open streams share one reader of the job store.
"""

from __future__ import annotations

import os
import resource
import sys
from typing import Any

from vocaqueue.settings import Settings

CALLS = 1000  #: connections beyond those of streams, so that calls are answered when all of these are open
OTHER_FILES = 200  #: the job store, files, logs


def _connections(streams: int) -> int:
    """
    How many connections there may be, one file each; where the system allows fewer, there are fewer streams, too.

    The soft limit of open files is often 1,024; a process may raise it up to the hard one by itself.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = streams + CALLS + OTHER_FILES
    allowed = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed >= wanted:
        return streams + CALLS
    left = max(2, allowed - OTHER_FILES)
    os.environ["VOCAQUEUE_SSE_CLIENTS"] = str(left // 2)
    print(
        f"This system lets a process open {allowed:,} files, so there can be {left // 2:,} streams, not {streams:,}: "
        "raise the limit (ulimit -Hn), or set VOCAQUEUE_SSE_CLIENTS.",
        file=sys.stderr,
    )
    return left


_settings = Settings.from_env()

bind = f"[{_settings.host}]:{_settings.port}" if ":" in _settings.host else f"{_settings.host}:{_settings.port}"
worker_class = "gevent"
workers = 1
worker_connections = _connections(_settings.sse_places)
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

    # Not above: what is read before gevent has patched the standard library would block all requests where it waits.
    from . import parser_errors

    parser_errors.install()

    def end_streams() -> None:
        while worker.alive:
            gevent.sleep(0.2)
        worker.wsgi.extensions["vocaqueue"].close()

    gevent.spawn(end_streams)
