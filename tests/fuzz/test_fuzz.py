"""A minute of fuzzing with a fixed seed; `make fuzz` goes on for an hour."""

from __future__ import annotations

from pathlib import Path

import pytest

from .run import ALL_PHASES, fuzz


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_nothing_that_fits_or_breaks_the_description_surprises_us(tmp_path: Path):
    """
    No 5xx, no undocumented status, no answer of another shape, no trace and no HTML, in all of schemathesis' phases.
    """
    done = fuzz(tmp_path, seconds=70, seed=20_260_101, phases=ALL_PHASES, more=[])
    assert done.returncode == 0, done.stdout[-12_000:]
