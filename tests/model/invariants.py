"""
The invariants of the ledger, read from the real keys after every step; each is named by its number there.

`check` runs all of them; `History` remembers what the ones about growth need.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from vocaqueue.job import JobStatus
from vocaqueue.store.jobs import Jobs
from vocaqueue.store.ledger import Ledger

from .following import follow_the_model
from .model import Model
from .real import Real, RealJob

STATUSES = ("waiting", "active", "delayed", "paused", "completed", "failed", "cancelled")
ENDED = {"completed", "failed", "cancelled"}
ENDS = {"job-completed", "job-failed", "job-cancelled"}
#: Statuses in which a job can be when the event is written.
SAYS = {
    "job-completed": {"completed"},
    "job-failed": {"failed"},
    "job-cancelled": {"cancelled"},
    "job-paused": {"paused"},
    "job-resumed": {"waiting", "active"},
    "job-active": {"active"},
    "job-delayed": {"delayed"},
    "job-retrying": {"waiting"},
    "job-created": {"waiting", "delayed"},
}
GROWING = ("last", "line", "min", "run")
KEPT = ("turn", "type", "created_at", "attempts", "backoff_ms")


@dataclass
class History:
    """The reading before, and what was ever seen."""

    before: Real | None = None
    issued: dict[str, set[int]] = field(default_factory=dict)  #: job -> ticket numbers


def check(real: Real, model: Model, history: History, *, places: int, woken_at: int | None, cut: bool) -> None:
    """
    Args:
        places: Jobs of a line that may have a ticket.
        woken_at: The clock, if this step was a pass over what time brings; due retries must have a ticket then.
        cut: This step put the ledger back in time.
    """
    assert set(real.jobs) == set(model.jobs)
    for job in real.jobs.values():
        inv_1_each_item_has_one_owner(job)
        inv_2_bits_are_the_counters(job)
        inv_8_somebody_owes_the_next_ticket(real, job, places, woken_at)
        inv_11_no_work_means_the_end(real, job)
        inv_14_leases_are_indexed(real, job)
        follow_the_model(job, model.jobs[job.id])
        if history.before is not None and not cut and job.id in history.before.jobs:
            inv_3_10_12_only_growing(history.before.jobs[job.id], job)
            inv_15_numbers_of_the_old_line_count_no_more(history.before.jobs[job.id], job)
        if not cut:
            inv_9_one_ticket_counts(job, history.issued.get(job.id, set()))
    if woken_at is not None:
        inv_8_nothing_is_left_that_is_due(real, woken_at)
    inv_13_indexes(real)
    assert {name.removeprefix("type:").removeprefix("all") for name in real.raw.get("gates", {})} == model.gates
    inv_20_nothing_is_left_of_the_removed(real, model.removed)
    inv_12_21_the_streams_tell_the_same(real)
    if history.before is not None and not cut:
        inv_24_what_was_settled_is_counted_once(history.before, real)
    history.before = real


def inv_24_what_was_settled_is_counted_once(before: Real, real: Real) -> None:
    """The counts for charts grow by just what the jobs' own counters grow by, and by the jobs that ended."""
    grown: Counter[str] = Counter()
    for job in real.jobs.values():
        was = before.jobs.get(job.id)
        kind = job.fields["type"]
        if was is None:  # new, with nothing to do it may have ended at once; or put back, which counts nothing
            grown[f"{kind}:{job.status}"] += job.has_ended and not job.fields.get("restored_by")
            continue
        for what in ("completed", "failed", "skipped"):
            if job.number("run") == was.number("run"):  # a retry takes failures back
                grown[f"{kind}:items-{what}"] += job.number(what) - was.number(what)
        if job.has_ended and not (was.has_ended and job.number("run") == was.number("run")):
            grown[f"{kind}:{job.status}"] += 1
    for key in ("minute:", "quarter:"):
        counted: Counter[str] = Counter()
        for reading, sign in ((real, 1), (before, -1)):
            for counts in reading.under(key).values():
                for name, count in counts.items():
                    counted[name.partition(":")[2]] += sign * int(count)
        made = {field: count for field, count in counted.items() if count and not field.endswith(":created")}
        assert made == {field: count for field, count in grown.items() if count}, key


def inv_1_each_item_has_one_owner(job: RealJob) -> None:
    """Settled, waiting for a retry, in one lease, or unclaimed: exactly one of them."""
    if job.has_ended or job.total is None:
        return
    owners: Counter[int] = Counter()
    owners.update(job.settled)
    owners.update(job.retry.keys())
    for lease in job.leases.values():
        owners.update(job.open_of(lease))
    owners.update(job.unclaimed())
    wrong = {i: owners[i] for i in range(job.total) if owners[i] != 1}
    assert not wrong, f"1: owners of items of {job.id}: {wrong}"
    assert set(owners) <= set(range(job.total)), f"1: items beyond the end: {set(owners)}"


def inv_2_bits_are_the_counters(job: RealJob) -> None:
    completed, failed, skipped = (job.number(name) for name in ("completed", "failed", "skipped"))
    assert job.failed <= job.settled, "2: failed but not settled"
    assert job.skipped <= job.settled, "2: skipped but not settled"
    assert not job.failed & job.skipped, "2: failed and skipped"
    assert len(job.settled) == completed + failed + skipped, f"2: {len(job.settled)} != {completed}+{failed}+{skipped}"
    assert len(job.failed) == failed, "2: failed"
    assert len(job.skipped) == skipped, "2: skipped"
    assert len(job.settled) <= (job.total or 0), "2: more than the total"
    assert {code: len(items) for code, items in job.by_code.items()} == job.codes, "2: failures by code"
    assert sorted(i for items in job.by_code.values() for i in items) == sorted(job.failed), "2: failed with one code"
    assert sorted(line[0] for line in job.errors) == sorted(job.failed), "2: each failed item has one error"


def inv_3_10_12_only_growing(before: RealJob, job: RealJob) -> None:
    for name in GROWING:
        assert job.number(name) >= before.number(name), f"10: {name} fell"
    assert [job.fields.get(name) for name in KEPT] == [before.fields.get(name) for name in KEPT], "a constant changed"
    assert job.number("last") <= job.number("line"), "10: last > line"
    assert before.number("cost_nano") <= job.number("cost_nano"), "5: money went"
    if job.number("run") != before.number("run"):
        assert job.number("run") == before.number("run") + 1, "12: two retries in one step"
        assert before.has_ended, "12: a retry of a job that had not ended"
        assert before.settled - before.failed <= job.settled, "3: a retry took what was done or skipped"
        assert job.skipped == before.skipped, "3: a retry changed what was skipped"
        assert job.failed <= before.failed, "3: a retry made failures"
        return
    assert before.settled <= job.settled, "3: settled bits went"
    assert before.failed <= job.failed, "3: failed bits went"
    if before.has_ended:
        assert job.status == before.status, "12: a final status changed"
        kept = ("completed", "failed", "skipped", "total", "result", "finished_at")
        assert [job.fields.get(name) for name in kept] == [before.fields.get(name) for name in kept], (
            "12: changed after the end"
        )


def inv_15_numbers_of_the_old_line_count_no_more(before: RealJob, job: RealJob) -> None:
    if before.number("priority") != job.number("priority"):
        bar = max(job.number("last"), job.number("min") - 1)
        assert before.number("line") <= bar, f"15: a ticket of the old line still counts: {job.fields}"


def inv_8_nothing_is_left_that_is_due(real: Real, now: int) -> None:
    """What a pass over time leaves behind lies ahead: else those that it cannot help would hide the others."""
    for name in ("job-due", "retry-due"):
        late = {job_id: at for job_id, at in real.zset(name).items() if at <= now}
        assert not late, f"8: left in {name} by a pass: {late}"


def inv_8_somebody_owes_the_next_ticket(real: Real, job: RealJob, places: int, woken_at: int | None) -> None:
    outbox, sent = job.id in real.zset("outbox"), job.id in real.zset(f"sent:{job.line_name}")
    line, backlog = real.zset(f"line:{job.line_name}"), real.zset(f"backlog:{job.line_name}")
    timed = {name: real.zset(name).get(job.id) for name in ("job-due", "retry-due")}
    expected = job.number("line") > job.number("last")
    assert not (outbox and sent), "8: a ticket in the outbox and sent"
    if job.has_ended:
        return
    parked = job.id in real.zset(f"parked:{job.line_name}")
    assert (outbox or sent or parked) == (job.id in line), f"8: place in line without a ticket: {outbox=} {sent=}"
    assert not (parked and (outbox or sent)), "8: parked with a ticket"
    if parked:
        inv_8_what_is_parked_will_be_woken(real, job)
    assert not (job.id in line and job.id in backlog), "8: in line and in the backlog"
    assert not (outbox or sent) or expected, "8: owed, but its number was used"
    # What is being stopped is in line for its finish beside all others.
    ending = [each for each in line if real.jobs[each].phase == "finish" and real.jobs[each].fields.get("stop")]
    assert len(line) - len(ending) <= places, "8: more jobs in line than places"
    if job.id in backlog:
        assert len(line) >= places or real.is_shut(job), "8: waits in the backlog before a free place"
        assert job.phase != "finish" or not job.fields.get("stop"), "8: its end is held up"
    for place in (line, backlog):
        assert place.get(job.id, job.number("turn")) == job.number("turn"), "8: lost its turn"
    for name, members in real.raw.items():
        if name.startswith(("sent:", "line:", "backlog:", "parked:")) and not name.endswith(f":{job.line_name}"):
            assert job.id not in members, f"8: {job.id} is in {name} and belongs to {job.line_name}"
    live = bool(job.leases)
    if job.is_held:
        has_place = outbox or sent or job.id in line or job.id in backlog
        assert not has_place, "8: held, and it has a place"
        return
    assert outbox or sent or parked or job.id in backlog or live or any(t is not None for t in timed.values()), (
        f"8: nobody will ever wake {job.id}: {job.fields}"
    )
    if job.fields.get("stop"):
        return
    work = bool(job.unclaimed()) and job.phase == "run"
    if woken_at is not None:
        work = work or (job.phase == "run" and any(due <= woken_at for due in job.retry.values()))
    if work and timed["job-due"] is None:
        assert outbox or sent or parked or job.id in backlog, f"8: work for {job.id}, and no ticket: {job.fields}"
    if job.phase in {"plan", "finish"} and not live and all(t is None for t in timed.values()):
        assert outbox or sent or job.id in backlog, f"8: {job.phase} of {job.id} without a ticket"
    if job.retry and not (outbox or sent or parked or job.id in backlog):
        due = min((at for at in timed.values() if at is not None), default=None)
        assert due is not None, "8: nobody looks for this retry"
        assert due <= min(job.retry.values()), "8: looks for its retry too late"


def inv_8_what_is_parked_will_be_woken(real: Real, job: RealJob) -> None:
    """By the end of a lease or the use of a ticket where the cap is used up, by the clock, by a gate that opens."""
    kind = job.fields["type"]
    assert job.phase == "run", "8: parked, and only chunks of items are limited"
    lines = [f"{kind}:{p}" for p in range(1, int(job.fields["priority"]) + 1)]
    out = sum(len(real.zset(f"line:{name}")) - len(real.zset(f"parked:{name}")) for name in lines)
    cap = real.raw.get(f"limits:{kind}", {}).get("cap")
    full = bool(cap) and len(real.zset(f"type-leases:{kind}")) + out >= int(cap)
    by_clock = kind in real.zset("limit-due")
    # A rate lets no more tickets out than it has permits.
    assert full or by_clock or out or real.is_shut(job), f"8: parked, and nothing will wake {job.id}"


def inv_14_caps_hold(real: Real, caps: dict[str, int | None]) -> None:
    for kind, cap in caps.items():
        if cap is not None and len(real.zset(f"type-leases:{kind}")) > cap:
            raise AssertionError(f"14: {real.zset(f'type-leases:{kind}')} with a cap of {cap}")


def inv_9_one_ticket_counts(job: RealJob, issued: set[int]) -> None:
    bar = max(job.number("last"), job.number("min") - 1)
    assert len([n for n in issued if n > bar]) <= 1, f"9: {issued} above {bar}"
    assert all(n <= job.number("line") for n in issued), "10: a number beyond `line`"


def inv_11_no_work_means_the_end(real: Real, job: RealJob) -> None:
    if job.phase == "run" and not job.has_ended and len(job.settled) == job.total and not job.leases:
        raise AssertionError(f"11: all items of {job.id} are settled, and it does not end")
    if not job.has_ended:
        return
    assert not job.leases, "11: ended with a lease"
    assert not job.retry, "11: ended with a retry"
    assert job.number("in_hand") == 0, "11: ended with items in hand"
    name = job.line_name
    for key in ("outbox", f"sent:{name}", f"line:{name}", f"backlog:{name}", "job-due", "retry-due", "idle", "unsaid"):
        assert job.id not in real.zset(key), f"11: ended, and still in {key}"


def inv_13_indexes(real: Real) -> None:
    jobs = real.jobs
    assert set(real.zset("jobs")) == set(jobs), "13: jobs"
    for status in STATUSES:
        mine = {job.id for job in jobs.values() if job.status == status}
        assert set(real.zset(f"by-status:{status}")) == mine, f"13: by-status {status}"
        for kind in {job.fields["type"] for job in jobs.values()}:
            of_type = {i for i in mine if jobs[i].fields["type"] == kind}
            assert set(real.zset(f"by-type-status:{kind}:{status}")) == of_type, f"13: {kind} {status}"
        for kind in {job.fields["type"] for job in jobs.values()}:
            of_kind = {i for i in mine if jobs[i].fields["type"] == kind and jobs[i].has_ended}
            assert set(real.zset(f"ended-of:{kind}:{status}")) == of_kind, f"13: ended of {kind} {status}"
        ended = set(real.zset(f"ended:{status}"))
        assert ended == (mine if status in {"completed", "failed", "cancelled"} else set()), f"13: ended {status}"
    for kind in {job.fields["type"] for job in jobs.values()}:
        mine = [job for job in jobs.values() if job.fields["type"] == kind]
        assert set(real.zset(f"by-type:{kind}")) == {job.id for job in mine}, "13: by-type"
        left = sum((job.total or 0) - len(job.settled) for job in mine if not job.has_ended)
        assert int(real.raw.get("items-left", {}).get(kind, 0)) == left, f"13: items left of {kind}, should be {left}"


def inv_13_what_is_held_is_counted_as_paused(real: Real, ledger: Ledger) -> None:
    """The counts that people see are a recount of the jobs that they see, each in exactly one."""
    kinds = sorted({job.fields["type"] for job in real.jobs.values()})
    counts = Jobs(ledger).counts(kinds)
    seen = {job.id: job for job in Jobs(ledger).page(limit=100).items}
    assert set(seen) == set(real.jobs), "13: jobs that are seen"
    for job in real.jobs.values():
        stands = job.status in {"waiting", "active"} and not job.number("in_hand") and real.is_shut(job)
        status = "paused" if stands else job.status
        assert seen[job.id].status == status, f"13: {job.id} is seen as {seen[job.id].status}, not {status}"
    for kind in kinds:
        mine = Counter(job.status.value for job in seen.values() if job.type == kind)
        shown = {status.value: counts["types"][kind][status.value] for status in JobStatus}
        assert shown == {status.value: mine[status.value] for status in JobStatus}, f"13: {kind}: {shown} of {mine}"
    everything = Counter(job.status.value for job in seen.values())
    assert counts["all"] == {status.value: everything[status.value] for status in JobStatus}, "13: all"


def inv_14_leases_are_indexed(real: Real, job: RealJob) -> None:
    """Live leases are in all three indexes with one end, closed ones in none; what is in hand is their sum."""
    ends = real.zset("lease-ends")
    of_type = real.zset(f"type-leases:{job.fields['type']}")
    for token, fields in real.under("lease:").items():
        if fields.get("job") != job.id:
            continue
        live = token in job.leases
        assert live == (not fields.get("closed")), f"14: {token} is live and closed, or neither"
        assert live == (token in ends), f"14: {token} in lease-ends"
        if fields["kind"] == "run":
            assert live == (token in of_type), f"14: {token} in type-leases"
        if live:
            assert ends[token] == float(fields["end"]) <= float(fields["last_end"]), "14: two ends of a lease"
    in_hand = 0
    for lease in job.leases.values():
        assert lease.fields, f"14: {lease.token} is named but is no lease"
        if lease.kind == "run":
            left = int(lease.fields["left"])
            assert len(job.open_of(lease)) <= left <= int(lease.fields["count"]), "14: left"
            in_hand += left
    assert job.number("in_hand") == in_hand, f"14: in hand {job.number('in_hand')} != {in_hand}"


def inv_12_21_the_streams_tell_the_same(real: Real) -> None:
    """Replayed from empty, the events give each job's status and progress; one terminal event for each end."""
    last: dict[str, dict[str, object]] = {}
    ends: Counter[str] = Counter()  #: of the present run
    counters: dict[str, tuple[int, ...]] = {}
    for event in real.events():
        job_id = event.get("job")
        if job_id not in real.jobs:  # a worker's event, or a job that was removed
            continue
        if event["event"] == "job-removed":  # it came back later
            continue
        if event["event"] == "job-restored":  # as it was, which may be long before or after an end
            ends[job_id], last[job_id] = int(event["data"]["status"] in ENDED), event["data"]
            progress = event["data"]["progress"]
            counters[job_id] = tuple(int(progress[name]) for name in ("completed", "failed", "skipped"))
            continue
        if event["event"] == "job-retrying":  # a new run begins
            ends[job_id], counters[job_id] = 0, (0, 0, 0)
        assert ends[job_id] == 0, f"12: {event['event']} after the end of {job_id}"
        assert (event["event"] == "job-created") == (job_id not in last), (
            f"21: {event['event']} first, or created twice"
        )
        ends[job_id] += event["event"] in ENDS
        status = event["data"]["status"]
        assert status in SAYS.get(event["event"], {status}), f"21: {event['event']} says {status}"
        progress = event["data"]["progress"]
        seen = tuple(int(progress[name]) for name in ("completed", "failed", "skipped"))
        total = progress.get("total")
        assert total is None or sum(seen) <= int(total), "21: more than the total"
        assert all(a <= b for a, b in zip(counters.get(job_id, (0, 0, 0)), seen, strict=True)), "21: a counter fell"
        counters[job_id] = seen
        last[job_id] = event["data"]
    for job in real.jobs.values():
        assert ends[job.id] == job.has_ended, f"12: {ends[job.id]} terminal events of {job.id}, {job.status}"
        assert last[job.id]["status"] == job.status, f"21: the stream says {last[job.id]['status']}, not {job.status}"
        if job.id not in real.zset("unsaid"):
            truth = tuple(job.number(name) for name in ("completed", "failed", "skipped"))
            assert counters[job.id] == truth, f"21: the stream says {counters[job.id]} of {job.id}, not {truth}"


def inv_20_nothing_is_left_of_the_removed(real: Real, removed: set[str]) -> None:
    for key, value in real.raw.items():
        if key.startswith("gone:"):  # says for an hour that a late ticket of it is nobody's fault
            continue
        assert removed.isdisjoint(key.split(":")), f"20: {key} outlived its job"
        if isinstance(value, dict) and not key.startswith("lease:"):
            assert removed.isdisjoint(value), f"20: {removed & set(value)} in {key}"
