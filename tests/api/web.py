"""The service under gunicorn with gevent, as a real process."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.system.systems import System, listens, until
from vocaqueue.store.logins import Logins


class Web:
    """
    The web process and its system, over toy jobs by default.

    Args:
        env: Further environment of the system's processes.
        options: As of System.
    """

    def __init__(self, folder: Path, env: dict[str, str] | None = None, **options: Any) -> None:
        self.system = System(folder, **options)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.system.env |= {"PORT": str(self.port), "HOST": "127.0.0.1", "VOCAQUEUE_ADMIN_KEY": "key"}
        self.system.env |= {"VOCAQUEUE_SECRET_KEY": "secret", "VOCAQUEUE_SSE_HEARTBEAT": "1"}
        self.system.env |= env or {}
        command = [sys.executable, "-m", "gunicorn", "-c", "python:api.gunicorn", "api.app:create_app()"]
        self.system._run("web", command)
        until(lambda: listens(self.port))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        return self.system.processes["web"]

    def link(self) -> str:
        return f"{self.url}/login?token={Logins(self.system.queue.ledger).issue('admin')}"

    def stream(self, header: str) -> socket.socket:
        """An open stream, after its first event."""
        stream = socket.create_connection(("127.0.0.1", self.port))
        stream.sendall(f"GET /api/admin/queue/events HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n".encode())
        received = b""
        while b"queue-stats" not in received:
            received += stream.recv(65536)
        return stream

    def rss_mb(self) -> float:
        """Resident memory of the process that serves."""
        (child,) = self.system.children("web")
        pages = int(Path(f"/proc/{child}/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 1e6

    def cpu_s(self) -> float:
        """Seconds of a core that the process that serves has used."""
        (child,) = self.system.children("web")
        fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def connections(self) -> int:
        """Open connections to it."""
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(line[3] == "01" and int(line[1].rpartition(":")[2], 16) == self.port for line in lines)
