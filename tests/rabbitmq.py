"""A RabbitMQ of a test's own, if the machine has one installed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

import amqp

#: The distribution's own command changes to the user `rabbitmq`; the one behind it does not.
PROGRAMS = (
    "/usr/lib/rabbitmq/bin/rabbitmq-server",
    "/usr/local/sbin/rabbitmq-server",
    "/opt/homebrew/sbin/rabbitmq-server",
)


def program() -> str | None:
    return next((path for path in PROGRAMS if os.access(path, os.X_OK)), None)


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


class PrivateRabbit:
    """A broker on loopback in a folder of its own, with its own name server; `restart` keeps what is durable."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="vocaqueue-rabbit-"))
        self.port, self.dist_port, self.epmd_port = free_port(), free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def start(self, up_within_s: float = 90.0) -> PrivateRabbit:
        (self.folder / "conf").mkdir(exist_ok=True)
        (self.folder / "plugins").write_text("[].\n")
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\nvm_memory_high_watermark.absolute = 200MB\n"
            "disk_free_limit.absolute = 10MB\n"
        )
        env = os.environ | {
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"t{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1",
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        with (self.folder / "out").open("ab") as out:
            self._process = subprocess.Popen(
                [str(program())], env=env, stdout=out, stderr=out, start_new_session=True, cwd=self.folder
            )
        end = time.monotonic() + up_within_s
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"RabbitMQ did not come up: {(self.folder / 'out').read_text()[-2000:]}")
            time.sleep(0.2)
        return self

    def restart(self) -> None:
        self._end(signal.SIGTERM)
        self.start()

    def stop(self) -> None:
        self._end(signal.SIGKILL)
        self._end_name_server()
        shutil.rmtree(self.folder, ignore_errors=True)

    def connection(self) -> amqp.Connection:
        return amqp.Connection(f"127.0.0.1:{self.port}", connect_timeout=2)

    def _answers(self) -> bool:
        try:
            with self.connection():
                return True
        except Exception:
            return False

    def _end_name_server(self, within_s: float = 5.0) -> None:
        """It is a daemon of its own, and refuses to go before it has noticed that the broker is gone."""
        env = os.environ | {"ERL_EPMD_PORT": str(self.epmd_port)}
        end = time.monotonic() + within_s
        with suppress(OSError, subprocess.TimeoutExpired):
            while time.monotonic() < end:
                done = subprocess.run(["epmd", "-kill"], env=env, capture_output=True, timeout=5, check=False)
                if b"living nodes" not in done.stdout + done.stderr:
                    return
                time.sleep(0.1)

    def _end(self, sig: int) -> None:
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, sig)
        self._process.wait(60)
        self._process = None
