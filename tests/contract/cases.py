"""
One call for each documented answer that does not follow from the route's own statement.

`CASES[operationId][status]` makes the call. The statuses that are the same everywhere (400, 401, 403, 404, 413, 415,
422, 503, and 304 after a 200) are called by the test itself; a case here takes the place of such a call.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from werkzeug.test import TestResponse

from vocaqueue.engine.audit import AuditPass

from .conftest import World

Case = Callable[[World], TestResponse]
NOBODY = "toy-0000000000"


def get(path: str) -> Case:
    return lambda world: world.get(path)


def post(path: str, body: Any) -> Case:
    return lambda world: world.post(path, body)


def of_job(method: str, rest: str, status: str, body: Any = None) -> Case:
    """A call on a job in this status."""

    def call(world: World) -> TestResponse:
        options = {} if body is None else {"json": body}
        return world.call(method, f"/jobs/{world.job(status)}{rest}", **options)

    return call


def of_schedule(method: str, rest: str = "", body: Any = None) -> Case:
    def call(world: World) -> TestResponse:
        options = {} if body is None else {"json": body}
        return world.call(method, f"/schedules/{world.schedule()}{rest}", **options)

    return call


def again(path: str, body: Any) -> Case:
    """The same request under the same key as before."""

    def call(world: World) -> TestResponse:
        headers = {"Idempotency-Key": f"again {path}"}
        world.post(path, body, headers=headers)
        return world.post(path, body, headers=headers)

    return call


def other(path: str, body: Any) -> Case:
    """Another request under the key of one before."""

    def call(world: World) -> TestResponse:
        headers = {"Idempotency-Key": f"other {path}"}
        world.post(path, body, headers=headers)
        return world.post(path, body | {"priority": "low"}, headers=headers)

    return call


def submission(path: str, body: Any) -> dict[int, Case]:
    return {
        201: post(path, body),
        200: again(path, body),
        409: other(path, body),
        501: post(path, body | {"budgetUsd": 1}),
    }


def dry_run(path: str, body: Any) -> dict[int, Case]:
    """The other form of 200."""
    return submission(path, body) | {200: post(f"{path}?dryRun=true", body)}


def import_file(world: World, priority: str = "normal", **more: Any) -> TestResponse:
    data = {
        "file": (io.BytesIO(b"word,meaning,pos,level\ncat,x,noun,A1\n"), "words.csv"),
        "labels": ["a", "b"],
        "priority": priority,
    }
    return world.call("POST", "/jobs/batch-import", data=data, content_type="multipart/form-data", **more)


def import_again(world: World) -> TestResponse:
    import_file(world, headers={"Idempotency-Key": "import"})
    return import_file(world, headers={"Idempotency-Key": "import"})


def import_other(world: World) -> TestResponse:
    import_file(world, headers={"Idempotency-Key": "import"})
    return import_file(world, headers={"Idempotency-Key": "import"}, priority="low")


def restored(world: World) -> TestResponse:
    job_id = world.job("cancelled")
    world.call("DELETE", f"/jobs/{job_id}")
    return world.post(f"/bin/{job_id}/restore")


def binned(world: World) -> TestResponse:
    world.call("DELETE", f"/jobs/{world.job('cancelled')}")
    return world.get("/bin")


def file_of_a_job(world: World) -> TestResponse:
    job_id = world.job("completed")
    with world.queue.files.write(f"jobs/{job_id}/words.csv") as file:
        file.write(b"word\n")
    return world.get(f"/jobs/{job_id}/files/words.csv")


def audited(world: World) -> TestResponse:
    """With an entry in the list."""
    world.queue.pause_all("paid")
    AuditPass(world.queue.ledger, world.queue.audit.log)()
    return world.get("/audit")


def ended_stream(world: World) -> TestResponse:
    """The client has seen the job's end."""
    job_id = world.job("cancelled")
    stream = world.get(f"/events/job/{job_id}", buffered=True)
    last = [line[3:].strip() for line in stream.text.splitlines() if line.startswith("id:")][-1]
    return world.get(f"/events/job/{job_id}", headers={"Last-Event-ID": last})


def twice_run(world: World) -> TestResponse:
    schedule_id = world.schedule("parallel")  # a unique type
    world.post(f"/schedules/{schedule_id}/run")
    return world.post(f"/schedules/{schedule_id}/run")


def picture(world: World) -> TestResponse:
    from workers.words import images

    word_id = world.word
    with world.queue.files.write("images/x.webp") as file:
        file.write(b"RIFF")
    made = images.NewImage("cartoon", "512x512", "images/x.webp", "minimal", "offline")
    images.put(word_id, made, fence=1, job_id="image-generation-1")
    return world.get(f"/api/words/{word_id}/image")


TOY, WORDS = {"ids": ["a", "b"]}, {"wordIds": ["a", "b"]}
#: Bodies that make sense, of operations that need one: for 404.
BODIES: dict[str, Any] = {
    "changeAccount": {"rate": {"max": 5}, "held": False},
    "changeType": {"rate": {"max": 5}, "held": True},
    "change": {"priority": "high"},
    "changeSchedule": {"enabled": False},
}
CASES: dict[str, dict[int, Case]] = {
    "accounts": {200: get("/accounts")},
    "changeAccount": {200: lambda w: w.call("PATCH", "/accounts/maker", json=BODIES["changeAccount"])},
    "action": {
        200: post("/action", {"action": "pause", "type": "paid"}),
        404: post("/action", {"action": "pause", "type": "no-such"}),
    },
    "audit": {200: audited},
    "verifyAudit": {200: get("/audit/verify")},
    "bin": {200: binned},
    "restore": {200: restored},
    "deadLetters": {200: get("/dead-letters")},
    "docs": {200: get("/docs")},
    "docsFile": {200: get("/docs/docs.js")},
    "openapi": {200: get("/openapi.json")},
    "stream": {200: lambda w: w.get("/events")},
    "jobStream": {
        200: lambda w: w.get(f"/events/job/{w.job('cancelled')}"),
        204: ended_stream,
    },
    "jobs": {200: lambda w: (w.job(), w.job("failed"), w.get("/jobs"))[-1]},
    "bulk": {
        200: lambda w: w.post("/jobs/bulk", {"action": "cancel", "ids": [w.job(), w.job("failed"), NOBODY]}),
        404: post("/jobs/bulk", {"action": "cancel", "previewId": "no-such"}),
    },
    "submitToy": submission("/jobs/toy", TOY),
    "submitPaid": dry_run("/jobs/paid", TOY),
    "submitImageGeneration": submission("/jobs/image-generation", WORDS | {"style": "anime"}),
    "submitContentGeneration": dry_run("/jobs/content-generation", WORDS),
    "submitExport": dry_run("/jobs/export", {"format": "csv"}),
    "submitParallel": submission("/jobs/parallel", TOY | {"unique": False}),
    "submitCleanup": submission("/jobs/cleanup", {"what": ["jobs"]}),
    "submitBatchImport": {
        201: import_file, 200: import_again, 409: import_other,
        501: post("/jobs/batch-import", {"uploadId": "a", "budgetUsd": 1}),
    },
    "job": {200: lambda w: w.get(f"/jobs/{w.job('failed')}")},
    "delete": {200: of_job("DELETE", "", "completed"), 409: of_job("DELETE", "", "active")},
    "change": {
        200: of_job("PATCH", "", "waiting", {"priority": 1}),
        409: of_job("PATCH", "", "completed", {"priority": "low"}),
    },
    "cancel": {200: of_job("POST", "/cancel", "active"), 409: of_job("POST", "/cancel", "completed")},
    "pause": {200: of_job("POST", "/pause", "waiting"), 409: of_job("POST", "/pause", "completed")},
    "resume": {200: of_job("POST", "/resume", "paused"), 409: of_job("POST", "/resume", "failed")},
    "promote": {200: of_job("POST", "/promote", "delayed"), 409: of_job("POST", "/promote", "waiting")},
    "retry": {200: of_job("POST", "/retry", "failed"), 409: of_job("POST", "/retry", "active")},
    "errors": {200: of_job("GET", "/errors", "failed")},
    "jobFile": {200: file_of_a_job},
    "items": {200: of_job("GET", "/items", "failed")},
    "logs": {200: of_job("GET", "/logs", "failed")},
    "timeline": {200: of_job("GET", "/timeline", "failed")},
    "wait": {200: of_job("GET", "/wait?timeout=0", "waiting")},
    "me": {200: get("/me")},
    "schedules": {200: lambda w: (w.schedule(), w.get("/schedules"))[-1]},
    "addSchedule": {201: post("/schedules", {"type": "toy", "params": TOY, "cron": "0 9 * * 1-5"})},
    "schedule": {200: of_schedule("GET")},
    "changeSchedule": {200: of_schedule("PATCH", body={"enabled": False})},
    "removeSchedule": {200: of_schedule("DELETE")},
    "runSchedule": {201: of_schedule("POST", "/run"), 409: twice_run},
    "history": {200: lambda w: (w.job("failed"), w.get("/history?range=24h"))[-1]},
    "stats": {200: lambda w: (w.job(), w.get("/stats"))[-1]},
    "types": {200: get("/types")},
    "changeType": {200: lambda w: w.call("PATCH", "/types/paid", json=BODIES["changeType"])},
    "workers": {200: get("/workers")},
    "dashboard": {200: get("/ui/")},
    "dashboardFile": {200: get("/ui/app.js")},
    "listKeys": {200: lambda w: (w.key(), w.get("/keys"))[-1]},
    "makeKey": {201: post("/keys", {"name": "a program", "role": "viewer"})},
    "revokeKey": {200: lambda w: w.call("DELETE", f"/keys/{w.key()}")},
    "uploads": {501: post("/uploads", {})},
    "previewUpload": {501: get("/uploads/x/preview")},
    "undo": {501: of_job("POST", "/undo", "completed")},
    "spend": {501: get("/spend")},
    "words.search": {200: get("/api/words?q=ca")},
    "words.word": {200: lambda w: w.get(f"/api/words/{w.word}")},
    "words.image": {200: picture},
}  # fmt: skip
