"""
The ledger as its contract says it should be, in plain Python; knows nothing of the store.

Where the contract leaves a choice to the store, the model holds the set of what may be (`may`), and takes over what
the store chose after checking that it is in the set.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from vocaqueue.rates import Rate

SETTLED = ("done", "skipped", "failed")
DEATHS_ALONE = 3  #: with an item alone in hand, then it is poison …
DEATHS_AMONG_MANY = 12  #: … at the latest, where other items lose their children too
LAPSES = 20  #: leases that may run out on an item without blame
BEYOND_LIMIT_MS = 15_000  #: a lease's absolute end, after the hard limit


@dataclass
class Item:
    may: set[str] = field(default_factory=lambda: {"open"})  #: open, retry, lease, done, skipped, failed
    token: str | None = None  #: of its lease
    tries: int = 0
    deaths: int = 0  #: of a child with this item alone in hand
    lapses: int = 0
    codes: set[str] = field(default_factory=set)  #: that it may have failed with
    calls: int = 0  #: claims that had it
    given_back: int = 0  #: times it may have to be called again
    due: tuple[int, int] = (0, 0)  #: earliest and latest time of its retry

    def again(self) -> Item:
        """The item in a new run: fresh tries, no blame."""
        return Item(calls=self.calls, given_back=self.given_back + 1)

    @property
    def state(self) -> str:
        (state,) = self.may
        return state

    @property
    def is_settled(self) -> bool:
        return self.may <= set(SETTLED)

    def settle(self, state: str) -> None:
        self.may, self.token = {state}, None


@dataclass
class Lease:
    token: str
    kind: str
    ticket: int
    holder: str
    end: int
    last_end: int
    items: set[int]  #: that it was given


@dataclass
class Job:
    id: str
    type: str
    priority: int
    total: int | None
    attempts: int
    backoff_ms: int
    run_at: int | None
    finishes: bool
    deadline_ms: int | None = None  #: from its creation, or from its retry
    deadline: int | None = None
    phase: str = "plan"
    status: set[str] = field(default_factory=set)  #: that it may have
    run: int = 1
    begun: bool = False  #: in this run
    held: bool = False
    stops: set[str] = field(default_factory=set)  #: ends that were asked for: cancelled, failed
    items: dict[int, Item] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    last: int = 0  #: highest ticket that was used, or that counts no more
    cost_nano: int = 0
    phase_failures: int = 0
    phase_deaths: int = 0
    result: str | None = None

    @property
    def has_ended(self) -> bool:
        return self.phase == "ended"

    def open_of(self, lease: Lease) -> set[int]:
        return {i for i in lease.items if self.items[i].token == lease.token}

    def count(self, state: str) -> int:
        return sum(item.may == {state} for item in self.items.values())


class Model:
    """Steps are called after the real ones, with what the store answered where that matters."""

    def __init__(self, lease_ms: int, gap_ms: int) -> None:
        self.rates: dict[str, Rate] = {}  #: by type
        self.caps: dict[str, int] = {}
        self.starts: dict[str, list[float]] = {}  #: permits of a type that were not given back, since its rate was set
        self.lease_ms, self.gap_ms = lease_ms, gap_ms
        self.jobs: dict[str, Job] = {}
        self.tokens: dict[str, str] = {}  #: every token that made a lease -> its job
        self.runs: dict[str, int] = {}  #: token -> run of its job
        self.applied: dict[str, int] = {}  #: token -> last seq
        self.fences: list[int] = []
        self.removed: set[str] = set()
        self.gates: set[str] = set()  #: types that are held; '' is everything
        self.tick: int | None = None
        self.server = ""
        self.no_reap_until = 0

    # ---- jobs

    def create(self, job: Job, now: int) -> None:
        self.jobs[job.id] = job
        self._set_deadline(job, now)
        job.status = {"delayed"} if job.run_at is not None and job.run_at > now else {"waiting"}
        if job.total is not None:
            self._items(job, job.total)
        self.settle(job)

    def cancel(self, job: Job) -> bool:
        """Whether it was still to be stopped. A stopped job waits for nothing but its leases and its finish."""
        if job.has_ended:
            return False
        job.stops.add("cancelled")
        self._let_go(job)
        self.settle(job)
        return True

    def _set_deadline(self, job: Job, now: int) -> None:
        job.deadline = None if job.deadline_ms is None else now + job.deadline_ms

    def miss_deadline(self, job: Job, now: int) -> bool:
        """Whether it is stopped for that. What has nothing left but its finish ends as it would have."""
        if job.has_ended or job.deadline is None or now < job.deadline:
            return False
        job.deadline = None
        if job.stops or job.phase == "finish":
            return False
        job.stops.add("failed")
        self._let_go(job)
        self.settle(job)
        return True

    def purge(self, kind: str) -> int:
        """Those that wait, never began and are not held are cancelled. Answers how many."""
        if self.gates & {"", kind}:
            return 0
        n = 0
        for job in self.jobs.values():
            if job.type == kind and job.status == {"waiting"} and not (job.begun or job.held or job.has_ended):
                job.stops.add("cancelled")
                self._end(job)
                n += 1
        return n

    def restore(self, job: Job, line: int, now: int) -> None:
        """It is as it was; tickets from before count no more, and its deadline counts anew."""
        self.removed.discard(job.id)
        self.jobs[job.id] = job
        job.last = line
        if not job.has_ended:
            self._set_deadline(job, now)

    def _let_go(self, job: Job) -> None:
        job.held, job.run_at = False, None
        if job.status <= {"paused", "delayed"}:
            job.status = {"active" if job.begun else "waiting"}

    # ---- steering

    def hold(self, job: Job, held: bool) -> bool:
        """Whether it can be held or let go: not once it ends."""
        if job.has_ended or job.stops:
            return False
        job.held = held
        if not held and job.status == {"paused"}:
            job.status = {"active" if job.begun else "waiting"}
        self.settle(job)
        return True

    def set_gate(self, name: str, shut: bool) -> bool:
        """Whether it was not so before."""
        changed = (name in self.gates) is not shut
        self.gates = self.gates | {name} if shut else self.gates - {name}
        return changed

    def is_shut(self, job: Job) -> bool:
        return bool(self.gates & {"", job.type})

    def set_priority(self, job: Job, priority: int) -> bool:
        if job.has_ended:
            return False
        job.priority = priority
        return True

    def promote(self, job: Job) -> bool:
        """Only one that never began waits for the time that was asked for."""
        if job.has_ended or job.begun or job.status != {"delayed"}:
            return False
        job.status, job.run_at = {"waiting"}, None
        self.settle(job)
        return True

    def wake(self, now: int) -> None:
        """Delayed jobs whose time has come."""
        for job in self.jobs.values():
            if job.status == {"delayed"} and job.run_at is not None and job.run_at <= now:
                job.status, job.run_at = {"active" if job.begun else "waiting"}, None
                self.settle(job)

    def to_do_again(self, job: Job, codes: list[str] | None, picked: set[int] | None = None) -> set[int] | None:
        """Items that a retry would run; None: nothing is, it has not ended, or one of the picked has not failed."""
        if not job.has_ended:
            return None
        failed = {i for i, item in job.items.items() if item.may == {"failed"}}
        if not (picked or set()) <= failed:
            return None
        if codes is not None or picked is not None:
            failed = {i for i in failed if job.items[i].codes & set(codes or ())} | (picked or set())
        again = failed | {i for i, item in job.items.items() if not item.is_settled}
        # A plan or finish step that did not come to its end is run again too.
        is_whole = codes is None and picked is None
        if again or job.total is None or (is_whole and job.status != {"completed"}):
            return again
        return None

    def retry(self, job: Job, codes: list[str] | None, now: int, picked: set[int] | None = None) -> int | None:
        """How many items will be run; None: refused."""
        again = self.to_do_again(job, codes, picked)
        if again is None:
            return None
        for i in again:
            job.items[i] = job.items[i].again()
        job.run += 1
        job.begun = False
        job.stops = set()
        job.result = job.run_at = None
        job.phase_failures = job.phase_deaths = 0
        job.status = {"waiting"}
        self._set_deadline(job, now)
        job.phase = "plan" if job.total is None else "run" if again or not job.finishes else "finish"
        self.settle(job)
        return len(again)

    def remove(self, job: Job) -> None:
        del self.jobs[job.id]
        self.removed.add(job.id)

    def _items(self, job: Job, total: int) -> None:
        job.phase, job.total = "run", total
        job.items = {i: Item() for i in range(total)}

    # ---- leases

    def claim(
        self,
        job: Job,
        token: str,
        kind: str,
        items: Iterable[int],
        ticket: int,
        holder: str,
        fence: int,
        now: int,
        hard_ms: int,
    ) -> None:
        last_end = now + hard_ms + BEYOND_LIMIT_MS
        lease = Lease(token, kind, ticket, holder, min(now + self.lease_ms, last_end), last_end, set(items))
        for i in lease.items:
            item = job.items[i]
            item.may, item.token = {"lease"}, token
            item.calls += 1
        job.leases[token] = lease
        job.begun = True
        job.status = {"active"}
        job.last = max(job.last, ticket)
        self.tokens[token] = job.id
        self.runs[token] = job.run
        self.applied[token] = 0
        self.fences.append(fence)

    def commit(
        self,
        token: str,
        seq: int,
        now: int,
        *,
        done: Iterable[int] = (),
        skipped: Iterable[int] = (),
        failed: Iterable[tuple[int, str, bool, int | None]] = (),
        limited: Iterable[Sequence[int]] = (),
        cost_nano: int = 0,
        close: bool = False,
        fatal: bool = False,
    ) -> None:
        """`failed` holds (item, code, retryable, after_ms), `limited` (item, after_ms)."""
        job = self.jobs.get(self.tokens.get(token, ""))
        if job is None or seq <= self.applied[token]:
            return
        self.applied[token] = seq
        job.cost_nano += cost_nano
        if job.has_ended or self.runs[token] != job.run:
            return
        lease = job.leases.get(token)
        for i in done:
            if not job.items[i].is_settled:
                job.items[i].settle("done")
        if lease is not None:
            lease.end = min(now + self.lease_ms, lease.last_end)
            for i in skipped:
                if not job.items[i].is_settled:
                    job.items[i].settle("skipped")
            for i, code, retryable, after_ms in failed:
                self._fail(job, i, code, retryable, after_ms, now)
            for i, after_ms in limited:  # waits for its provider at least so long, and has used up no try
                item = job.items[i]
                if not item.is_settled:
                    item.may, item.token, item.due = {"retry"}, None, (now + after_ms, 1 << 60)
                    item.given_back += 1
            if fatal:
                job.stops.add("failed")
                self._let_go(job)
            if close:
                self.give_back(job, lease)
        self.settle(job)

    def _fail(self, job: Job, i: int, code: str, retryable: bool, after_ms: int | None, now: int) -> None:
        item = job.items[i]
        if item.is_settled:  # a zombie was quicker
            return
        item.tries += 1
        item.token = None
        item.codes.add(code)
        if not retryable or item.tries >= job.attempts:
            item.settle("failed")
            return
        item.may = {"retry"}
        item.given_back += 1
        wait = after_ms if after_ms is not None else job.backoff_ms * 2 ** (item.tries - 1)
        item.due = (now + wait, now + 2 * wait)

    def renew(self, token: str, now: int) -> None:
        job = self.jobs.get(self.tokens.get(token, ""))
        if job and token in job.leases:
            job.leases[token].end = min(now + self.lease_ms, job.leases[token].last_end)

    def give_back(self, job: Job, lease: Lease) -> set[int]:
        """Close a lease; what it still owned is claimable again."""
        back = job.open_of(lease)
        for i in back:
            item = job.items[i]
            item.may, item.token = {"open", "retry"}, None
            item.due = (0, 1 << 60)
            item.given_back += 1
        job.leases.pop(lease.token)
        return back

    def died(self, job: Job, ticket: int, holder: str, how: str, now: int) -> Lease | None:
        """The lease that was closed, if there was one."""
        lease = next((each for each in job.leases.values() if (each.ticket, each.holder) == (ticket, holder)), None)
        if lease is None:
            return None
        back = self.give_back(job, lease)
        if lease.kind == "run" and len(lease.items) == 1:
            for i in back:  # alone; in company nobody is to blame
                item = job.items[i]
                if how == "limit":
                    self._fail(job, i, "timed_out", True, None, now)
                    continue
                item.deaths += 1
                if item.deaths >= DEATHS_ALONE:
                    item.may.add("failed")
                    item.codes.add("poison")
                if item.deaths >= DEATHS_AMONG_MANY:
                    item.settle("failed")
        elif lease.kind != "run":
            job.phase_deaths += 1
            if job.phase_deaths >= DEATHS_ALONE:
                self._phase_over(job)
        self.settle(job)
        return lease

    def plan(self, token: str, total: int) -> bool:
        job = self.jobs.get(self.tokens.get(token, ""))
        if job is None or token not in job.leases:
            return False
        del job.leases[token]
        self._items(job, total)
        job.phase_failures = job.phase_deaths = 0
        self.settle(job)
        return True

    def finish(self, token: str, result: str) -> bool:
        job = self.jobs.get(self.tokens.get(token, ""))
        if job is None or token not in job.leases:
            return False
        del job.leases[token]
        job.result = result
        self._end(job)
        return True

    def release(self, token: str) -> bool:
        job = self.jobs.get(self.tokens.get(token, ""))
        if job is None or token not in job.leases:
            return False
        del job.leases[token]
        self.settle(job)
        return True

    def fail_phase(self, token: str, final: bool) -> bool:
        job = self.jobs.get(self.tokens.get(token, ""))
        if job is None or token not in job.leases:
            return False
        del job.leases[token]
        job.phase_failures += 1
        if final or job.phase_failures >= job.attempts:
            self._phase_over(job)
        self.settle(job)
        return True

    def _phase_over(self, job: Job) -> None:
        job.stops.add("failed")
        self._end(job)

    # ---- the reaper

    def reap(self, now: int, server: str) -> int:
        """How many leases must be reaped by a pass now."""
        if self.tick is None or self.server != server or self.tick > now + 1000 or now - self.tick > self.gap_ms:
            self.no_reap_until = now + self.lease_ms
        self.tick, self.server = now, server
        self.no_reap_until = min(self.no_reap_until, now + self.lease_ms)
        if now < self.no_reap_until:
            return 0
        n = 0
        for job in self.jobs.values():
            for lease in [each for each in job.leases.values() if each.end <= now]:
                n += 1
                for i in self.give_back(job, lease):
                    job.items[i].lapses += 1
                    if job.items[i].lapses >= LAPSES:
                        job.items[i].may.add("failed")
                        job.items[i].codes.add("lost")
            self.settle(job)
        return n

    # ---- the end

    def settle(self, job: Job) -> None:
        """No work, no lease, no retry: on to the finish in the same step."""
        if job.has_ended or job.leases:
            return
        if job.stops:
            self._may_end(job)
        elif job.phase == "run" and all(item.is_settled for item in job.items.values()):
            if job.finishes and job.begun:
                job.phase = "finish"
            else:
                self._end(job)
        if job.held and not job.has_ended and job.status <= {"waiting", "active"}:
            job.status = {"paused"}

    def _may_end(self, job: Job) -> None:
        """A stopped job may have its finish step, which writes the report, or end at once."""
        if not job.begun or not job.finishes or job.phase == "plan":
            self._end(job)
        else:
            job.phase = "finish or ended"

    def _end(self, job: Job) -> None:
        job.phase = "ended"
        job.held, job.run_at = False, None
        if job.stops:
            job.status = set(job.stops)
        elif job.total and job.count("failed") == job.total:
            job.status = {"failed"}
        else:
            job.status = {"completed"}
