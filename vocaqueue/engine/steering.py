"""Stopping, holding, hurrying and repeating: one job, a type, everything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from ..errors import Detail, DuplicateJob, InvalidParams, JobNotFound, WrongStatus
from ..job import Priority
from ..store.ledger import Answer
from .handle import Job
from .items import ItemReading, no_failed_items


class Steering(ItemReading):
    """The acts of a QueueManager on jobs that stay."""

    def cancel(self, job_id: str) -> Job:
        """
        Stop a job: at once if it never began, else when its chunks have ended. What was done stays done.

        Raises:
            JobNotFound
            WrongStatus: It has ended.
        """
        return self._steer("job_cancel", job_id, "only a job that has not ended can be cancelled")

    def pause(self, job_id: str) -> Job:
        """Hold a job where it is; what is in hand ends first. Raises JobNotFound, WrongStatus."""
        return self._steer("job_hold", job_id, "only a job that has not ended can be paused", held=True)

    def resume(self, job_id: str) -> Job:
        """Let a held job go on where it was, with the turn that it had. Raises JobNotFound, WrongStatus."""
        return self._steer("job_hold", job_id, "only a job that has not ended can be resumed", held=False)

    def pause_all(self, type_name: str | None = None) -> bool:
        """
        Hold everything, or one type: no further chunk is begun, by workers that start later either.

        Answers whether that was not so before. Raises UnknownType.
        """
        return self._set_gate(type_name, shut=True)

    def resume_all(self, type_name: str | None = None) -> bool:
        """Take that hold off; jobs go on by priority and turn. What was held apart stays held. Raises UnknownType."""
        return self._set_gate(type_name, shut=False)

    def retry(self, job_id: str, *, codes: Sequence[str] | None = None, item_ids: Sequence[str] | None = None) -> Job:
        """
        Run an ended job again: just what failed or was not done, with a fresh number of tries.

        Args:
            codes: Only failures with one of these codes, and what was not tried.
            item_ids: Only these failed items, and what was not tried; with `codes` both.

        Raises:
            JobNotFound
            InvalidParams: An id is not that of a failed item; it names the first 20.
            WrongStatus: It has not ended, or there is nothing to do again.
            DuplicateJob: It has its parameters to itself, and another job took them meanwhile.
        """
        why = "only a job that has ended with something failed or not done can be retried"
        if codes is not None:
            why += f", and codes chooses among its failures; {', '.join(codes)} would leave nothing to do"
        given: dict[str, Any] = {"codes": None if codes is None else list(codes)}
        if item_ids is not None:
            given |= {"picked": True, "blob": self.picked(job_id, item_ids)}
        return self._steer("job_retry", job_id, why, **given)

    def promote(self, job_id: str) -> Job:
        """Let a delayed job run now. Raises JobNotFound, WrongStatus (not delayed, or begun before)."""
        return self._steer("job_promote", job_id, "only a delayed job that never began can be promoted")

    def set_priority(self, job_id: str, priority: str | int | Priority) -> Job:
        """Give a job another priority; its turn stays. Raises JobNotFound, WrongStatus, InvalidParams."""
        level = self._priority(priority)
        why = "only a job that has not ended can get another priority"
        return self._steer("job_priority", job_id, why, priority=int(level))

    def _set_gate(self, type_name: str | None, *, shut: bool) -> bool:
        gate = "all" if type_name is None else f"type:{self.job_types.get(type_name).name}"
        return bool(self.act("gate_set", token=uuid4().hex, gate=gate, shut=shut).data["changed"])

    def _steer(self, step: str, job_id: str, why_not: str, **arguments: Any) -> Job:
        answer = self.ledger.step(step, patience_s=self.patience_s, id=job_id, token=uuid4().hex, **arguments)
        self._answered(answer, job_id, why_not)
        self.ledger.wait_for_disk()
        self.send(answer)
        return self.get(job_id)

    @staticmethod
    def _answered(answer: Answer, job_id: str, why_not: str) -> None:
        if answer.state == "gone":
            raise JobNotFound(job_id)
        if answer.state == "refused":
            raise WrongStatus(job_id, answer.data["status"], why_not)
        if answer.state == "not_failed":  # somebody else was faster
            raise no_failed_items(job_id, ["some of them"])
        if answer.state == "duplicate":
            raise DuplicateJob(answer.data["job"], answer.data["status"])

    @staticmethod
    def _priority(priority: str | int | Priority) -> Priority:
        try:
            return Priority.parse(priority)
        except ValueError as error:
            raise InvalidParams(str(error), [Detail("priority", "invalid", str(error))]) from None
