"""The one place that makes Redis clients."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

CONNECT_TIMEOUT_S = 3.0
READ_TIMEOUT_S = 10.0  #: above every blocking read that we make (XREAD blocks for 5 s at most)


def make_client(url: str, read_timeout_s: float = READ_TIMEOUT_S) -> redis.Redis:
    """
    A client that never repeats a command by itself.

    redis-py 8 repeats a failed command up to ten times, which is right only for steps that can be repeated: the
    `Ledger` does it for those, and says so. `redis+socket://` is Celery's spelling of redis-py's `unix://`.
    """
    parts = urlsplit(url)
    tcp: dict[str, Any] = {"socket_keepalive": True}
    if parts.scheme in {"redis+socket", "socket", "unix"}:
        url, tcp = f"unix://{parts.path}" + (f"?{parts.query}" if parts.query else ""), {}
    return redis.Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=read_timeout_s,
        retry=Retry(NoBackoff(), 0),
        **tcp,
    )
