"""Models of a job as it is answered: with its progress, its failures, its runs; and of the receipt for a new one."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from ..job import JobStatus
from .answers import Answer, Moment

PriorityName = Literal["critical", "high", "normal", "low"]


class Reason(Answer):
    """Why something is as it is."""

    code: str = Field(description="Stable, lower_snake.")
    message: str = Field(description="A sentence.")


class ItemError(Answer):
    """A failed item."""

    item_id: str
    item_name: str
    code: str
    message: str
    timestamp: Moment
    attempts: int = Field(ge=0, description="Its tries, the first one included.")


class Progress(Answer):
    """How far a job is. Every item is counted once."""

    total: int | None = Field(description="Items; null until a file is read.")
    completed: int = Field(ge=0, description="Items.")
    failed: int = Field(ge=0, description="Items, for good.")
    skipped: int = Field(ge=0, description="Items that needed nothing.")
    percent: float = Field(ge=0, le=100, description="0 to 100, of completed, failed and skipped.")
    current_item: str | None = Field(description="Name of an item that is being worked on.")
    items_per_second: float | None
    eta_seconds: float | None = Field(description="Seconds until the end at the present rate.")
    error_count: int = Field(ge=0, description="Items that failed.")
    errors: list[ItemError] = Field(max_length=100, description="The newest first; all of them by /errors.")


class Run(Answer):
    """A run of a job before it was retried."""

    attempt: int = Field(ge=1)
    status: JobStatus
    started_at: Moment | None
    finished_at: Moment | None
    completed: int = Field(ge=0, description="Items.")
    failed: int = Field(ge=0, description="Items.")
    skipped: int = Field(ge=0, description="Items.")
    error: Reason | None


class JobWarning(Answer):
    """What the requester should know, such as a style that is delivered in another one."""

    model_config = ConfigDict(extra="allow")

    code: str
    message: str


class ListedJob(Answer):
    """A job, as in lists."""

    id: str = Field(description="{type}-{unique}")
    type: str
    name: str | None
    labels: list[str]
    status: JobStatus
    wait_reason: Reason | None = Field(description="Why it stands still.")
    priority: PriorityName
    params: dict[str, Any] = Field(description="As accepted, without the list of ids.")
    created_by: str | None
    created_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    run_at: Moment | None = Field(description="Not before.")
    deadline_at: Moment | None = Field(description="By then it must have ended.")
    schedule_id: str | None
    due_at: Moment | None = Field(description="When this run of its schedule was due.")
    attempts_made: int = Field(ge=1, description="1, and 1 more per manual retry.")
    in_hand: int = Field(ge=0, description="Items that are being worked on now.")
    cancel_requested: bool
    progress: Progress
    result: Any = Field(description="What its handler answered at the end.")
    error: Reason | None
    cost_usd: float | None = Field(description="US dollars; null when unknown.")
    warnings: list[JobWarning]
    runs: list[Run] = Field(max_length=20, description="The runs before this one, the newest first.")


class Job(ListedJob):
    """A job, with the files that it made."""

    files: list[str] = Field(description="Names for GET /jobs/{id}/files/{name}.")


class Receipt(Answer):
    """What became of a request for a job."""

    job_id: str
    type: str
    status: JobStatus | None = Field(description="null: it was removed since.")
    total_items: int | None = Field(description="null until a file is read.")
    warnings: list[JobWarning]


class WordsReceipt(Answer):
    """What became of a request for a job on words."""

    job_id: str
    type: str
    status: JobStatus | None = Field(description="null: it was removed since.")
    total_words: int | None
    warnings: list[JobWarning]


class SeenReceipt(Receipt):
    """The job of the same request before; `removed` is there when it was removed since."""

    removed: Literal[True] | None = None


class SeenWordsReceipt(WordsReceipt):
    """The job of the same request before; `removed` is there when it was removed since."""

    removed: Literal[True] | None = None
