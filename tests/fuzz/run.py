"""
Fuzz a real service: `python -m tests.fuzz.run --seconds 3600 --seed 1`.

gunicorn with gevent, a private Valkey and SQLite, without a worker: jobs are made, held, removed, never done. Exit
status 0 means that no answer was a 5xx, undocumented, of another shape than documented, a trace, or HTML where JSON was
asked.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.system.systems import ROOT, System, listens, until

TYPES = "workers.job_types:JOB_TYPES,tests.toys:JOB_TYPES"
ALL_PHASES = "examples,coverage,fuzzing,stateful"
KEY = "the-key-of-the-fuzzer-which-is-long-enough"
CONFIG = ROOT / "tests/fuzz/schemathesis.toml"
MIGRATE = "import os; from workers.words import database; database.migrate(os.environ['DATABASE_URL'])"
#: All but `positive_data_acceptance`: what fits the schemas may still be refused for what is in the store.
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "unsupported_method", "allow_header_conformance", "missing_required_header",
    "negative_data_rejection", "use_after_free", "ensure_resource_availability", "ignored_auth", "no_trace",
    "never_html",
)  # fmt: skip


class Service(System):
    """The web process alone."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, job_types=TYPES)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.env |= {"HOST": "127.0.0.1", "PORT": str(self.port), "VOCAQUEUE_ADMIN_KEY": KEY}
        self.env |= {"VOCAQUEUE_SECRET_KEY": "secret", "VOCAQUEUE_SSE_HEARTBEAT": "1"}
        subprocess.run([sys.executable, "-c", MIGRATE], cwd=ROOT, env=os.environ | self.env, check=True)
        self.relay()  # which makes the history that lists are searched in
        self._run("web", [sys.executable, "-m", "gunicorn", "-c", "python:api.gunicorn", "tests.fuzz.service:app()"])
        try:
            until(lambda: listens(self.port))
            until(self._knows_its_history)
        except BaseException:
            self.stop()
            raise

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _knows_its_history(self) -> bool:
        path, headers = "/api/admin/queue/jobs?q=a", {"Authorization": f"Bearer {KEY}"}
        try:
            urlopen(Request(self.url + path, headers=headers), timeout=10).close()
        except HTTPError as error:
            return error.code != 503
        return True


def fuzz(folder: Path, *, seconds: int, seed: int, phases: str, more: list[str]) -> subprocess.CompletedProcess[str]:
    """
    Run schemathesis over everything that the service describes.

    Args:
        seconds: For all phases; fuzzing and stateful testing go on until they are over.
        phases: By comma: examples, coverage, fuzzing, stateful.
    """
    service = Service(folder)
    try:
        command = [
            str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(CONFIG),
            "run", f"{service.url}/api/openapi.json", "--header", f"Authorization: Bearer {KEY}",
            "--checks", ",".join(CHECKS), "--phases", phases, "--max-time", str(seconds), "--seed", str(seed),
            "--request-timeout", "30", "--suppress-health-check", "all", "--generation-database", "none",
            "--warnings", "off", *more,
        ]  # fmt: skip
        env = os.environ | {"SCHEMATHESIS_HOOKS": "tests.fuzz.hooks", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        said = service.log("web")
        if "a request failed" in said or "Traceback" in said:
            return subprocess.CompletedProcess(command, 1, f"{done.stdout}\nThe service's log:\n{said[-8000:]}")
        return done
    finally:
        service.stop()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=3600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--phases", default=ALL_PHASES)
    given, more = parser.parse_known_args()
    with tempfile.TemporaryDirectory(prefix="vq-fuzz-") as folder:
        done = fuzz(Path(folder), seconds=given.seconds, seed=given.seed, phases=given.phases, more=more)
    print(done.stdout)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
