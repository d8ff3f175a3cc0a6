"""The dashboard inside the shop, in a real browser with the shop's own session."""

from __future__ import annotations

import pytest

from tests.api.test_browser import CHROMIUM, needs_chromium

from .shop import PASSWORD, Shop


@pytest.mark.slow
@pytest.mark.browser
@needs_chromium
def test_a_person_of_the_shop_steers_a_job_in_the_dashboard(shop: Shop) -> None:
    """
    Led to the shop's own form and back to a live dashboard below the base path; a job is cancelled there, past the
    shop's check of where changes come from; the page's policy blocks nothing; signing out is the shop's again.
    """
    from playwright.sync_api import expect, sync_playwright

    jun = shop.person("jun")
    body = {"customerIds": ["seoul-1"], "subject": "Spring", "name": "For later", "delay": 3600}
    job_id = jun.post("/ops/seoul/queue/jobs/send-letters", body).json()["data"]["jobId"]
    with sync_playwright() as play:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = play.chromium.launch(executable_path=CHROMIUM, args=options)
        page = browser.new_context(locale="en-US").new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"{shop.url}/ops/seoul/queue/ui/")
        assert page.url.startswith(f"{shop.url}/sign-in?next="), "who is not signed in is led to the shop's own form"
        page.locator("[name=login]").fill("jun")
        page.locator("[name=password]").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        assert page.url == f"{shop.url}/ops/seoul/queue/ui/"
        expect(page.locator(".live")).to_have_text("Live")
        said.clear()  # the shop has no icon of its own
        page.reload()
        page.locator(f"[data-job={job_id}]").click()
        expect(page.locator("dialog h2")).to_have_text("For later")
        page.locator("dialog").get_by_role("button", name="Cancel").click()
        expect(page.locator("dialog .chip")).to_have_text("Cancelled", timeout=30_000)
        assert said == []
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/sign-in?next=*")
        browser.close()
    assert jun.get(f"/ops/seoul/queue/jobs/{job_id}").json()["data"]["status"] == "cancelled"
