"""`/healthz`: this process. `/readyz`: all that a job needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from flask import Blueprint, Response
from pydantic import Field
from sqlalchemy import text

from vocaqueue import QueueManager, VocaqueueError
from vocaqueue.admin.answers import Answer
from vocaqueue.admin.guard import GuardedBlueprint
from vocaqueue.admin.payloads import RETRY_AFTER_S, ok
from workers.words import database

from .offload import off_loop

WORKER_SILENT_S = 20.0  #: a worker says every few seconds that it is there


class Health(Answer):
    status: Literal["ok"]


class WorkerOfType(Answer):
    worker: str
    slots: int
    age_seconds: float = Field(description="Since it last said that it is there.")


class Check(Answer):
    ok: bool
    message: str = Field("", description="Where it is not: why.")
    types: dict[str, list[WorkerOfType]] = Field({}, description="Of workers, by job type.")


class Readiness(Answer):
    """All that a job needs."""

    ready: bool
    checks: dict[Literal["jobStore", "database", "workers", "audit"], Check]


def create_blueprint(queue: QueueManager) -> Blueprint:
    blueprint = GuardedBlueprint("health", __name__, authorize=lambda _request: None)

    @blueprint.get("/healthz", answer=Health, role="open")
    def healthz() -> Response:
        """Whether this process answers."""
        return ok({"status": "ok"})

    @blueprint.get("/readyz", answer={200: Readiness, 503: Readiness}, role="open")
    def readyz() -> Response:
        """Whether all that a job needs is there; 503 says what is missing."""
        checks = {
            "jobStore": _check(lambda: _ask_store(queue)),
            "database": _check(lambda: off_loop(_ask_database)),
            "workers": _check(lambda: _workers(queue)),
            "audit": _check(lambda: _audit(queue)),
        }
        ready = all(check["ok"] for check in checks.values())
        headers = {} if ready else {"Retry-After": str(RETRY_AFTER_S)}
        return ok({"ready": ready, "checks": checks}, 200 if ready else 503, headers)

    return blueprint


def _check(look: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return {"ok": True} | look()
    except VocaqueueError as error:
        return {"ok": False, "message": error.message}
    except Exception as error:  # whatever it is, it is not ready; the address and the trace stay in the log
        return {"ok": False, "message": f"does not answer ({type(error).__name__})"}


def _ask_store(queue: QueueManager) -> dict[str, Any]:
    queue.slots()
    return {}


def _ask_database() -> dict[str, Any]:
    with database.reading() as connection:
        connection.execute(text("SELECT 1 FROM words LIMIT 1"))
    return {}


def _audit(queue: QueueManager) -> dict[str, Any]:
    trouble = queue.audit.trouble()
    return {} if trouble is None else {"ok": not queue.audit.is_full(), "message": trouble}


def _workers(queue: QueueManager) -> dict[str, Any]:
    slots = queue.slots()
    types = {
        name: [
            {"worker": worker, "slots": count, "ageSeconds": age_s}
            for worker, (count, age_s) in sorted(of_type.items())
            if age_s < WORKER_SILENT_S
        ]
        for name, of_type in slots.items()
    }
    missing = [name for name, workers in types.items() if not workers]
    if missing:
        return {"ok": False, "message": f"No worker runs for {', '.join(missing)}.", "types": types}
    return {"types": types}
