"""When a schedule is due, also in the nights in which the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from vocaqueue import InvalidParams
from vocaqueue.timing import Timing


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def runs(timing: Timing, after: str, count: int) -> list[str]:
    return [
        datetime.fromtimestamp(at / 1000, UTC).isoformat().replace("+00:00", "Z")
        for at in timing.next_runs(ms(after), count)
    ]


def test_cron_means_the_clock_on_the_wall() -> None:
    """Three at night in Seoul is six in the evening in UTC, and 'after' is strict."""
    nightly = Timing(cron="0 3 * * *", time_zone="Asia/Seoul")
    assert runs(nightly, "2026-11-24T17:59:59.999Z", 2) == ["2026-11-24T18:00:00Z", "2026-11-25T18:00:00Z"]
    assert runs(nightly, "2026-11-24T18:00:00Z", 1) == ["2026-11-25T18:00:00Z"]
    assert runs(Timing(cron="0 0 29 2 *"), "2026-01-01T00:00:00Z", 1) == ["2028-02-29T00:00:00Z"]
    assert runs(Timing(cron="0 9 * * MON-FRI"), "2026-11-27T10:00:00Z", 1) == ["2026-11-30T09:00:00Z"]


def test_the_hour_that_is_skipped_in_spring() -> None:
    """On 29 March 2026 Berlin has no 02:30: that run comes right after the gap, once, and the next day as ever."""
    early = Timing(cron="30 2 * * *", time_zone="Europe/Berlin")
    assert runs(early, "2026-03-28T12:00:00Z", 2) == ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]
    hourly = Timing(cron="15 * * * *", time_zone="Europe/Berlin")
    assert runs(hourly, "2026-03-29T00:00:00Z", 3) == [
        "2026-03-29T00:15:00Z", "2026-03-29T01:15:00Z", "2026-03-29T02:15:00Z",
    ]  # fmt: skip


def test_the_hour_that_comes_twice_in_autumn() -> None:
    """On 25 October 2026 Berlin has 02:30 twice: that run comes once, an hourly one each hour."""
    early = Timing(cron="30 2 * * *", time_zone="Europe/Berlin")
    assert runs(early, "2026-10-24T12:00:00Z", 2) == ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
    for within in ("2026-10-25T00:30:00Z", "2026-10-25T01:10:00Z", "2026-10-25T01:30:00Z"):
        assert runs(early, within, 1) == ["2026-10-26T01:30:00Z"], within
    often = Timing(cron="0-50/10 2 * * *", time_zone="Europe/Berlin")
    assert runs(often, "2026-10-25T01:05:00Z", 1) == ["2026-10-26T01:00:00Z"]
    hourly = Timing(cron="15 * * * *", time_zone="Europe/Berlin")
    assert runs(hourly, "2026-10-24T23:30:00Z", 3) == [
        "2026-10-25T00:15:00Z", "2026-10-25T01:15:00Z", "2026-10-25T02:15:00Z",
    ]  # fmt: skip


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"])
@pytest.mark.parametrize("cron", ["30 2 * * *", "0 */6 * * *", "*/20 * * * *", "15 1,2,3 * * *"])
def test_times_only_grow(zone: str, cron: str) -> None:
    """Asked for from each time that it gave, a year long, no time comes twice and none goes back."""
    timing, at = Timing(cron=cron, time_zone=zone), ms("2026-01-01T00:00:00Z")
    for _ in range(400):
        following = timing.next_after(at)
        assert following is not None
        assert following > at
        assert timing.next_after(following - 1) == following
        at = following


def test_every_n_seconds_goes_by_the_clock() -> None:
    """Every hour is on the hour, wherever it was begun, so two who ask agree."""
    assert runs(Timing(every_s=3600), "2026-11-24T17:12:34Z", 2) == ["2026-11-24T18:00:00Z", "2026-11-24T19:00:00Z"]
    assert runs(Timing(every_s=1), "2026-11-24T17:12:34.500Z", 1) == ["2026-11-24T17:12:35Z"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "cron"),
        ({"cron": "0 3 * * *", "every_s": 5}, "everySeconds"),
        ({"cron": "0 3 * *"}, "cron"),
        ({"cron": "0 0 3 * * *"}, "cron"),
        ({"cron": "61 3 * * *"}, "cron"),
        ({"cron": "@daily"}, "cron"),
        ({"cron": "0 0 31 2 *"}, "cron"),
        ({"cron": "5#1/2 0 * * 5#1/2"}, "cron"),
        ({"cron": "* * * * " + "1," * 200 + "1"}, "cron"),
        ({"cron": 7}, "cron"),
        ({"cron": ""}, "cron"),
        ({"every_s": 0}, "everySeconds"),
        ({"every_s": -1}, "everySeconds"),
        ({"every_s": 10**9}, "everySeconds"),
        ({"every_s": True}, "everySeconds"),
        ({"every_s": 5, "time_zone": "Mars/Olympus"}, "timeZone"),
        ({"every_s": 5, "time_zone": "../../etc/passwd"}, "timeZone"),
        ({"every_s": 5, "time_zone": "Asia"}, "timeZone"),
        ({"every_s": 5, "time_zone": ""}, "timeZone"),
    ],
)
def test_times_that_make_no_sense(given, field) -> None:
    """Each is refused by the name of its field."""
    with pytest.raises(InvalidParams) as caught:
        Timing(**given)
    assert [detail.field for detail in caught.value.details] == [field]
