"""What a job would take: items, time, money."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """
    What a type itself says of a job that was not made yet. None: it cannot say, so what was measured counts.

    Raises:
        ValueError: A figure is below 0 or no number.
    """

    items: int | None = None
    seconds: float | None = None  #: with all the type's slots working on it, from its start
    cost_usd: float | None = None  #: 0 where the work costs nothing

    def __post_init__(self) -> None:
        for name in ("items", "seconds", "cost_usd"):
            value = getattr(self, name)
            if value is not None and not (isfinite(value) and value >= 0):
                raise ValueError(f"Estimate.{name} must be 0 or more, not {value}")


class Basis(StrEnum):
    """Where a figure comes from."""

    COUNTED = "counted"  #: the job's items are known one by one
    MEASURED = "measured"  #: from the newest jobs of the type
    DECLARED = "declared"  #: the type's own estimate, or what its rate allows at most
    NONE = "none"  #: nobody knows


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a submission would come to. It is a reading; nothing was made."""

    type: str
    items: int | None
    seconds: float | None  #: from its start, with all the type's slots working on it
    cost_usd: float | None
    basis: dict[str, Basis]  #: of `items`, `seconds` and `costUsd`
    total: int | None  #: items, where they are known one by one; what the submission itself would answer
    items_ahead: int = 0  #: of this type, that are not done yet
    slots: int = 0  #: that work on this type now
    warnings: tuple[dict[str, Any], ...] = field(default=())  #: those of the submission, and what stands in its way now
    job_id: str | None = None  #: of the job of the same request before; no other would be made

    def as_dict(self) -> dict[str, Any]:
        """camelCase, without `total`, which is called as its items are."""
        return {
            "type": self.type,
            "jobId": self.job_id,
            "estimate": {
                "items": self.items,
                "seconds": self.seconds,
                "costUsd": self.cost_usd,
                "basis": {name: basis.value for name, basis in self.basis.items()},
            },
            "itemsAhead": self.items_ahead,
            "slots": self.slots,
            "warnings": list(self.warnings),
        }
