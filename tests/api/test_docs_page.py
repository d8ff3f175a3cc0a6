"""The page of the API's description, in a real browser."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.api.test_browser import CHROMIUM, Web, needs_chromium, web  # noqa: F401

SIGHTS = os.environ.get("VOCAQUEUE_SIGHTS")  #: folder for pictures, to look at


@pytest.mark.slow
@pytest.mark.browser
@needs_chromium
def test_the_page_reads_well_and_asks_nobody_else(web: Web, tmp_path: Path):  # noqa: F811
    """
    /docs leads to the sign-in page and back. There it shows every operation, wide and narrow, light and dark, tries one
    out, breaks no rule of the content policy, and asks no other server.
    """
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        said: list[str] = []
        asked_for: list[str] = []
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda asked: asked_for.append(asked.url))
        page.goto(f"{web.url}/api/admin/queue/docs")
        expect(page.locator("#key")).to_be_visible()
        page.locator("#key").fill("key")
        page.get_by_role("button").click()
        page.wait_for_url(f"{web.url}/api/admin/queue/docs")
        expect(page.locator(".opblock-summary-path[data-path='/jobs/toy']")).to_be_visible()
        described = page.request.get(f"{web.url}/api/admin/queue/openapi.json").json()
        assert page.locator(".opblock").count() == sum(len(methods) for methods in described["paths"].values())
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            for width in (1280, 375):
                page.set_viewport_size({"width": width, "height": 900})
                wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert wider <= 0, f"{scheme}, {width} pixels: the page is {wider} pixels too wide"
                if SIGHTS:
                    page.screenshot(path=f"{SIGHTS}/docs-{scheme}-{width}.png")
        page.set_viewport_size({"width": 1280, "height": 900})
        block = page.locator("#operations-overview-stats")
        block.locator(".opblock-summary-control").click()
        block.get_by_role("button", name="Try it out").click()
        block.get_by_role("button", name="Execute").click()
        expect(block.locator(".live-responses-table .response .response-col_status")).to_contain_text("200")
        toy = page.locator("[id='operations-jobs-submitToy']")
        toy.locator(".opblock-summary-control").click()
        expect(toy.get_by_text("Idempotency-Key").first).to_be_visible()
        if SIGHTS:
            page.screenshot(path=f"{SIGHTS}/docs-open.png", full_page=True)
        assert said == []
        assert [url for url in asked_for if not url.startswith((web.url, "data:"))] == []
        browser.close()
