"""Which steps of the ledger are acts of people, and what the audit log is told of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..actor import current

#: With so many entries that the archive has not stored, nothing more is made; what stops, frees or removes goes on.
MOST_WAITING = 100_000
MANY_WAITING = 10_000  #: from here on `doctor` and `/readyz` say so, and refused requests are not noted any more
TEXT_CHARACTERS = 200  #: of an actor's id, name and address

Named = Callable[[Mapping[str, Any]], str]


def _gate(arguments: Mapping[str, Any]) -> str:
    kind = str(arguments["gate"]).partition(":")[0]
    return f"{'queue' if kind == 'all' else kind}.{'pause' if arguments['shut'] else 'resume'}"


#: Step -> the act's name, or what names it by the step's arguments.
ACTS: dict[str, str | Named] = {
    "job_create": "job.submit",
    "job_cancel": "job.cancel",
    "job_hold": lambda arguments: "job.pause" if arguments["held"] else "job.resume",
    "job_priority": "job.priority",
    "job_promote": "job.promote",
    "job_retry": "job.retry",
    "job_remove": "job.delete",
    "jobs_remove": lambda arguments: f"job.{arguments['action']}",
    "job_restore": "job.restore",
    "gate_set": _gate,
    "limits_set": "limits.change",
    "line_purge": "queue.purge",
    "schedule_put": lambda arguments: "schedule.make" if arguments.get("version") is None else "schedule.change",
    "schedule_remove": "schedule.delete",
    "audit_add": lambda arguments: str(arguments["does"]),
}

#: Those that make something, and so are refused when the log is full.
MAKING = frozenset({"job_create", "job_retry", "job_restore", "schedule_put"})


def audit_of(step: str, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
    """The `audit` argument of a step; None: it is no act, or the machine does it by itself."""
    name = ACTS.get(step)
    if name is None or (actor := current()).via == "system":
        return None
    told: dict[str, Any] = {
        "does": name if isinstance(name, str) else name(arguments),
        "id": actor.id[:TEXT_CHARACTERS],
        "name": actor.name[:TEXT_CHARACTERS],
        "via": actor.via,
    }
    if actor.role is not None:
        told["role"] = actor.role
    if actor.address is not None:
        told["address"] = actor.address[:TEXT_CHARACTERS]
    if step in MAKING:
        told["most"] = MOST_WAITING
    return told
