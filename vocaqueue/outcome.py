"""What a handler says of one item, and how it ends a whole job."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"
    LIMITED = "limited"  #: the provider said: slow down; costs no try


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one item. Make it with `done`, `skipped`, `failed` or `limited`."""

    kind: Kind
    code: str = ""  #: why, lower_snake: `unchanged`, `word_not_found`, `rate_limited` …
    message: str = ""  #: one sentence for a person
    retryable: bool = False  #: try this item again, alone, up to the type's `attempts`
    retry_after_s: float | None = None  #: the provider's own wish; None: the type's backoff
    cost_nano: int = 0  #: billionths of a US dollar that this try cost

    @classmethod
    def done(cls, *, cost_nano: int = 0) -> Outcome:
        return DONE if cost_nano == 0 else cls(Kind.DONE, cost_nano=cost_nano)

    @classmethod
    def skipped(cls, reason: str) -> Outcome:
        return cls(Kind.SKIPPED, code=reason)

    @classmethod
    def failed(
        cls,
        code: str,
        message: str,
        *,
        retryable: bool = False,
        retry_after_s: float | None = None,
        cost_nano: int = 0,
    ) -> Outcome:
        return cls(Kind.FAILED, code, message, retryable, retry_after_s, cost_nano)

    @classmethod
    def limited(cls, retry_after_s: float | None = None) -> Outcome:
        """
        The provider refused the call for its rate (429): the item waits, and no try is used up.

        The account of the type (or the type itself) is shut for everybody for so long, and its rate falls.

        Args:
            retry_after_s: What the provider asked for; None: a second.
        """
        return cls(Kind.LIMITED, code="rate_limited", retry_after_s=retry_after_s)


DONE = Outcome(Kind.DONE)


class JobFatal(Exception):
    """
    Raised by a handler when the job as a whole cannot go on (a bad key, no credit).

    The items that were settled stay settled; the others are not tried.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(slots=True)  # not frozen: that makes it four times dearer, and a job has a million of them
class Item:
    """One item as a handler gets it."""

    index: int  #: position in the job, from 0
    id: str  #: what the job was given, or what the handler's `load` says
    data: Any = None  #: what `load` read for it
    name: str = ""  #: what a person calls it; "" is the id


@dataclass(frozen=True, slots=True)
class Plan:
    """What `plan` found: how many items there are, and what `load` needs to get some of them."""

    total: int
    source: dict[str, Any]  #: JSON; given back to `load` as `ctx.source`
