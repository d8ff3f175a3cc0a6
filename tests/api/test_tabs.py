"""Many tabs of one browser: each gets the events, and each can call the API, over HTTP/1.1's six connections."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.test_browser import CHROMIUM, needs_chromium
from tests.api.web import Web
from tests.system.systems import until

pytestmark = [pytest.mark.slow, pytest.mark.browser, needs_chromium, pytest.mark.timeout(120)]

TABS = 7
#: The guide's snippet, and what came of it.
FOLLOW = """() => {
  window.seen = []; window.counts = 0;
  const eventSource = new EventSource('/api/admin/queue/events');
  eventSource.addEventListener('queue-stats', (event) => { JSON.parse(event.data); window.counts += 1; });
  eventSource.addEventListener('worker-online', (event) => {
    const at = Number(event.lastEventId.split('.')[1].split('-')[0]);
    window.seen.push([JSON.parse(event.data).worker, Date.now() - at]);
  });
}"""
CALL = """async () => {
  const began = performance.now();
  const answer = await fetch('/api/admin/queue/stats', {cache: 'no-store'});
  return [answer.status, performance.now() - began];
}"""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    made = Web(tmp_path)
    yield made
    made.system.stop()


def test_seven_tabs_do_not_starve_each_other(web: Web) -> None:
    """
    Seven tabs with the guide's EventSource each get every event once and in order, while each tab's calls are answered.
    """
    from playwright.sync_api import sync_playwright

    ledger = web.system.queue.ledger
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context()
        tabs = [context.new_page() for _ in range(TABS)]
        tabs[0].goto(web.link())
        for tab in tabs:
            tab.goto(f"{web.url}/healthz")  # the same origin, and no script of ours
            tab.evaluate(FOLLOW)
        for tab in tabs:
            until(lambda tab=tab: tab.evaluate("window.counts > 0"), 20)
        calls, total = [], 40
        for number in range(total):
            ledger.step("event_add", event="worker-online", data={"worker": f"w{number}"})
            status, took_ms = tabs[number % TABS].evaluate(CALL)
            assert status == 200
            calls.append(took_ms)
            tabs[0].wait_for_timeout(100)
        expected = [f"w{number}" for number in range(total)]
        for tab in tabs:
            until(lambda tab=tab: tab.evaluate("window.seen.length") >= total, 20)
            assert [worker for worker, _ in tab.evaluate("window.seen")] == expected
        late = sorted(ms for tab in tabs for _, ms in tab.evaluate("window.seen"))
        print(f"events: median {late[len(late) // 2]:.0f}, longest {late[-1]:.0f} ms; calls: {max(calls):.0f} ms")
        browser.close()


def test_seven_tabs_of_the_dashboard_are_all_live(web: Web) -> None:
    """
    The dashboard in seven tabs shows a new job in each, without a page that says it lost the line.
    """
    from playwright.sync_api import expect, sync_playwright

    from tests.toys import Toy

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(locale="en-US")
        tabs = [context.new_page() for _ in range(TABS)]
        tabs[0].goto(web.link())
        for tab in tabs:
            tab.goto(f"{web.url}/api/admin/queue/ui/")
        for tab in tabs:
            expect(tab.locator(".live")).to_have_text("Live", timeout=20_000)
            tab.evaluate("""() => { window.texts = new Set();
              new MutationObserver(() => window.texts.add(document.querySelector('.live').textContent))
                .observe(document.body, {subtree: true, childList: true, characterData: true}); }""")
        job = web.system.queue.add(Toy(ids=("a",)), name="For all")
        for tab in tabs:
            expect(tab.locator(f"[data-job={job.id}]")).to_contain_text("For all", timeout=20_000)
            assert set(tab.evaluate("[...window.texts]")) <= {"Live"}
        browser.close()
