"""What a system is told from outside: the environment, checked once at start."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from dotenv import dotenv_values

from .errors import BadSettings
from .timing import is_zone

VAR = Path("var")
MOST_PROXIES = 10

#: Every name that `Settings.from_env` reads, in the order of the contract.
NAMES = (
    "REDIS_URL", "REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD", "REDIS_DB", "CELERY_BROKER_URL", "VOCAQUEUE_JOB_TYPES",
    "DATABASE_URL", "STORAGE_URL", "PORT", "HOST", "VOCAQUEUE_NAMESPACE", "VOCAQUEUE_TIME_ZONE", "VOCAQUEUE_SAMPLE",
    "VOCAQUEUE_SSE_HEARTBEAT", "VOCAQUEUE_SSE_CLIENTS", "VOCAQUEUE_SSE_PER_BROWSER", "FLOWER_PORT",
    "VOCAQUEUE_TRUSTED_PROXIES", "VOCAQUEUE_CORS_ORIGINS",
)  # fmt: skip


#: Name in the environment -> file under `var/` where it is kept when it is not set there.
SECRETS = {"VOCAQUEUE_ADMIN_KEY": "admin.key", "VOCAQUEUE_SECRET_KEY": "secret.key"}
SHORT_SECRET = 20  #: characters; somebody might guess one below that


@dataclass(frozen=True, kw_only=True)
class Settings:
    """
    One system's settings. `origin` says for each name where its value came from.

    Lengths of time are seconds. The last group is for tests and rare needs; it is not read from the environment.
    """

    redis_url: str
    broker_url: str
    job_types: str = "workers.job_types:JOB_TYPES"
    database_url: str = "sqlite:///var/vocaqueue.db"
    storage_url: str = "file://var/files"
    host: str = "127.0.0.1"
    port: int = 4000
    namespace: str = "vq"
    time_zone: str = "UTC"  #: of schedules that name none; an IANA name
    sse_heartbeat_s: float = 15.0
    sse_places: int = 3000  #: streams, and calls that wait for a job, in one web process
    sse_per_browser: int = 3  #: streams of one browser that are open at once; 0: any number, as behind HTTP/2
    flower_port: int = 5555
    sample: bool = True
    trusted_proxies: int = 0  #: proxies of ours before the web process, whose X-Forwarded-For and -Proto count
    cors_origins: tuple[str, ...] = ()  #: other sites whose pages may use the API
    embedded: bool = False  #: the Redis behind `redis_url` is ours to start and stop
    origin: Mapping[str, str] = field(default_factory=dict, compare=False)

    lease_s: float = 12.0  #: a claim that is silent for so long goes to another worker
    heartbeat_s: float = 4.0  #: between two signs of life of a claim
    reaper_gap_s: float = 3.0  #: passes further apart than this were an outage: everybody gets a lease of grace
    line_places: int = 16  #: jobs of one type and priority that have a ticket in the line at once
    events_kept: int = 100_000

    def __post_init__(self) -> None:
        if self.lease_s < 2 * self.heartbeat_s:
            raise BadSettings(f"lease_s={self.lease_s} must be at least twice heartbeat_s={self.heartbeat_s}")
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,40}", self.namespace):
            raise BadSettings(
                f"VOCAQUEUE_NAMESPACE={self.namespace!r} must be 1 to 40 letters, digits, '_', '.' or '-'"
            )
        if not is_zone(self.time_zone):
            raise BadSettings(f"VOCAQUEUE_TIME_ZONE={self.time_zone!r} is no time zone; write it like Asia/Seoul")
        if self.sse_heartbeat_s <= 0:
            raise BadSettings(f"VOCAQUEUE_SSE_HEARTBEAT={self.sse_heartbeat_s:g} must be above 0 seconds")
        if self.sse_places < 1:
            raise BadSettings(f"VOCAQUEUE_SSE_CLIENTS={self.sse_places} must be at least 1")
        if self.sse_per_browser < 0:
            raise BadSettings(f"VOCAQUEUE_SSE_PER_BROWSER={self.sse_per_browser} must be 0 (any number) or more")
        if not 0 < self.port < 65536:
            raise BadSettings(f"PORT={self.port} must be between 1 and 65535")
        if not 0 <= self.trusted_proxies <= MOST_PROXIES:
            raise BadSettings(
                f"VOCAQUEUE_TRUSTED_PROXIES={self.trusted_proxies} must be 0 to {MOST_PROXIES}: how many proxies of "
                "yours a request passes"
            )
        for origin in self.cors_origins:
            _check_origin(origin)
        for name, url in (("REDIS_URL", self.redis_url), ("CELERY_BROKER_URL", self.broker_url)):
            if "://" not in url:
                raise BadSettings(f"{name}={mask(url)!r} is no URL; write it like redis://127.0.0.1:6379/0")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **overrides: object) -> Settings:
        """
        Read the environment, and a `.env` file in the working directory for what it does not set.

        Raises:
            BadSettings: A value makes no sense; the message names it.
        """
        env, origin = _with_dotenv(os.environ if environ is None else environ)
        redis_url, embedded = _redis_url(env, origin)
        settings = cls(
            redis_url=redis_url,
            broker_url=env.get("CELERY_BROKER_URL") or redis_url,
            job_types=env.get("VOCAQUEUE_JOB_TYPES") or cls.job_types,
            database_url=env.get("DATABASE_URL") or cls.database_url,
            storage_url=env.get("STORAGE_URL") or cls.storage_url,
            host=env.get("HOST") or cls.host,
            port=_number(env, "PORT", cls.port),
            namespace=env.get("VOCAQUEUE_NAMESPACE") or cls.namespace,
            sse_heartbeat_s=_number(env, "VOCAQUEUE_SSE_HEARTBEAT", int(cls.sse_heartbeat_s)),
            sse_places=_number(env, "VOCAQUEUE_SSE_CLIENTS", cls.sse_places),
            sse_per_browser=_number(env, "VOCAQUEUE_SSE_PER_BROWSER", cls.sse_per_browser),
            flower_port=_number(env, "FLOWER_PORT", cls.flower_port),
            time_zone=env.get("VOCAQUEUE_TIME_ZONE") or cls.time_zone,
            trusted_proxies=_number(env, "VOCAQUEUE_TRUSTED_PROXIES", cls.trusted_proxies),
            cors_origins=tuple(
                part.strip() for part in env.get("VOCAQUEUE_CORS_ORIGINS", "").split(",") if part.strip()
            ),
            sample=_switch(env, "VOCAQUEUE_SAMPLE", default=True),
            embedded=embedded,
            origin=origin,
        )
        return replace(settings, **overrides) if overrides else settings  # type: ignore[arg-type]


def embedded_socket() -> Path:
    """
    Where the embedded Valkey listens: a socket in `var/`, reached by nobody who may not read that folder.

    A Unix socket's path holds 107 bytes at most, so a deep folder gets a short one under /tmp, named after the folder.
    """
    socket = (VAR / "valkey" / "valkey.sock").resolve()
    if len(os.fsencode(socket)) <= 100:
        return socket
    import hashlib

    digest = hashlib.sha256(os.fsencode(socket)).hexdigest()[:16]
    return Path("/tmp") / f"vocaqueue-{os.getuid()}-{digest}.sock"  # noqa: S108 - the server makes it with mode 0700


def read_or_make_secret(name: str, environ_name: str, environ: Mapping[str, str] | None = None) -> str:
    """
    A secret from the environment, or one that is made once and kept under `var/` with mode 0600.

    Raises:
        BadSettings: It cannot be kept; or it is blank, and whoever shows no key at all would have the right one.
    """
    env, _ = _with_dotenv(os.environ if environ is None else environ)
    if given := env.get(environ_name):
        return _not_blank(given, f"{environ_name} is blank; set a random text, or leave it out, and one is made.")
    path = VAR / name
    if not path.exists():
        try:
            _make_secret(path)
        except OSError as error:
            raise BadSettings(
                f"Cannot write {path} ({error.strerror}). Make the folder writable, or set {environ_name}."
            ) from error
    return _not_blank(path.read_text().strip(), f"{path} is empty; delete it, and a new one is made.")


def _make_secret(path: Path) -> None:
    """The file is there with all its text or not at all, whoever reads it meanwhile and wherever this is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(secrets.token_urlsafe(32) + "\n")
            out.flush()
            os.fsync(out.fileno())
        with suppress(FileExistsError):  # another process was quicker
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _not_blank(secret: str, otherwise: str) -> str:
    if not secret.strip():
        raise BadSettings(otherwise)
    return secret


def secret_key() -> str:
    """VOCAQUEUE_SECRET_KEY: signs sessions, and the key of secret parameters is derived from it."""
    return read_or_make_secret(SECRETS["VOCAQUEUE_SECRET_KEY"], "VOCAQUEUE_SECRET_KEY")


def origin_of_secret(environ_name: str, environ: Mapping[str, str] | None = None) -> str:
    """Where `read_or_make_secret` gets it from; makes none."""
    given = os.environ if environ is None else environ
    env, _ = _with_dotenv(given)
    if env.get(environ_name):
        return "environment" if given.get(environ_name) else ".env"
    path = VAR / SECRETS[environ_name]
    return str(path) if path.exists() else "made at the first start"


def mask(url: str) -> str:
    """The URL without its password."""
    parts = urlsplit(url)
    if not parts.password:
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:***@{host}"))


def _check_origin(origin: str) -> None:
    """As a browser spells it: what is spelled in another way would match nothing, and nobody would know why."""
    match = re.fullmatch(r"(https?)://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?", origin)
    if not match or match[2] == {"http": ":80", "https": ":443"}[match[1]]:
        raise BadSettings(
            f"VOCAQUEUE_CORS_ORIGINS: {origin!r} is no origin. Write each in full, as https://admin.example.com or "
            "http://localhost:3000: in small letters, without a path, a star or the usual port"
        )


def _with_dotenv(environ: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    from_file = {name: value for name, value in dotenv_values(".env").items() if value is not None}
    env = from_file | dict(environ)
    return env, {name: "environment" if name in environ else ".env" for name in NAMES if name in env}


def _redis_url(env: Mapping[str, str], origin: dict[str, str]) -> tuple[str, bool]:
    if url := env.get("REDIS_URL"):
        return url, False
    if host := env.get("REDIS_HOST"):
        password = f":{quote(env['REDIS_PASSWORD'], safe='')}@" if env.get("REDIS_PASSWORD") else ""
        port, db = _number(env, "REDIS_PORT", 6379), _number(env, "REDIS_DB", 0)
        origin["REDIS_URL"] = "REDIS_HOST"
        return f"redis://{password}{host}:{port}/{db}", False
    origin["REDIS_URL"] = "embedded"
    return f"redis+socket://{embedded_socket()}", True


def _number(env: Mapping[str, str], name: str, default: int) -> int:
    given = env.get(name)
    if given is None or given == "":
        return default
    try:
        return int(given)
    except ValueError:
        raise BadSettings(f"{name}={given!r} must be a whole number") from None


def _switch(env: Mapping[str, str], name: str, *, default: bool) -> bool:
    given = (env.get(name) or "").lower()
    if given in {"", "on", "off", "1", "0", "true", "false", "yes", "no"}:
        return default if given == "" else given in {"on", "1", "true", "yes"}
    raise BadSettings(f"{name}={given!r} must be on or off")
