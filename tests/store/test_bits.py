"""Bitmaps over ranges: the same as a set of numbers, and small."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.model.real import positions
from vocaqueue.store.ledger import Ledger
from vocaqueue.store.scripts import assemble
from vocaqueue.testing.valkey import PrivateValkey

RANGES = assemble(
    """#!lua
bits_make('x', a.total)
local news, clear = {}, {}
for n, r in ipairs(a.ranges) do
  if r[3] == 'set' then set_bits(K.away .. 'x', r[1], r[2])
  elseif r[3] == 'settle' then news[#news + 1] = settle_range('x', r[1], r[2])
  else news[#news + 1] = settle_range('x', r[1], r[2], r[3]) end
  local start, stop = next_clear(K.settled .. 'x', r[1], a.total)
  clear[#clear + 1] = { start or -1, stop or -1 }
end
return answer({ news = news, clear = clear })"""
)


@st.composite
def work(draw: Any) -> tuple[int, list[tuple[int, int, str]]]:
    total = draw(st.one_of(st.integers(1, 40), st.integers(60, 70), st.integers(1000, 1100)))
    found = []
    for _ in range(draw(st.integers(1, 12))):
        start = draw(st.integers(0, total - 1))
        end = draw(st.integers(start + 1, min(total, start + draw(st.sampled_from([1, 3, 9, 70, 1100])))))
        found.append((start, end, draw(st.sampled_from(["settle", "settle", "skipped", "failed", "set"]))))
    return total, found


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=work())
def test_ranges_of_bits_are_sets(ledger: Ledger, case: tuple[int, list[tuple[int, int, str]]]) -> None:
    """
    Settling and setting ranges at any offset, and finding the next clear run, agree with a Python set.
    """
    total, ranges = case
    keys = {name: ledger.keys(name, "x") for name in ("settled", "skipped", "failed", "away")}
    ledger.client.delete(*keys.values())
    sets: dict[str, set[int]] = {name: set() for name in keys}
    news, clear = [], []
    for start, end, how in ranges:
        new = set(range(start, end)) - sets["settled"]
        sets["away"] |= set(range(start, end))
        if how != "set":
            news.append(len(new))
            sets["settled"] |= new
            if how in sets:
                sets[how] |= new
        first = next((i for i in range(start, total) if i not in sets["settled"]), None)
        if first is None:
            clear.append([-1, -1])
        else:
            clear.append([first, next((i for i in range(first, total) if i in sets["settled"]), total)])
    answer = json.loads(
        ledger.client.eval(RANGES, 1, ledger.keys.prefix, json.dumps({"total": total, "ranges": ranges}))
    )
    found = {name: positions((ledger.client.get(key) or b"").decode("latin-1")) for name, key in keys.items()}
    assert found == sets
    assert (list(answer["news"]) if news else [], answer["clear"]) == (news, clear)


def test_a_job_of_a_million_items_is_small(valkey: PrivateValkey, make_ledger: Callable[..., Ledger]) -> None:
    """
    A job of 1,000,000 items costs under 20 MB beyond their ids: fresh, worked at, and with retries outstanding.
    """
    ledger, client = make_ledger(), valkey.client

    def cost() -> int:
        keys = client.keys(ledger.keys.prefix + "*")
        return sum(client.memory_usage(key, samples=0) for key in keys)

    used = int(client.info("memory")["used_memory"])
    ledger.step(
        "job_create", id="m", type="toy", priority=3, params="{}", total=1_000_000, attempts=4, backoff_ms=60_000
    )
    assert cost() < 20_000_000
    assert int(client.info("memory")["used_memory"]) - used < 20_000_000

    # 5,000 retries outstanding, the most a job may have, and failures of every other item of the next 5,000.
    for n in range(11):
        claim = ledger.step(
            "lease_claim", job="m", ticket=n + 1, token=f"t{n}", holder="h", hard_ms=60_000, finishes=False, first=1000,
            chunk_ms=2000, chunk_max=1000,
        )  # fmt: skip
        if claim.state != "lease":
            break
        items = [i for a, b in claim.data["ranges"] for i in range(a, b)]
        failed = [[i, f"word-{i}", f"word {i}", "busy", "The provider is busy.", i < 5000, None] for i in items]
        ledger.step("lease_commit", token=f"t{n}", seq=1, failed=failed if n < 5 else failed[::2],
                    done=[] if n < 5 else [[i, i + 1] for i in items[1::2]], jitter=0.5, close=True)  # fmt: skip
    job = client.hgetall(ledger.keys("job", "m"))
    assert client.zcard(ledger.keys("retry", "m")) == 5000
    assert int(job[b"failed"]) + int(job[b"completed"]) + 5000 <= 1_000_000
    assert cost() < 20_000_000


def test_a_job_whose_blocks_have_gone_is_not_made(ledger):
    """
    Item blocks that expired before the job came: nothing is left behind, and the caller is told.
    """
    new = {"id": "a", "type": "toy", "priority": 3, "params": "{}", "total": 4, "attempts": 1, "backoff_ms": 100}
    assert ledger.step("job_create", blocks="nothing", **new).state == "no_blocks"
    assert ledger.client.keys(ledger.keys.prefix + "*") == []
