"""Limits that are set and taken away while everything goes on."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from vocaqueue.rates import Rate

from .passes import Passes
from .world import FATE, FINISHES

RATES = (None, None, Rate(2, 1.0), Rate(5, 2.0, 2), Rate(1, 3.0))


class Limiting(Passes):
    """Rates and caps of types."""

    @rule(
        kind=st.sampled_from(sorted(FINISHES)),
        rate=st.sampled_from(RATES),
        cap=st.sampled_from([None, None, 1, 2]),
        fate=FATE,
    )
    def limit(self, kind: str, rate: Rate | None, cap: int | None, fate: str) -> None:
        """A type gets a rate or a cap, others, or none."""
        self.limit_type(kind, rate, cap, fate)

    def limit_type(self, kind: str, rate: Rate | None, cap: int | None, fate: str) -> None:
        given = {"rate": rate.as_step() if rate else False, "cap": cap or False}
        self.step("limits_set", fate, token=self.new("act"), type=kind, **given)
        for limits, value in ((self.model.rates, rate), (self.model.caps, cap)):
            limits.pop(kind, None)
            if value is not None:
                limits[kind] = value  # type: ignore[index]
        # The last permit of the old rate keeps its distance; a window over the change may hold some of both.
        self.model.starts.pop(kind, None)
        self.verify()

    def wake_limited(self, fate: str = "told") -> None:
        self.step("limits_wake", fate, limit=100)
        self.verify()
