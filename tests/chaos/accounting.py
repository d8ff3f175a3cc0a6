"""
The account at the end: what was acknowledged, lost, counted twice, repeated, and not to be expected.

Three records that know nothing of each other are compared: the ledger's bitmaps and counters, its event streams, and
the calls that the counting server saw.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from tests.model import invariants
from tests.model.real import Real, RealJob

from .counter import Call, calls_of
from .deployment import Deployment
from .driver import Run
from .faults import Bits, Hit
from .toys import names_of

HELD_BACK_S = 2.5  #: Valkey holds back writes for two seconds at most, and an outcome is committed soon after the call


@dataclass
class Account:
    jobs: int = 0
    acknowledged: int = 0  #: items of jobs whose submission was answered
    unknown: int = 0  #: items of jobs whose submission was answered with an error, and that are there all the same
    lost: list[str] = field(default_factory=list)  #: jobs or items that were acknowledged, and are not done
    twice: list[str] = field(default_factory=list)  #: items or ends that were counted more than once
    unexpected: list[str] = field(default_factory=list)  #: what nobody asked for, poison among it
    calls: int = 0
    refused_once: int = 0  #: calls that were answered "busy": these items have to be called again
    repeated: int = 0  #: calls of an item that was called before and not answered "busy"
    in_hand: int = (
        0  #: items begun and not settled of what was killed, or stopped for longer than a lease, at that moment
    )
    in_hand_by: dict[str, list[int]] = field(default_factory=dict)  #: fault -> items in hand at each hit
    forgotten: int = (
        0  #: of the repeated ones, those whose outcome was acknowledged by a server that was killed just then
    )
    unexplained: list[str] = field(default_factory=list)  #: repeated calls that no hit explains
    again_after: list[float] = field(default_factory=list)  #: seconds from a hit to the repeated call, outages included

    def table(self, run: Run, done: Counter[str], restarts: int) -> str:
        names = Counter(name for _, name in run.struck)
        rows = [("fault", "times", "items in hand")]
        rows += [
            (n, str(c), str(sum(self.in_hand_by.get(n, []))) if n in self.in_hand_by else "")
            for n, c in sorted(names.items())
        ]
        width = max(len(row[0]) for row in rows)
        lines = [f"{name:{width}}  {times:>5}  {in_hand:>13}" for name, times, in_hand in rows]
        return "\n".join([
            "", *lines, "",
            f"{run.kills} kills; the proxy: {', '.join(f'{n} {what}' for what, n in sorted(done.items()))}; "
            f"{restarts} processes brought back",
            f"{self.jobs} jobs, {self.acknowledged} items acknowledged, {self.unknown} in jobs whose answer was lost",
            f"lost {len(self.lost)}, counted twice {len(self.twice)}, unexpected {len(self.unexpected)}",
            f"{self.calls} calls, {self.refused_once} of them refused once; {self.repeated} repeated, "
            f"{len(self.unexplained)} of these unexplained, {self.forgotten} forgotten by Valkey, bound {self.in_hand}",
            *self._pauses(),
            f"last job final {_distance(run.ended, run.last_kill)} the last kill, "
            f"{_distance(run.ended, run.last_fault)} the last fault",
        ])  # fmt: skip

    def _pauses(self) -> list[str]:
        after = sorted(self.again_after)
        return (
            [f"what was in hand was called again after {median(after):.1f} s, {after[-1]:.1f} s at most"]
            if after
            else []
        )


def _distance(at: float, other: float) -> str:
    return f"{abs(at - other):.1f} s {'after' if at >= other else 'before'}"


def account(system: Deployment, run: Run, lease_s: float) -> Account:
    found = Account()
    real = Real.read(system.valkey.client, system.direct.ledger.keys.prefix)
    calls = system.provider.calls()
    _of_jobs(found, real, run, calls)
    _of_the_ledger(found, real)
    _of_calls(found, real, run, calls, lease_s)
    return found


def _of_jobs(found: Account, real: Real, run: Run, calls: list[Call]) -> None:
    """Every acknowledged job is there and ended as its items say; what is there was asked for."""
    by_tag = {_tag(job): job for job in real.jobs.values()}
    called = {call.item for call in calls}
    allowed: set[str] = set()
    found.jobs = len(real.jobs)
    for one in run.submitted:
        job = by_tag.pop(one.tag, None)
        if job is None:
            if one.job_id is not None:
                found.lost.append(f"job {one.job_id}")
            continue
        if one.job_id is None:
            found.unknown += one.total
        else:
            found.acknowledged += one.total
        names = names_of(one.tag, one.total)
        allowed.update(names)
        bad = {index for index, name in enumerate(names) if "/bad-" in name}
        found.lost += [f"{name} is not settled" for index, name in enumerate(names) if index not in job.settled]
        found.lost += [f"{name} was never called" for name in names if name not in called]
        found.unexpected += [f"{names[i]} failed" for i in sorted(job.failed - bad)]
        found.unexpected += [f"{names[i]} is done, though it was refused" for i in sorted(bad - job.failed)]
        found.unexpected += [f"{line[1]} ended as {line[3]}" for line in job.errors if line[3] != "bad"]
        if job.status != "completed":
            found.lost.append(f"{job.id} is {job.status}")
        counted = job.number("completed") + job.number("failed") + job.number("skipped")
        if counted > one.total or len(job.settled) > one.total or job.number("failed") > len(bad):
            found.twice.append(f"{job.id} counts {counted} of {one.total} items, {job.number('failed')} failed")
    found.unexpected += [f"job {job.id} was not asked for" for job in by_tag.values()]
    found.unexpected += [f"{item} was not asked for" for item in called - allowed]


def _of_the_ledger(found: Account, real: Real) -> None:
    """The invariants that hold when everything has ended, among them one terminal event of each job."""
    checks = [lambda: invariants.inv_13_indexes(real), lambda: invariants.inv_12_21_the_streams_tell_the_same(real)]
    for job in real.jobs.values():
        checks += [
            lambda job=job: invariants.inv_2_bits_are_the_counters(job),
            lambda job=job: invariants.inv_11_no_work_means_the_end(real, job),
            lambda job=job: invariants.inv_14_leases_are_indexed(real, job),
        ]
    for check in checks:
        try:
            check()
        except AssertionError as error:
            (found.twice if str(error).startswith("12") else found.unexpected).append(str(error)[:300])


def _of_calls(found: Account, real: Real, run: Run, calls: list[Call], lease_s: float) -> None:
    """
    A call may be repeated only when the process that made it was killed with the item in hand, begun and not settled,
    or was stopped with it in hand for longer than a lease. So the sum of what was in hand at all hits is the bound.
    """
    # What Valkey had in hand when it was killed, acknowledged and not written yet, is counted apart.
    by_tag = {_tag(job): job.id for job in real.jobs.values()}
    by_pid: dict[int, list[Hit]] = defaultdict(list)
    for hit in run.hits:
        if hit.until is None or hit.until - hit.at > lease_s:
            for pid in hit.pids:
                by_pid[pid].append(hit)

    def is_settled(call: Call, settled: Bits) -> bool:
        tag, _, rest = call.item.partition("/")
        index = int(rest.rpartition("-")[2])
        bits = settled.get(by_tag[tag], b"")
        return index // 8 < len(bits) and bool(bits[index // 8] & (128 >> index % 8))

    def was_forgotten(call: Call, again: Call) -> bool:
        """Its outcome was there before the server was killed, for two seconds at most, and is not there afterwards."""
        return any(
            call.ended is not None
            and outage.at - HELD_BACK_S <= call.ended <= outage.at < again.began
            and not is_settled(call, outage.settled)
            for outage in run.outages
        )

    def was_in_hand(call: Call, hit: Hit) -> bool:
        # What was on its way to the server when its caller was held still is noted a moment later; and who was held
        # still between taking an item and calling for it calls when it goes on. Nothing else of that chunk is begun:
        # its time is over.
        return not is_settled(call, hit.settled) and call.began <= (hit.until or hit.at) + 1.0

    in_hand: dict[int, set[str]] = defaultdict(set)
    found.calls = len(calls)
    for item, made in calls_of(calls).items():
        found.refused_once += made[0].answer == "busy"
        for call in made:
            for hit in by_pid.get(call.pid, []):
                if call.answer != "busy" and was_in_hand(call, hit):
                    in_hand[id(hit)].add(item)
        for before, again in pairwise(made):
            if before.answer == "busy":
                continue
            found.repeated += 1
            reasons = [hit for hit in by_pid.get(before.pid, []) if was_in_hand(before, hit) and again.began >= hit.at]
            if not reasons and was_forgotten(before, again):
                found.forgotten += 1
            elif reasons:
                found.again_after.append(again.began - reasons[-1].at)
            else:
                found.unexplained.append(f"{item}: {before}, and again {again}")
    for hit in run.hits:
        found.in_hand_by.setdefault(hit.fault, []).append(len(in_hand[id(hit)]))
    found.in_hand = sum(map(len, in_hand.values()))


def _tag(job: RealJob) -> str:
    return str(json.loads(job.fields["params"])["tag"])
