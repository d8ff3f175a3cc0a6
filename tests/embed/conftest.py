from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .installed import Environment, build_wheel
from .shop import Shop


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """What `pip install vocaqueue[admin]` gives."""
    return Environment(tmp_path_factory.mktemp("environment"), wheel, ["vocaqueue[admin]"])


@pytest.fixture(scope="package")
def shop(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The example's whole system: its web process, and a worker, a reconciler and a relay for each branch."""
    made = Shop(environment, tmp_path_factory.mktemp("shop") / "app")
    yield made
    made.stop()
