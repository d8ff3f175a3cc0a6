"""A client that was written from the queue guide alone works, in Node and in a browser, with the running service."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.test_browser import CHROMIUM, needs_chromium
from tests.api.web import Web
from tests.system.systems import ROOT
from workers.job_types import JOB_TYPES

HERE = Path(__file__).parent
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(
    (NODE is None or not (HERE / "node_modules").exists()) and os.environ.get("VOCAQUEUE_TEST_ALL") != "1",
    reason="Node or the package eventsource is missing: `make ci-deps` installs the package",
)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    """VocaVision's own types, a worker for all of them, the relay and the reconciler."""
    made = Web(tmp_path, env={"VOCAQUEUE_SAMPLE": "off"}, job_types="workers.job_types:JOB_TYPES")
    system = made.system
    subprocess.run([sys.executable, "-m", "workers.release"], cwd=ROOT, env=os.environ | system.env, check=True)
    system.worker("all", [job_type.name for job_type in JOB_TYPES])
    system.reconciler()
    system.ready("all")
    yield made
    made.system.stop()


@needs_node
def test_the_guides_client_works_in_node(web: Web) -> None:
    """
    Every request and both EventSource snippets of the guide do what it says, with a key and the package `eventsource`.
    """
    run = subprocess.run(
        [NODE or "node", "node.mjs"],
        cwd=HERE,
        env=os.environ | {"BASE": web.url, "KEY": "key"},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["progressEvents"] > 1


@pytest.mark.browser
@needs_chromium
def test_the_guides_client_works_in_a_browser(web: Web) -> None:
    """
    The same in a page of a browser that is signed in, with its own EventSource and the session's cookie.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_context().new_page()
        page.set_default_timeout(150_000)
        page.goto(web.link())
        page.goto(f"{web.url}/healthz")  # the same origin, and no script of ours
        seen = page.evaluate(f"(() => {{ {(HERE / 'guide.js').read_text()}; return guide(true); }})()")
        assert seen["progressEvents"] > 1
        browser.close()
