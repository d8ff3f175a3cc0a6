"""The service under gunicorn with gevent, followed from a real browser."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.web import Web
from tests.system.systems import until
from tests.toys import Toy

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None and os.environ.get("VOCAQUEUE_TEST_ALL") != "1",
    reason="Chromium is missing: `make ci-deps` installs it",
)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    made = Web(tmp_path)
    yield made
    made.system.stop()


@pytest.mark.slow
@pytest.mark.browser
@needs_chromium
def test_a_person_signs_in_and_watches_a_job(web: Web, tmp_path: Path):
    """
    Without a session the page says how to get in; by the link it shows a job that moves by itself, and its failures.
    """
    from playwright.sync_api import expect, sync_playwright

    assert CHROMIUM, "Chromium is missing: run `make ci-deps`"
    web.system.worker("toys", ["toy"], children=1)
    web.system.reconciler()
    with sync_playwright() as play:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = play.chromium.launch(executable_path=CHROMIUM, args=options)
        page = browser.new_context(locale="en-US", viewport={"width": 375, "height": 800}).new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(web.url)
        expect(page.get_by_text("make start")).to_be_visible()
        page.goto(web.link())
        expect(page.locator(".live")).to_have_text("Live")
        assert page.url == f"{web.url}/api/admin/queue/ui/"
        said.clear()

        ids = tuple(f"i{number}" for number in range(60))
        job = web.system.queue.add(
            Toy(ids=ids, seconds=0.1, log=str(tmp_path / "calls"), fail={"i3": ["final"]}), name="Watched"
        )
        row = page.locator(f"[data-job={job.id}]")
        expect(row).to_contain_text("Active", timeout=30_000)
        seen = set()
        until(lambda: seen.add(row.locator("progress").get_attribute("value")) or len(seen) > 3, 30, 0.1)
        row.click()
        expect(page.locator("dialog h2")).to_have_text("Watched")
        expect(page.locator("dialog .chip")).to_have_text("Completed", timeout=60_000)
        expect(page.locator("dialog .errors")).to_contain_text("bad_item")
        page.keyboard.press("Escape")
        expect(page.locator("dialog")).not_to_be_visible()
        expect(row).to_contain_text("60 of 60")
        expect(row).to_contain_text("1 failed")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is wider than a phone"
        assert said == []
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("make start")).to_be_visible()
        browser.close()


@pytest.mark.slow
def test_open_streams_do_not_hold_up_a_stop(web: Web):
    """
    Told to stop, the web process ends within seconds although clients follow its streams.
    """
    streams = []
    for _ in range(5):
        stream = socket.create_connection(("127.0.0.1", web.port))
        stream.sendall(b"GET /api/admin/queue/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key\r\n\r\n")
        streams.append(stream)
        received = b""
        while b"queue-stats" not in received:
            received += stream.recv(65536)
    begun = time.monotonic()
    web.process.send_signal(signal.SIGTERM)
    web.process.wait(timeout=15)
    assert time.monotonic() - begun < 8
    for stream in streams:
        stream.close()


@pytest.mark.slow
def test_the_stream_goes_on_after_the_server_was_killed(web: Web):
    """
    Under gevent too: the job store dies and comes back, and an open stream says so and then tells what is new.
    """
    with socket.create_connection(("127.0.0.1", web.port)) as stream:
        stream.sendall(b"GET /api/admin/queue/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key\r\n\r\n")
        stream.settimeout(30)
        received = b""

        def read_until(what: bytes) -> None:
            nonlocal received
            while what not in received:
                received += stream.recv(65536)

        read_until(b"event:queue-stats")
        web.system.valkey.kill()
        read_until(b"event:store-away")
        web.system.valkey.start()
        read_until(b"event:reset")
        web.system.queue.add(Toy(ids=("a",)), name="after")
        read_until(b"event:job-created")
