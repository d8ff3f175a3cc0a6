"""`?dryRun=true` of a submission: what it would come to, with nothing made and no file kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic import Field

from ..engine.submission import Submission
from ..errors import NotSupported
from ..estimate import Basis
from .answers import Answer
from .job_answers import JobWarning


class Bases(Answer):
    """
    Where the figures come from: `counted` one by one, `measured` of the newest jobs of the type, `declared` by the type
    or by its rate, `none`: not known.
    """

    items: Basis
    seconds: Basis
    cost_usd: Basis


class Figures(Answer):
    items: int | None = Field(ge=0)
    seconds: float | None = Field(ge=0, description="From its start, with all the type's slots working on it.")
    cost_usd: float | None = Field(ge=0)
    basis: Bases


class _DryRun(Answer):
    dry_run: Literal[True]
    type: str
    job_id: str | None = Field(description="Of the job of the same request before: no other would be made.")
    estimate: Figures
    items_ahead: int = Field(ge=0, description="Items of the type that are not done yet.")
    slots: int = Field(ge=0, description="That work on the type now.")
    warnings: list[JobWarning] = Field(description="Those of the submission, and what would keep it from running now.")


class DryRun(_DryRun):
    """What a request would come to. Nothing was made."""

    total_items: int | None = Field(description="null until a file is read.")


class WordsDryRun(_DryRun):
    """What a request for a job on words would come to. Nothing was made."""

    total_words: int | None


def model_of(total: str) -> type[_DryRun]:
    """Of types that call their items so, `totalWords` or `totalItems`."""
    return WordsDryRun if total == "totalWords" else DryRun


def shown(submission: Submission, total: str) -> dict[str, Any]:
    found = submission.forecast()
    return {"dryRun": True, **found.as_dict(), total: found.total}


def with_file(
    keep: Callable[[], str],
    discard: Callable[[str], None] | None,
    show: Callable[[str], Mapping[str, Any]],
) -> Mapping[str, Any]:
    """
    What `show` answers of a file that is kept no longer than that takes.

    Raises:
        NotSupported: The host did not say how a kept file is thrown away.
    """
    if discard is None:
        raise NotSupported("A dry run cannot take a file here; send the id of an upload as application/json.")
    upload_id = keep()
    try:
        return show(upload_id)
    finally:
        discard(upload_id)
