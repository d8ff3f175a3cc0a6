"""The real job is one that the model allows; where it had a choice the model follows it."""

from __future__ import annotations

import json

from .model import SETTLED, Job
from .real import RealJob


def follow_the_model(job: RealJob, model: Job) -> None:
    """5, 6, 17, 18, 19 and more: the real job is one that the model allows; where it had a choice the model follows."""
    assert job.number("run") == model.run, f"3: run {job.number('run')}, not {model.run}"
    assert job.number("priority") == model.priority, "15: priority"
    assert job.is_held is model.held, f"19: held {job.is_held}, the model says {model.held}"
    phase = "ended" if job.has_ended else job.phase
    if model.phase == "finish or ended":
        assert phase in {"finish", "ended"}, f"19: stopped, no lease, and {phase}"
        model.phase = phase
        if phase == "ended":
            model.status = set(model.stops)
    assert phase == model.phase, f"{job.id} is in {phase}, the model in {model.phase}"
    assert job.status in model.status, f"12: {job.id} is {job.status}, the model says {model.status}"
    if model.has_ended:
        model.status = {job.status}
        assert (job.fields.get("result") or None) == model.result, "12: another result than the adopted one"
    assert job.number("cost_nano") == model.cost_nano, f"5: cost {job.number('cost_nano')} != {model.cost_nano}"
    assert set(job.leases) == set(model.leases), f"live leases {set(job.leases)}, the model has {set(model.leases)}"
    for token, lease in model.leases.items():
        real_lease = job.leases[token]
        assert int(real_lease.fields["end"]) == lease.end, f"16: end of {token}"
        if lease.kind == "run":
            assert set(job.open_of(real_lease)) == job_open(model, token), f"1: items of {token}"
    unclaimed = set(job.unclaimed()) if not job.has_ended else set()
    errors = {line[0]: line for line in reversed(job.errors)}
    for i, item in model.items.items():
        if i in job.settled:
            state = "skipped" if i in job.skipped else "failed" if i in job.failed else "done"
        elif job.has_ended:
            continue
        elif i in job.retry:
            state = "retry"
        else:
            state = "open" if i in unclaimed else "lease"
        assert state in item.may, f"6: item {i} of {job.id} is {state}, the model says {item.may}"
        if state == "retry" and item.may == {"retry"}:
            earliest, latest = item.due
            assert earliest <= job.retry[i] <= latest, f"17: retry of {i} at {job.retry[i]}, not {item.due}"
        if state == "failed":
            assert errors[i][3] in item.codes, f"18: {i} failed with {errors[i][3]}, not {item.codes}"
            item.codes = {errors[i][3]}
        if state == "failed" and item.may != {"failed"}:
            item.settle("failed")
            item.tries = job.tries.get(i, item.tries)
        item.may = {state}
        # A settled item needs no count any more.
        if state not in SETTLED:
            assert job.tries.get(i, 0) == item.tries, f"17: tries of {i}: {job.tries.get(i, 0)}, not {item.tries}"
            assert item.tries < job.number("attempts"), "17: more tries than attempts"
    assert json.loads(json.dumps(job.fields))  # every field is text


def job_open(job: Job, token: str) -> set[int]:
    return job.open_of(job.leases[token])
