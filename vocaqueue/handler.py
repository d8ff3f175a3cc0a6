"""The code of a job type: a class with up to four steps, run in a worker."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .files import FileStore
from .outcome import Item, Outcome, Plan
from .registry import JobParams


@dataclass(frozen=True)
class Context:
    """What a handler may know of the job whose items it is given."""

    job_id: str
    job_type: str
    run: int  #: 1, and 1 more per manual retry of the job
    fence: int  #: grows with every claim; goes into each upsert, so that an old owner overwrites nothing newer
    token: str  #: of this claim; part of the names of what an unfinished plan or finish writes
    params: JobParams
    created_by: str | None
    source: dict[str, Any]  #: what `plan` answered; {} where the job was given its ids
    counts: dict[str, int]  #: total, completed, failed, skipped when the claim was made (of the whole job in `finish`)
    files: FileStore
    #: Kept with the job, also from threads that the handler starts. Plain `logging` from INFO on is kept too.
    log: logging.Logger | logging.LoggerAdapter[logging.Logger] = field(default=logging.getLogger("vocaqueue.job"))

    @property
    def folder(self) -> str:
        """Where the job's own files lie in the file store; those directly in it are offered as downloads."""
        return str(Path("jobs") / self.job_id)


class Handler:
    """
    Base of every job type's code. One instance lives as long as the worker's child.

    Define `run` (plain or `async`) or `run_chunk`; `plan` too where the type takes no list of ids.
    """

    def plan(self, params: Any, ctx: Context) -> Plan:
        """How many items there are. May run again after a crash: write under `ctx.token`."""
        raise NotImplementedError

    def load(self, indexes: Sequence[int], ctx: Context) -> list[Item]:
        """The items at these positions, in the same order, after a `plan`."""
        raise NotImplementedError

    def names(self, ids: Sequence[str], ctx: Context) -> Mapping[str, str]:
        """What people call these items, for progress and errors; those that are left out go by their id."""
        return {}

    def run(self, item: Item, ctx: Context) -> Any:
        """Work on one item; answers an Outcome. An exception is a retryable failure of this item."""
        raise NotImplementedError

    def run_chunk(self, items: Sequence[Item], ctx: Context) -> Sequence[Outcome]:
        """Work on a set of items at once; answers their outcomes in the same order."""
        raise NotImplementedError

    def finish(self, ctx: Context) -> dict[str, Any] | None:
        """
        After the last item, and for the report also after a cancel; answers the job's result (JSON).

        A crash may run it again: write under temporary names and rename at the end.
        """
        return None

    @classmethod
    def defines(cls, step: str) -> bool:
        return getattr(cls, step) is not getattr(Handler, step)
