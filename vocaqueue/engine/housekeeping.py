"""
What goes by itself: ended jobs by age and number, what the bin has kept long enough, files of jobs that are gone.

Each pass takes a little. It runs beside the reconciler's passes, on a thread of its own: a database that hangs must not
keep a lost ticket waiting.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from ..actor import SYSTEM, acting
from ..archive.bin import Bin, BinEntry
from ..archive.database import Archive
from ..files import FileStore
from ..job import FINAL
from ..registry import Registry, Retention
from ..settings import Settings
from ..store.ledger import Ledger
from ..store.selection import file_orphans
from .removal import Removal

log = logging.getLogger(__name__)

EVERY_S = 5.0
PER_PASS = 500
#: A restore that has begun in an entry's last moment, and an act that is between its two writes, are left in peace.
GRACE_MS = 120_000


class Housekeeping:
    def __init__(self, settings: Settings, job_types: Registry) -> None:
        self.job_types = job_types
        self.ledger = Ledger(settings)
        self.bin = Bin(Archive(settings.database_url), settings.namespace)
        self.removal = Removal(
            self.ledger,
            self.bin,
            FileStore.from_url(settings.storage_url),
            send=lambda _answer: None,  # ended jobs leave no place in a line
            aside=_here,
        )

    def run(self, is_stopping: Callable[[], bool], may_work: Callable[[], bool]) -> None:
        """A pass every few seconds until told to stop; what fails is tried again with the next."""
        failing = False
        while not is_stopping():
            began = time.monotonic()
            if may_work():
                try:
                    self.once()
                    failing = False
                except Exception as error:
                    if not failing:
                        log.warning("housekeeping waits: %s", error)
                    failing = True
            while not is_stopping() and time.monotonic() - began < EVERY_S:
                time.sleep(0.1)

    def once(self) -> None:
        self.retain()
        self.remove_orphaned_files()
        self.mark_unsure()
        self.purge_bin()

    def retain(self) -> int:
        """Remove ended jobs that are older or more than their type's Retention says. Answers how many."""
        removed, now_ms = 0, self.ledger.now_ms()
        kept = {job_type.name: job_type.retention for job_type in self.job_types}
        for name in self.removal.selection.types():
            retention = kept.get(name, Retention())
            for status in sorted(FINAL):
                age_s, most = retention.of(status)
                found: list[str] = []
                if age_s is not None:
                    found += self.removal.selection.ended(status, name, now_ms - round(age_s * 1000), PER_PASS)
                if most is not None:
                    found += self.removal.selection.surplus(name, status, most, PER_PASS)
                if found:
                    with acting(SYSTEM):
                        taken = self.removal.take(found, "retention", "ended", skip_bin=True, type_name=name)
                    removed += taken.affected
        return removed

    def remove_orphaned_files(self) -> None:
        """Of jobs that were removed for good by somebody who did not get to their files."""
        if found := file_orphans(self.ledger, PER_PASS):
            self.removal.remove_files(found)

    def mark_unsure(self) -> None:
        """Entries whose act was cut off: marked where the ledger let go of the job, else taken away."""
        entries = self.bin.unsure(self.ledger.now_ms() - GRACE_MS, PER_PASS)
        for act, of_act, there in self._by_act(entries):
            # Two people at once: the job is in the bin by the other one's entry.
            away = [job_id for job_id in of_act if job_id not in there]
            doubled = self.bin.holds(away, besides=act)
            self.bin.removed(act, [job_id for job_id in away if job_id not in doubled])
            self.bin.forget(act, [job_id for job_id in of_act if job_id in there or job_id in doubled])

    def purge_bin(self) -> int:
        """Let go of entries that have expired, and of their files. Answers how many jobs are gone for good."""
        gone = 0
        entries = self.bin.expired(self.ledger.now_ms() - GRACE_MS, PER_PASS)
        for act, of_act, there in self._by_act(entries):
            # A job that is there was restored, one with another entry was removed again after that: the files are its.
            away = [job_id for job_id in of_act if job_id not in there]
            lost = sorted(set(away) - self.bin.holds(away, besides=act))
            self.removal.remove_files(lost)
            self.bin.forget(act, of_act)
            gone += len(lost)
        return gone

    def _by_act(self, entries: Sequence[BinEntry]) -> list[tuple[str, list[str], set[str]]]:
        """(act, its jobs, those that the ledger has)"""
        there = self.removal.selection.present([entry.job_id for entry in entries]) if entries else set()
        acts: dict[str, list[str]] = {}
        for entry in entries:
            acts.setdefault(entry.act, []).append(entry.job_id)
        return [(act, job_ids, there) for act, job_ids in acts.items()]


def _here(call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    return call(*arguments, **options)
