"""`/healthz`: this process. `/readyz`: all that a job needs."""

from __future__ import annotations

from typing import Any, Literal

from flask import Blueprint, Response
from pydantic import Field
from sqlalchemy import text

from vocaqueue import QueueManager
from vocaqueue.admin.answers import Answer
from vocaqueue.admin.guard import GuardedBlueprint
from vocaqueue.admin.payloads import RETRY_AFTER_S, ok
from vocaqueue.engine.health import Checks, parts_of
from workers.words import database

from .offload import off_loop


class Health(Answer):
    status: Literal["ok"]


class WorkerOfType(Answer):
    worker: str
    slots: int
    age_seconds: float = Field(description="Since it last said that it is there.")


class ProcessShown(Answer):
    name: str = Field(description="HOST:PID")
    age_seconds: float = Field(description="Since it last said that it is there.")


class CheckShown(Answer):
    ok: bool
    message: str = Field("", description="Where it is not: why; also what may soon be wrong.")
    types: dict[str, list[WorkerOfType]] = Field({}, description="Of workers, by job type.")
    processes: list[ProcessShown] = Field([], description="Of the relay, the reconciler and beat.")


PartName = Literal["jobStore", "broker", "database", "archive", "workers", "relay", "reconciler", "beat", "audit"]


class Readiness(Answer):
    """All that a job needs."""

    ready: bool
    checks: dict[PartName, CheckShown]


def create_blueprint(queue: QueueManager) -> Blueprint:
    blueprint = GuardedBlueprint("health", __name__, authorize=lambda _request: None)
    checks = Checks(parts_of(queue) | {"database": lambda: off_loop(_ask_words)})

    @blueprint.get("/healthz", answer=Health, role="open")
    def healthz() -> Response:
        """Whether this process answers."""
        return ok({"status": "ok"})

    @blueprint.get("/readyz", answer={200: Readiness, 503: Readiness}, role="open")
    def readyz() -> Response:
        """Whether all that a job needs is there; 503 says what is missing."""
        found = {name: check.as_dict() for name, check in sorted(checks.look().items())}
        ready = all(check["ok"] for check in found.values())
        headers = {} if ready else {"Retry-After": str(RETRY_AFTER_S)}
        return ok({"ready": ready, "checks": found}, 200 if ready else 503, headers)

    return blueprint


def _ask_words() -> dict[str, Any]:
    with database.reading() as connection:
        connection.execute(text("SELECT 1 FROM words LIMIT 1"))
    return {}
