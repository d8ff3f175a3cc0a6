"""What happened in a job: its items, its failures, its timeline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import Detail, InvalidParams
from ..store.item_states import ItemPage, ItemState, ItemStates, ItemStatus
from ..store.items import positions_of
from ..store.timeline import Timeline, read_timeline
from .base import QueueBase

MOST_PER_PAGE = 1000
LAST_PAGE = 1_000_000
MOST_PICKED = 10_000  #: items that one retry may name
NAMED = 20  #: of those that are no failed items


class ItemReading(QueueBase):
    """What a QueueManager shows of one job's inside."""

    @property
    def item_states(self) -> ItemStates:
        return ItemStates(self.ledger, self.patience_s)

    def items(
        self, job_id: str, *, statuses: Sequence[str | ItemStatus] = (), page: int = 1, limit: int = 100
    ) -> ItemPage:
        """
        A page of a job's items in the order of their positions, and how many there are in each state.

        Args:
            statuses: `waiting`, `active`, `retrying`, `completed`, `skipped`, `failed`, `not_done`; none: all.
            page: From 1.
            limit: 1 to 1,000.

        Raises:
            JobNotFound
            InvalidParams: `details` name the argument.
        """
        wanted = [_status(status) for status in statuses]
        for name, value, most in (("page", page, LAST_PAGE), ("limit", limit, MOST_PER_PAGE)):
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
                message = f"{name} must be a whole number from 1 to {most}."
                raise InvalidParams(message, [Detail(name, "out_of_range", message)])
        return self.item_states.page(job_id, wanted, page=page, limit=limit)

    def errors(self, job_id: str) -> Iterator[ItemState]:
        """
        Every failed item by position, read as it is asked for.

        Of the newest 10,000 failures everything is known, of the others their code.

        Raises:
            JobNotFound: At once; or on the way, when the job was removed meanwhile.
        """
        batches = self.failures(job_id)
        return (failure for batch in batches for failure in batch)

    def failures(self, job_id: str) -> Iterator[list[ItemState]]:
        """The same in batches of a few thousand. Raises JobNotFound at once."""
        self._jobs.get(job_id)
        return self.item_states.failures(job_id)

    def timeline(self, job_id: str) -> Timeline:
        """What befell a job, oldest first, and what of it is not known any more. Raises JobNotFound."""
        return read_timeline(self.ledger, job_id, patience_s=self.patience_s)

    def picked(self, job_id: str, item_ids: Sequence[str]) -> bytes:
        """
        A bitmap of the items of these ids, as `job_retry` takes it.

        Raises:
            JobNotFound
            InvalidParams: Some are no failed items of the job; it names the first 20.
        """
        wanted = _texts(item_ids)
        job = self._jobs.get(job_id)
        total = job.progress.total or 0
        found = positions_of(self.ledger, job_id, wanted, total=total, aside=self.aside, patience_s=self.patience_s)
        # One that has not ended is refused for that by the step itself.
        not_failed = self.item_states.not_failed(job_id, list(found.values())) if job.status.is_final else set[int]()
        wrong = [item_id for item_id in wanted if found.get(item_id) is None or found[item_id] in not_failed]
        if wrong and job.status.is_final:
            raise no_failed_items(job_id, wrong)
        bits = bytearray(-(-max(total, 1) // 8))
        for position in found.values():
            bits[position // 8] |= 128 >> position % 8
        return bytes(bits)


def no_failed_items(job_id: str, wrong: Sequence[str]) -> InvalidParams:
    named = ", ".join(f"“{item_id}”" for item_id in wrong[:NAMED])
    more = f" and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
    message = f"Not failed items of job “{job_id}”: {named}{more}. Name only items whose status is failed."
    return InvalidParams(message, [Detail("itemIds", "not_failed", item_id) for item_id in wrong[:NAMED]])


def _texts(item_ids: Sequence[str]) -> list[str]:
    wrong: Any = isinstance(item_ids, str) or not all(isinstance(item_id, str) for item_id in item_ids)
    if wrong or not 1 <= len(item_ids) <= MOST_PICKED:
        message = f"itemIds must be a list of 1 to {MOST_PICKED} ids."
        raise InvalidParams(message, [Detail("itemIds", "invalid", message)])
    return list(dict.fromkeys(item_ids))


def _status(value: str | ItemStatus) -> ItemStatus:
    try:
        return ItemStatus(value)
    except ValueError:
        message = f"status must be among {', '.join(ItemStatus)}; “{value}” is not."
        raise InvalidParams(message, [Detail("status", "unknown", message)]) from None
