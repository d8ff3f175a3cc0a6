"""One private PostgreSQL server for the whole run; each test has a database of its own in it."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Its URL for SQLAlchemy. Skips tests where PostgreSQL or its driver is missing."""
    psycopg = pytest.importorskip("psycopg", reason="needs the Python package psycopg")
    assert psycopg
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) if Path("/usr/lib/postgresql").exists() else []
    if not programs:
        pytest.skip("needs PostgreSQL")
    # Not pytest's own folder: the server must not run as root, and the path of a socket holds 107 bytes at most.
    folder, where = programs[-1].parent, Path(tempfile.mkdtemp(prefix="vocaqueue-postgres-"))
    user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    if user:
        shutil.chown(where, "postgres")
    initdb = [*user, folder / "initdb", "-D", where / "data", "-U", "me", "-A", "trust", "-N", "-E", "UTF8"]
    subprocess.run([*initdb, "--locale=C"], check=True, capture_output=True)
    server = subprocess.Popen(
        [*user, folder / "postgres", "-D", where / "data", "-k", where, "-h", "", "-F"], stderr=subprocess.DEVNULL
    )
    url = f"postgresql+psycopg://me@/postgres?host={where}"
    try:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                create_engine(url).connect().close()
                break
            except Exception:
                time.sleep(0.05)
        yield url
    finally:
        subprocess.run([*user, folder / "pg_ctl", "-D", where / "data", "stop", "-m", "immediate"], check=False)
        server.wait(20)
        shutil.rmtree(where, ignore_errors=True)


@pytest.fixture
def postgres(postgres_server: str) -> Iterator[str]:
    """URL of an empty database."""
    name = f"t{secrets.token_hex(6)}"
    server = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield postgres_server.replace("@/postgres?", f"@/{name}?")
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()
