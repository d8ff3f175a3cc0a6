"""Each act on a job in each state: done, or a refusal that names the state and what is possible."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from tests.toys import Toy
from vocaqueue import QueueManager
from vocaqueue.errors import POSSIBLE

ACTS: dict[str, tuple[str, str, Any]] = {
    "cancel": ("POST", "/cancel", None),
    "pause": ("POST", "/pause", None),
    "resume": ("POST", "/resume", None),
    "promote": ("POST", "/promote", None),
    "retry": ("POST", "/retry", None),
    "priority": ("PATCH", "", {"priority": "high"}),
    "delete": ("DELETE", "", None),
}
#: What may be done beside what is advised: pausing twice is no error, nor is resuming what is not held.
HARMLESS = {
    ("paused", "pause"),
    *((status, "resume") for status in ("waiting", "active", "delayed")),
}


def claim(queue: QueueManager, job_id: str) -> None:
    ticket = int(queue.ledger.client.hget(queue.ledger.keys("job", job_id), "line"))
    queue.ledger.step(
        "lease_claim", job=job_id, ticket=ticket, token=f"t-{job_id}", holder="h", hard_ms=60_000, finishes=False,
        first=10, chunk_ms=2000, chunk_max=10,
    )  # fmt: skip


def job_in(queue: QueueManager, status: str) -> str:
    job_id = queue.add(Toy(ids=["a", "b"]), delay_s=600 if status == "delayed" else None).record.id
    if status in {"active", "completed", "failed"}:
        claim(queue, job_id)
    if status in {"completed", "failed"}:
        failed = [[item, "w", "w", "bad", "a sentence", False, None] for item in range(2)]
        given = {"done": [[0, 2]]} if status == "completed" else {"failed": failed}
        queue.ledger.step("lease_commit", token=f"t-{job_id}", seq=1, jitter=0, close=True, **given)
    if status == "cancelled":
        queue.cancel(job_id)
    if status == "paused":
        queue.pause(job_id)
    assert queue.get(job_id).record.status.value == status
    return job_id


@pytest.mark.parametrize(("status", "act"), list(product(POSSIBLE, ACTS)))
def test_an_act_is_done_or_refused_with_the_state_and_what_is_possible(client, queue, status, act):
    """
    What the refusals advise is possible, and everything else is 409, names the state, and changes nothing.
    """
    job_id = job_in(queue, status)
    method, path, body = ACTS[act]
    before = queue.get(job_id).record
    answer = client.call(method, f"/jobs/{job_id}{path}", **({"json": body} if body else {}))
    if act in POSSIBLE[status] or (status, act) in HARMLESS:
        assert answer.status_code == 200, answer.json
        return
    assert answer.status_code == 409
    error = answer.json["error"]
    assert error["code"] == "wrong_status"
    assert f"is {status}" in error["message"]
    assert all(possible in error["message"] for possible in POSSIBLE[status])
    assert queue.get(job_id).record == before


@pytest.mark.parametrize("act", ACTS)
def test_an_act_on_a_missing_job_is_404(client, act):
    """
    It says so, and makes nothing.
    """
    method, path, body = ACTS[act]
    answer = client.call(method, f"/jobs/toy-nosuch{path}", **({"json": body} if body else {}))
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "job_not_found")
