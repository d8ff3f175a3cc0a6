"""Fixtures that start whole systems in folders of their own."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from systems import START, System


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: int) -> Iterator[Callable[..., System]]:
    """Start a system with the given Procfile in `tmp_path`, the working directory; it is stopped after the test."""
    for name in [name for name in os.environ if name.startswith(("REDIS_", "VOCAQUEUE_", "CELERY_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PORT", str(port))
    monkeypatch.setenv("HOST", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    systems: list[System] = []

    def run(procfile: str | None = "idle: sleep 1000", code: str = START, **options: object) -> System:
        if procfile is not None:
            (tmp_path / "Procfile").write_text(procfile)
        systems.append(System(tmp_path, code, **options))
        return systems[-1]

    yield run
    for system in systems:
        if system.process.poll() is None:
            system.signal(signal.SIGTERM)
            time.sleep(0.1)
            system.signal(signal.SIGINT)
        system.ends(10)
