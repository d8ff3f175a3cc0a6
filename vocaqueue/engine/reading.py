"""Looking: counts, logs, workers, what was set aside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ..errors import Detail, InvalidParams
from ..store.counts import RANGES
from ..store.dead_letters import DeadLetterPage, DeadLetters
from ..store.gates import Gates
from ..store.logs import LogPage, read_log
from ..store.stats import read_stats
from .base import QueueBase
from .limits import QueueLimits


class Reading(QueueBase):
    """What a QueueManager shows."""

    limits: QueueLimits

    def logs(self, job_id: str, *, after: int = 0, limit: int = 100) -> LogPage:
        """A part of the job's own log: `limit` lines at most after the one of that number. Raises JobNotFound."""
        return read_log(self.ledger, job_id, after=after, limit=limit, patience_s=self.patience_s)

    def stats(self) -> dict[str, Any]:
        """The `/stats` object of the contract, camelCase."""
        self.limits.declare()
        found = read_stats(self.ledger, self.job_types.names, patience_s=self.patience_s)
        types: dict[str, Any] = {}
        for name, of_type in found.types.items():
            is_shut = found.gates.is_shut(name)
            rate, left = 0.0 if is_shut else round(of_type.items_per_second, 2), of_type.items_left
            types[name] = of_type.counts | {
                "isPaused": is_shut,
                "itemsWaiting": left,
                "itemsPerSecond": rate,
                "etaSeconds": round(left / rate, 1) if rate and left else None,
                "held": found.gates.reason(name),
                **of_type.limits.as_dict(),
            }
        job_counts = {name: of_type.total for name, of_type in found.types.items()}
        is_paused = "all" in found.gates.names
        return found.counts | {"isPaused": is_paused, "jobCounts": job_counts, "types": types}

    def history(self, range_name: str = "1h") -> dict[str, Any]:
        """
        The `/history` object of the contract: what happened in the last `1h` or `24h` by the minute, in `7d` by the
        quarter of an hour.

        Raises:
            InvalidParams: There is no such range.
        """
        self._check_range(range_name)
        return self._counts.read(range_name, self.job_types.names)

    def history_json(self, range_name: str = "1h") -> str:
        """The same as JSON text, which costs a server much less. Raises as `history`."""
        self._check_range(range_name)
        return self._counts.read_json(range_name, self.job_types.names)

    @staticmethod
    def _check_range(name: str) -> None:
        if name not in RANGES:
            message = f"range must be among {', '.join(RANGES)}; “{name}” is not."
            raise InvalidParams(message, [Detail("range", "unknown", message)])

    def gates(self) -> Gates:
        """What is held, and why where a breaker did it."""
        return self._jobs.gates()

    def workers(self) -> dict[str, dict[str, Any]]:
        """What the relay knows of each worker, by name."""
        key = self.ledger.keys("workers")
        stored = self.ledger.patiently(lambda: self.ledger.client.hgetall(key), self.patience_s)
        return {name.decode(): json.loads(known) for name, known in sorted(stored.items())}

    def slots(self) -> dict[str, dict[str, tuple[int, float]]]:
        """By job type: each worker that listens to its queue, with its slots and the seconds since it said so."""
        keys, client = self.ledger.keys, self.ledger.client

        def read() -> tuple[int, list[dict[bytes, bytes]]]:
            return self.ledger.now_ms(), [client.hgetall(keys("slots", name)) for name in self.job_types.names]

        now, stored = self.ledger.patiently(read, self.patience_s)
        return {
            name: {
                worker.decode(): (int(slots), round(max(0, now - int(at)) / 1000, 1))
                for worker, (slots, _, at) in ((w, said.decode().partition(":")) for w, said in of_type.items())
            }
            for name, of_type in zip(self.job_types.names, stored, strict=True)
        }

    def present(self, job_ids: Sequence[str]) -> set[str]:
        """Those of these jobs that are there: not removed, and not in the bin."""
        return self._removal.selection.present(job_ids)

    def dead_letters(self, *, page: int = 1, limit: int = 20) -> DeadLetterPage:
        """Messages that workers set aside because they could not be work, newest first."""
        return DeadLetters(self.ledger).page(page, limit, patience_s=self.patience_s)
