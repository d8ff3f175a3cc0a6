"""A rate: how many calls may start in a length of time, for a job type or for a provider's account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .errors import BadSettings

LONGEST_WINDOW_S = 86_400.0
MOST_PER_WINDOW = 1_000_000


@dataclass(frozen=True, slots=True)
class Rate:
    """
    At most `max` starts in any window of `duration_s` seconds, at any offset, evenly spread.

    With a `burst` of n, n more may start at once after a quiet time; a window then holds up to `max` + n.
    With no burst they start 3 % further apart than the bare quotient, so that a start which comes a little late
    still leaves every window with `max` at the most.
    """

    max: int  #: starts in a window
    duration_s: float = 1.0  #: length of the window
    burst: int = 0

    def __post_init__(self) -> None:
        for name, value, least, most in (
            ("max", self.max, 1, MOST_PER_WINDOW),
            ("duration_s", self.duration_s, 0.001, LONGEST_WINDOW_S),
            ("burst", self.burst, 0, MOST_PER_WINDOW),
        ):
            if isinstance(value, bool) or not least <= value <= most:
                raise BadSettings(f"Rate.{name} must be between {least:g} and {most:g}, not {value!r}")

    def __str__(self) -> str:
        window = "second" if self.duration_s == 1 else f"{self.duration_s:g} s"
        return f"{self.max} per {window}" + (f", burst {self.burst}" if self.burst else "")

    def as_dict(self) -> dict[str, Any]:
        """As in the contract, camelCase."""
        return {"max": self.max, "durationSeconds": self.duration_s, "burst": self.burst}

    def as_step(self) -> dict[str, Any]:
        """As the ledger's steps take it."""
        return {"max": self.max, "window_ms": round(self.duration_s * 1000, 3), "burst": self.burst}
