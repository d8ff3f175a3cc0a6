"""What the commands ask of a queue, asked of another machine's system: reading, submitting, steering, removing."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from pydantic.alias_generators import to_camel

from ..engine.submission import Options, Receipt
from ..errors import NotSupported
from ..estimate import Basis, Forecast
from ..job import ItemError, JobRecord, JobStatus, Priority, Progress
from ..pages import Page
from ..store.item_states import ItemState, ItemStatus
from ..store.logs import LogLine, LogPage
from .remote import Remote

LOOK_EVERY_S = 1.0  #: of `watch`


class RemoteQueue:
    """Stands in for a QueueManager; what it does not have is refused with a sentence."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        #: For `watch`: nothing is heard, so everything is looked at anew each second.
        self.event_log = SimpleNamespace(position=lambda: "0-0", server_run=lambda: "", read=self._pause)

    def __getattr__(self, name: str) -> Any:
        raise NotSupported("This command works on this machine's system only: unset VOCAQUEUE_URL.")

    # Reading

    def jobs(
        self, *, types: Sequence[str] = (), statuses: Sequence[str] = (), item_id: str | None = None, **wanted: Any
    ) -> Page[JobRecord]:
        """As `QueueManager.jobs`, whose other arguments have the same names over HTTP."""
        wanted = {"type": types, "status": statuses, "word": item_id, "priority": wanted.pop("priorities", ())} | wanted
        query = {to_camel(name): _argument(value) for name, value in wanted.items() if value not in (None, (), [])}
        _, found = self._remote.call("GET", "jobs", query=query)
        return Page([record(job) for job in found["items"]], found["page"], found["limit"], found["total"])

    def get(self, job_id: str) -> RemoteJob:
        return self._job("GET", job_id)

    def stats(self) -> dict[str, Any]:
        return dict(self._remote.call("GET", "stats")[1])

    def workers(self) -> dict[str, dict[str, Any]]:
        """As `QueueManager.workers`; when one was seen is by this machine's clock."""
        _, found = self._remote.call("GET", "workers")
        return {
            worker["name"]: {
                "pid": worker["pid"],
                "active": worker["active"],
                "done": worker["processed"],
                "seen": time.time() - worker["secondsSinceHeartbeat"],
            }
            for worker in found["items"]
        }

    def logs(self, job_id: str, *, after: int = 0, limit: int = 100) -> LogPage:
        _, found = self._remote.call("GET", "jobs", job_id, "logs", query={"after": after, "limit": limit})
        lines = [
            LogLine(
                number=line["number"], at_ms=ms(line["timestamp"]) or 0, level=line["level"], message=line["message"],
                item_id=line["itemId"], logger=line["logger"],
            )
            for line in found["items"]
        ]  # fmt: skip
        return LogPage(lines, found["next"], found["total"], found["written"])

    # Submitting; what fits is for the other system to say, which knows its types

    def parse(self, type_name: str, fields: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        return type_name, dict(fields)

    def submission(self, params: tuple[str, dict[str, Any]], options: Options) -> RemoteSubmission:
        return RemoteSubmission(self, self._remote, *params, options)

    # Steering

    def cancel(self, job_id: str) -> RemoteJob:
        return self._job("POST", job_id, "cancel", body={})

    def pause(self, job_id: str) -> RemoteJob:
        return self._job("POST", job_id, "pause", body={})

    def resume(self, job_id: str) -> RemoteJob:
        return self._job("POST", job_id, "resume", body={})

    def promote(self, job_id: str) -> RemoteJob:
        return self._job("POST", job_id, "promote", body={})

    def set_priority(self, job_id: str, level: str) -> RemoteJob:
        return self._job("PATCH", job_id, body={"priority": level})

    def retry(
        self, job_id: str, *, codes: Sequence[str] | None = None, item_ids: Sequence[str] | None = None
    ) -> RemoteJob:
        body = {"codes": codes, "itemIds": item_ids}
        given = {name: list(value) for name, value in body.items() if value}
        return self._job("POST", job_id, "retry", body=given)

    def pause_all(self, type_name: str | None = None) -> bool:
        return bool(self._act("pause", type_name))

    def resume_all(self, type_name: str | None = None) -> bool:
        return bool(self._act("resume", type_name))

    # Removing; who did it is known there by the key

    def remove(self, job_id: str, *, by: str, skip_bin: bool = False) -> Any:
        query = {"skipBin": "true"} if skip_bin else None
        _, found = self._remote.call("DELETE", "jobs", job_id, query=query)
        until = ms(found["restorableUntil"])
        return None if until is None else SimpleNamespace(expires_at_ms=until)

    def clean(
        self, *, grace_s: float, status: str, type_name: str | None, limit: int | None, by: str, skip_bin: bool
    ) -> int:
        options = {"grace": grace_s * 1000, "status": status, "limit": limit, "skipBin": skip_bin or None}
        return self._act("clean", type_name, options)

    def empty(self, *, type_name: str | None, delayed: bool, limit: int | None, by: str, skip_bin: bool) -> int:
        return self._act("empty", type_name, {"delayed": delayed, "limit": limit, "skipBin": skip_bin or None})

    def restore(self, job_id: str) -> RemoteJob:
        return RemoteJob(self, record(self._remote.call("POST", "bin", job_id, "restore", body={})[1]))

    def failures(self, job_id: str) -> Iterator[ItemState]:
        _, found = self._remote.call("GET", "jobs", job_id, "errors", query={"format": "json"}, timeout_s=600)
        for item in found["items"]:
            yield ItemState(
                position=item["position"], item_id=item["itemId"], status=ItemStatus.FAILED,
                item_name=item["itemName"], attempts=item["attempts"], code=item["code"], message=item["message"],
                at_ms=ms(item["timestamp"]),
            )  # fmt: skip

    def _job(self, method: str, job_id: str, *more: str, body: Any = None) -> RemoteJob:
        return RemoteJob(self, record(self._remote.call(method, "jobs", job_id, *more, body=body)[1]))

    def _act(self, action: str, type_name: str | None, options: dict[str, Any] | None = None) -> int:
        body: dict[str, Any] = {"action": action}
        if type_name:
            body["type"] = type_name
        if given := {name: value for name, value in (options or {}).items() if value is not None}:
            body["options"] = given
        return int(self._remote.call("POST", "action", body=body)[1]["affected"])

    @staticmethod
    def _pause(_position: str, _run: str, *, block_ms: int) -> list[Any]:
        time.sleep(min(block_ms / 1000, LOOK_EVERY_S))
        return []


class RemoteJob:
    def __init__(self, queue: RemoteQueue, found: JobRecord) -> None:
        self.queue, self.record = queue, found

    def errors(self) -> Iterator[ItemState]:
        return self.queue.failures(self.record.id)


class RemoteSubmission:
    def __init__(
        self, queue: RemoteQueue, remote: Remote, type_name: str, fields: dict[str, Any], options: Options
    ) -> None:
        self.queue, self._remote, self._type, self.options = queue, remote, type_name, options
        asked = {
            "priority": options.priority,
            "name": options.name,
            "labels": list(options.labels) or None,
            "delay": options.delay_s,
            "runAt": options.run_at.isoformat() if options.run_at else None,
            "deadlineSeconds": options.deadline_s,
            "unique": options.unique,
        }
        self._body = {name: value for name, value in asked.items() if value is not None} | fields

    def make(self) -> Receipt:
        status, made = self._send()
        if made["status"] is None:
            return Receipt(made["jobId"], made["type"], None, False)
        return Receipt(made["jobId"], made["type"], self.queue.get(made["jobId"]).record, status == 201)

    def forecast(self) -> Forecast:
        found = self._send({"dryRun": "true"})[1]
        estimate = found["estimate"]
        return Forecast(
            type=found["type"],
            items=estimate["items"],
            seconds=estimate["seconds"],
            cost_usd=estimate["costUsd"],
            basis={name: Basis(basis) for name, basis in estimate["basis"].items()},
            total=found.get("totalItems", found.get("totalWords")),
            items_ahead=found["itemsAhead"],
            slots=found["slots"],
            warnings=tuple(found["warnings"]),
            job_id=found["jobId"],
        )

    def _send(self, query: dict[str, Any] | None = None) -> tuple[int, Any]:
        key = self.options.idempotency_key
        headers = {"Idempotency-Key": key} if key else None
        return self._remote.call("POST", "jobs", self._type, query=query, body=self._body, headers=headers)


def ms(moment: str | None) -> int | None:
    """ISO 8601 as milliseconds since the epoch."""
    return None if moment is None else round(datetime.fromisoformat(moment).timestamp() * 1000)


def record(job: Mapping[str, Any]) -> JobRecord:
    """A job of the contract as the record that the commands show."""
    progress = job["progress"]
    cost = job["costUsd"]
    return JobRecord(
        id=job["id"],
        type=job["type"],
        name=job["name"],
        labels=tuple(job["labels"]),
        status=JobStatus(job["status"]),
        priority=Priority.parse(job["priority"]),
        params=job["params"],
        created_by=job["createdBy"],
        created_at_ms=ms(job["createdAt"]) or 0,
        started_at_ms=ms(job["startedAt"]),
        finished_at_ms=ms(job["finishedAt"]),
        run_at_ms=ms(job["runAt"]),
        run=job["attemptsMade"],
        progress=Progress(
            total=progress["total"],
            completed=progress["completed"],
            failed=progress["failed"],
            skipped=progress["skipped"],
            current_item=progress["currentItem"],
            items_per_second=progress["itemsPerSecond"],
            eta_seconds=progress["etaSeconds"],
            errors=tuple(
                ItemError(e["itemId"], e["itemName"], e["code"], e["message"], ms(e["timestamp"]) or 0, e["attempts"])
                for e in progress.get("errors", ())
            ),
        ),
        in_hand=job["inHand"],
        cancel_requested=job["cancelRequested"],
        wait_reason=job["waitReason"],
        result=job["result"],
        error=job["error"],
        cost_nano=None if cost is None else round(cost * 1e9),
        warnings=tuple(job["warnings"]),
        runs=tuple(job["runs"]),
        deadline_at_ms=ms(job["deadlineAt"]),
        schedule_id=job["scheduleId"],
        due_at_ms=ms(job["dueAt"]),
    )


def _argument(value: Any) -> Any:
    match value:
        case bool():
            return str(value).lower()
        case datetime():
            return value.isoformat()
        case list() | tuple():
            return ",".join(map(str, value))
    return value
