from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .systems import System


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    """A system with nothing but its Valkey running."""
    made = System(tmp_path)
    yield made
    made.stop()
