"""
Taking jobs away, into the bin or for good, and putting them back.

The bin's entry is written first, then the ledger lets go, then the entry is marked as removed. A crash in between
leaves an entry that nobody marked: `Housekeeping` looks a while later whether the ledger still has the job.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from ..errors import JobNotFound, NotInBin, StoreUnavailable, WrongStatus
from ..job import JobStatus
from ..store.ledger import Answer, Ledger, Ticket
from ..store.selection import Selection, forget_files
from ..store.states import JobState, read_states, restore_state

if TYPE_CHECKING:
    from ..archive.bin import Bin, BinEntry, Binned, BinPage
    from ..files import FileStore

log = logging.getLogger(__name__)

BIN_KEPT_S = 86_400
#: Jobs that one step reads or takes away: about 50 µs each, while the server answers nobody else; 20 ms are the limit.
JOBS_IN_A_STEP = 50
JOBS_IN_THE_BIN = 500  #: that one transaction of the bin's database writes
BYTES_IN_THE_BIN = 8_000_000  #: … or a little more than so much
LOOKS = 3  #: at a job that changes while it is being removed
UNBEGUN = (JobStatus.WAITING, JobStatus.PAUSED)
WHY_NOT = "only a job that has ended can be deleted; cancel it first"


class Aside(Protocol):
    """Runs what blocks (SQL, files) where it holds nobody up, and answers what it answers."""

    def __call__(self, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any: ...


@dataclass(slots=True)
class Taken:
    """What an act on many jobs did."""

    affected: int = 0
    skipped: list[tuple[str, str, str]] = field(default_factory=list)  #: (job id, code, status)


class Removal:
    """
    Args:
        send: Sends the tickets of a step's answer.
        aside: Where the bin and the files are touched.
    """

    def __init__(
        self,
        ledger: Ledger,
        bin_: Bin,
        files: FileStore,
        *,
        send: Callable[[Answer], None],
        aside: Aside,
        patience_s: float = 2.0,
    ) -> None:
        self.ledger, self.bin, self.files = ledger, bin_, files
        self.selection = Selection(ledger, patience_s)
        self.patience_s = patience_s
        self._send, self._aside = send, aside

    def remove(self, job_id: str, *, by: str | None, skip_bin: bool) -> BinEntry | None:
        """Raises JobNotFound, WrongStatus, ArchiveUnavailable."""
        act = uuid4().hex
        for _ in range(LOOKS):
            seen, entry = None, None
            if not skip_bin:
                state = self._read([job_id], "ended")[0]
                if state.code:
                    raise (
                        JobNotFound(job_id)
                        if state.code == "job_not_found"
                        else WrongStatus(job_id, state.status, WHY_NOT)
                    )
                seen, entry = state.seen, self._put([state], "delete", act, by)[0]
            answer = self.ledger.step(
                "job_remove", patience_s=self.patience_s, id=job_id, token=uuid4().hex, seen=seen, with_files=skip_bin
            )
            if answer.state == "removed":
                self._settle(act, [job_id], [], skip_bin=skip_bin)
                return entry
            if entry is not None:
                self._aside(self.bin.forget, act, [job_id])
            if answer.state == "gone":
                raise JobNotFound(job_id)
            if answer.state == "refused":
                raise WrongStatus(job_id, answer.data["status"], WHY_NOT)
        raise WrongStatus(job_id, "being changed by somebody else", "try again in a moment")

    def clean(
        self,
        *,
        status: JobStatus,
        before_ms: int,
        limit: int | None,
        type_name: str | None,
        by: str | None,
        skip_bin: bool,
    ) -> int:
        found = self.selection.ended(status, type_name, before_ms, limit)
        return self.take(found, "clean", "ended", by=by, skip_bin=skip_bin, type_name=type_name).affected

    def empty(self, *, type_name: str | None, delayed: bool, limit: int | None, by: str | None, skip_bin: bool) -> int:
        # The newest first: the oldest have the tickets; when they go last, no ticket is given to one that goes next.
        statuses = (*UNBEGUN, JobStatus.DELAYED) if delayed else UNBEGUN
        found = self.selection.in_status(statuses, type_name)[:limit]
        what = "unbegun or delayed" if delayed else "unbegun"
        return self.take(found, "empty", what, by=by, skip_bin=skip_bin, type_name=type_name).affected

    def take(
        self,
        job_ids: Sequence[str],
        action: str,
        what: str,
        *,
        by: str | None = None,
        skip_bin: bool = False,
        type_name: str | None = None,
    ) -> Taken:
        """
        Take many jobs away in steps.

        Args:
            action: For the bin and the events: clean, empty, delete, retention.
            what: Which may go: "ended", "unbegun", "unbegun or delayed"; the others are skipped.

        Raises:
            ArchiveUnavailable: The bin cannot be written. What was taken before is in it, the rest is untouched.
        """
        taken, act, looks = Taken(), uuid4().hex, dict.fromkeys(job_ids, 0)
        waiting = list(looks)
        while waiting:
            seen, waiting = self._written(waiting, action, what, act, by, taken, skip_bin=skip_bin)
            left: dict[str, tuple[str, str]] = {}
            for first in range(0, len(seen), JOBS_IN_A_STEP):
                answer = self.ledger.step(
                    "jobs_remove",
                    patience_s=self.patience_s,
                    jobs=seen[first : first + JOBS_IN_A_STEP],
                    what=what,
                    action=action,
                    type=type_name,
                    token=uuid4().hex,
                    act=act,
                    with_files=skip_bin,
                )
                self._send(answer)
                left |= {job_id: (code, status) for job_id, code, status in answer.data.get("skipped") or []}
            gone = [job_id for job_id, _ in seen if job_id not in left]
            self._settle(act, gone, list(left), skip_bin=skip_bin)
            taken.affected += len(gone)
            for job_id, (code, status) in left.items():
                looks[job_id] += 1
                if code == "changed" and looks[job_id] < LOOKS:
                    waiting.append(job_id)
                else:
                    taken.skipped.append((job_id, code, status))
        if taken.affected:
            self.ledger.wait_for_disk()
        return taken

    def _written(
        self,
        waiting: list[str],
        action: str,
        what: str,
        act: str,
        by: str | None,
        taken: Taken,
        *,
        skip_bin: bool,
    ) -> tuple[list[tuple[str, str]], list[str]]:
        """Write the next jobs into the bin. Answers (job id, what was seen of it) of these, and those still waiting."""
        if skip_bin:
            return [(job_id, "") for job_id in waiting[:JOBS_IN_THE_BIN]], waiting[JOBS_IN_THE_BIN:]
        ready: list[JobState] = []
        size = 0
        while waiting and len(ready) < JOBS_IN_THE_BIN and size < BYTES_IN_THE_BIN:
            states = self._read(waiting[:JOBS_IN_A_STEP], what)
            waiting = waiting[len(states) :]
            taken.skipped += [(state.id, state.code, state.status) for state in states if state.code]
            ready += [state for state in states if not state.code]
            size += sum(len(state.packed) + len(state.blocks or b"") for state in states)
        if ready:
            self._put(ready, action, act, by)
        return [(state.id, state.seen) for state in ready], waiting

    def page(self, *, types: Sequence[str], page: int, limit: int) -> BinPage:
        now_ms = self._now_ms()
        found: BinPage = self._aside(self.bin.page, types=types, page=page, limit=limit, now_ms=now_ms)
        return found

    def restore(self, job_id: str) -> list[Ticket]:
        """
        Put a job back.

        Raises:
            NotInBin
            WrongStatus: The job is there; somebody else was quicker.
            ArchiveUnavailable
        """
        token, now_ms = uuid4().hex, self._now_ms()
        found: Binned | None = self._aside(self.bin.find, job_id, now_ms)
        if found is None:
            raise NotInBin(job_id)
        answer = restore_state(self.ledger, job_id, token, found.state, found.blocks, patience_s=self.patience_s)
        if answer.state == "no_blocks":
            raise StoreUnavailable("the job's items were forgotten while it was being restored; try again")
        self.ledger.wait_for_disk()
        # The job is there, so this entry has done its duty, whoever restored it.
        self._aside(self.bin.forget, found.entry.act, [job_id])
        if answer.state == "exists":
            raise WrongStatus(job_id, answer.data["status"], "it is not in the bin any more")
        self._send(answer)
        return answer.tickets

    def remove_files(self, job_ids: Sequence[str]) -> None:
        """Of jobs that are gone for good."""
        self._aside(_remove_files, self.files, list(job_ids))
        forget_files(self.ledger, job_ids, self.patience_s)

    def _read(self, job_ids: Sequence[str], what: str) -> list[JobState]:
        return read_states(self.ledger, job_ids, what, patience_s=self.patience_s)

    def _put(self, states: Sequence[JobState], action: str, act: str, by: str | None) -> list[BinEntry]:
        from ..archive.bin import BinEntry, Binned

        now_ms = self._now_ms()
        binned = [
            Binned(
                BinEntry(
                    job_id=state.id,
                    type=state.type,
                    name=state.name,
                    status=state.status,
                    action=action,
                    removed_by=by,
                    removed_at_ms=now_ms,
                    expires_at_ms=now_ms + BIN_KEPT_S * 1000,
                    act=act,
                ),
                state.packed,
                state.blocks,
            )
            for state in states
        ]
        self._aside(self.bin.put, binned)
        return [each.entry for each in binned]

    def _settle(self, act: str, gone: list[str], left: list[str], *, skip_bin: bool) -> None:
        """What follows the ledger's step."""
        if skip_bin:
            if gone:
                self.remove_files(gone)
            return
        try:
            self._aside(self.bin.removed, act, gone)
            self._aside(self.bin.forget, act, left)
        except Exception as error:  # the jobs are gone and their entries are there; housekeeping marks them
            log.warning("removed jobs could not be marked in the bin yet", extra={"reason": str(error)})

    def _now_ms(self) -> int:
        now: int = self.ledger.patiently(self.ledger.now_ms, self.patience_s)
        return now


def _remove_files(files: FileStore, job_ids: Sequence[str]) -> None:
    for job_id in job_ids:
        files.remove(f"jobs/{job_id}")
