"""`vocaqueue doctor`: each setting with its origin, and a check of each real part."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import redis

from ..registry import load_registry
from ..settings import NAMES, SECRETS, SHORT_SECRET, VAR, Settings, mask, origin_of_secret, read_or_make_secret
from ..store.client import make_client
from .remote import remote_address
from .show import console

FIELDS = {
    "REDIS_URL": "redis_url",
    "CELERY_BROKER_URL": "broker_url",
    "VOCAQUEUE_JOB_TYPES": "job_types",
    "DATABASE_URL": "database_url",
    "STORAGE_URL": "storage_url",
    "PORT": "port",
    "HOST": "host",
    "VOCAQUEUE_NAMESPACE": "namespace",
    "VOCAQUEUE_TIME_ZONE": "time_zone",
    "VOCAQUEUE_SAMPLE": "sample",
    "VOCAQUEUE_SSE_HEARTBEAT": "sse_heartbeat_s",
    "VOCAQUEUE_SSE_CLIENTS": "sse_places",
    "VOCAQUEUE_SSE_PER_BROWSER": "sse_per_browser",
    "FLOWER_PORT": "flower_port",
    "VOCAQUEUE_TRUSTED_PROXIES": "trusted_proxies",
    "VOCAQUEUE_CORS_ORIGINS": "cors_origins",
}


@dataclass(frozen=True)
class Finding:
    part: str
    state: str  #: ok, warning, error
    message: str


def examine(json_: bool) -> bool:
    """Print what was found; answers whether nothing is in error."""
    settings = Settings.from_env()
    shown = [
        {
            "name": name,
            "value": _shown(getattr(settings, FIELDS[name])),
            "origin": settings.origin.get(name, "default"),
        }
        for name in NAMES
        if name in FIELDS
    ]
    shown += [{"name": name, "value": "***", "origin": origin_of_secret(name)} for name in SECRETS]
    findings = [check for part, look in _CHECKS.items() for check in _look(part, look, settings)]
    if json_:
        print(json.dumps({"settings": shown, "checks": [f.__dict__ for f in findings]}, ensure_ascii=False, indent=2))
    else:
        for row in shown:
            console.print(f"{row['name']:<26} {row['value']}  [bright_black]({row['origin']})[/]", soft_wrap=True)
        console.print()
        marks = {"ok": "[green]ok[/]     ", "warning": "[yellow]warning[/]", "error": "[red]error[/]  "}
        for finding in findings:
            console.print(f"{marks[finding.state]} {finding.part}: {finding.message}", soft_wrap=True)
    return all(finding.state != "error" for finding in findings)


def _shown(value: Any) -> str:
    return (", ".join(value) or "none") if isinstance(value, tuple) else mask(str(value))


def _look(part: str, look: Callable[[Settings], list[Finding]], settings: Settings) -> list[Finding]:
    try:
        return look(settings)
    except Exception as error:
        return [Finding(part, "error", f"{error}")]


def _server(settings: Settings) -> list[Finding]:
    try:
        info: dict[str, Any] = make_client(settings.redis_url).info()
    except redis.ConnectionError as error:
        hint = "start it with `make start`" if settings.embedded else "check REDIS_URL and that the server runs"
        return [Finding("job store", "error", f"does not answer ({error}); {hint}.")]
    version = info.get("valkey_version") or info["redis_version"]
    found = [Finding("job store", "ok", f"{info.get('server_name', 'redis')} {version} answers.")]
    compatible = tuple(int(part) for part in str(info["redis_version"]).split(".")[:2])
    if compatible < (7, 0):
        found.append(Finding("job store", "error", "is older than 7.0, which the ledger's steps need."))
    elif compatible < (7, 2):
        found.append(
            Finding("job store", "warning", "is older than 7.2 and cannot say when a write is on disk (WAITAOF).")
        )
    if not int(info.get("aof_enabled", 0)):
        found.append(
            Finding("job store", "warning", "keeps no append-only file: a restart forgets jobs (appendonly yes).")
        )
    if info.get("maxmemory_policy", "noeviction") != "noeviction":
        found.append(
            Finding("job store", "error", "may evict keys, and so lose jobs: set maxmemory-policy noeviction.")
        )
    return found


def _broker(settings: Settings) -> list[Finding]:
    """Only where it is another server than the job store."""
    if settings.broker_url == settings.redis_url:
        return []
    from ..engine.app import create_celery_app
    from ..engine.config import is_amqp

    app = create_celery_app(settings, load_registry(settings.job_types))
    with app.connection_for_write(connect_timeout=3) as connection:
        try:
            connection.ensure_connection(max_retries=1, interval_start=0.2, timeout=3)
        except Exception as error:
            return [Finding("broker", "error", f"{mask(settings.broker_url)} does not answer ({error}).")]
        found = [Finding("broker", "ok", f"{mask(settings.broker_url)} answers.")]
        if is_amqp(settings.broker_url):
            version = str(connection.connection.server_properties.get("version", "0"))
            if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < (3, 12):
                hint = "set consumer_timeout = 21600000 in rabbitmq.conf"
                found.append(
                    Finding("broker", "warning", f"RabbitMQ {version} takes no time-out from a queue; {hint}.")
                )
        return found


def _types(settings: Settings) -> list[Finding]:
    return [Finding("job types", "ok", ", ".join(load_registry(settings.job_types).names))]


def _database(settings: Settings) -> list[Finding]:
    import sqlalchemy

    engine = sqlalchemy.create_engine(settings.database_url)
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT 1"))
    return [Finding("database", "ok", f"{mask(settings.database_url)} answers.")]


def _storage(settings: Settings) -> list[Finding]:
    from ..files import FileStore

    files = FileStore.from_url(settings.storage_url)
    with files.write("doctor-check") as out:
        out.write(b"ok")
    files.remove("doctor-check")
    return [Finding("files", "ok", f"{settings.storage_url} can be written.")]


def _processes(settings: Settings) -> list[Finding]:
    """What `/readyz` asks, too: workers, relay, reconciler, beat."""
    from ..engine.health import PROCESSES, Checks, parts_of
    from ..engine.queue import QueueManager

    queue = QueueManager(settings, load_registry(settings.job_types))
    parts = parts_of(queue)
    found = Checks({name: parts[name] for name in ("workers", *PROCESSES)}).look()
    findings = []
    for name, of_type in found["workers"].more.get("types", {}).items():
        slots = sum(worker["slots"] for worker in of_type)
        state, message = ("ok", f"{slots} slots.") if slots else ("warning", "no worker is running; its jobs wait.")
        findings.append(Finding(f"workers for {name}", state, message))
    for name in PROCESSES:
        check = found[name]
        said = ", ".join(f"{p['name']} ({p['ageSeconds']:g} s ago)" for p in check.more.get("processes", []))
        findings.append(Finding(name, "ok" if check.ok else "warning", said or check.message))
    return findings


def _audit(settings: Settings) -> list[Finding]:
    from ..engine.queue import QueueManager

    audit = QueueManager(settings, load_registry(settings.job_types)).audit
    if trouble := audit.trouble():
        return [Finding("audit log", "error" if audit.is_full() else "warning", trouble)]
    waiting = audit.waiting()
    more = f" Waiting for the relay: {waiting:,}." if waiting else ""
    return [Finding("audit log", "ok", f"{audit.head()[0]:,} acts are stored.{more}")]


def _address(settings: Settings) -> list[Finding]:
    """Keys and cookies must not travel in the clear."""
    if settings.host in {"127.0.0.1", "::1", "localhost"} or settings.trusted_proxies:
        return []
    hint = "put a proxy with TLS before it and set VOCAQUEUE_TRUSTED_PROXIES, or HOST=127.0.0.1; see docs/security.md."
    return [Finding("address", "warning", f"HOST={settings.host} can be reached from elsewhere, without TLS: {hint}")]


def _admin_key(_settings: Settings) -> list[Finding]:
    name = "VOCAQUEUE_ADMIN_KEY"
    if origin_of_secret(name) not in {"environment", ".env", str(VAR / SECRETS[name])}:
        return []
    if len(read_or_make_secret(SECRETS[name], name)) < SHORT_SECRET:
        hint = f"it has less than {SHORT_SECRET} characters; set a random one, or none, and one is made."
        return [Finding("admin key", "warning", f"might be guessed: {hint}")]
    return [Finding("admin key", "ok", f"from {origin_of_secret(name)}.")]


def _remote(_settings: Settings) -> list[Finding]:
    """Whoever asks the doctor about what the other commands show must know that these are two systems."""
    if (url := remote_address()) is None:
        return []
    return [Finding("VOCAQUEUE_URL", "warning", f"Other commands speak to {mask(url)}; this is about this machine's.")]


_CHECKS: dict[str, Callable[[Settings], list[Finding]]] = {
    "job store": _server,
    "broker": _broker,
    "job types": _types,
    "database": _database,
    "files": _storage,
    "processes": _processes,
    "admin key": _admin_key,
    "address": _address,
    "audit log": _audit,
    "VOCAQUEUE_URL": _remote,
}
