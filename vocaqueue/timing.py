"""When a schedule is due: cron in a time zone, or every so many seconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim

from .errors import Detail, InvalidParams

LONGEST_S = 366 * 86_400
LONGEST_CRON = 200  #: characters
FIELDS = "minute hour day-of-month month day-of-week"
MOST_PASSED = 600  #: more than the runs that cron has in the hour that comes twice


def is_zone(name: object) -> bool:
    """Whether it is an IANA name, such as Asia/Seoul."""
    return isinstance(name, str) and (name == "UTC" or name in _zones())


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    # Not by opening it: a zone's name is a path, and a folder of zones is none.
    return frozenset(available_timezones())


@dataclass(frozen=True, slots=True)
class Timing:
    """
    Exactly one of `cron` and `every_s`.

    Cron has five fields and means the clock on the wall of the zone. What falls into the hour that is skipped in spring
    runs right after it, and in the hour that comes twice in autumn it runs once; with `*` as hour or minute it goes by
    the time that passes, as in Debian's cron. Every N seconds goes by the clock too: every 3600 is on the hour, in UTC.

    Raises:
        InvalidParams: `details` name the field as it is called over HTTP.
    """

    cron: str | None = None
    every_s: int | None = None
    time_zone: str = "UTC"

    def __post_init__(self) -> None:
        wrong = []
        if (self.cron is None) == (self.every_s is None):
            field = "cron" if self.cron is None else "everySeconds"
            wrong.append(Detail(field, "cron_or_every", "Give either cron or everySeconds"))
        if not is_zone(self.time_zone):
            wrong.append(Detail("timeZone", "unknown_zone", "timeZone must be an IANA name, such as Asia/Seoul"))
        if self.every_s is not None and not (type(self.every_s) is int and 1 <= self.every_s <= LONGEST_S):
            said = "everySeconds must be a whole number of seconds, from 1 to a year"
            wrong.append(Detail("everySeconds", "out_of_range", said))
        if self.cron is not None and (why := _wrong_cron(self.cron)):
            wrong.append(Detail("cron", "invalid", why))
        if wrong:
            raise InvalidParams("; ".join(detail.message for detail in wrong) + ".", wrong)

    def next_after(self, ms: int) -> int | None:
        """The first time after `ms`; None: it never comes again."""
        if self.every_s is not None:
            step = self.every_s * 1000
            return (ms // step + 1) * step
        assert self.cron is not None
        return _next(self.cron, ms, self.time_zone)

    def next_runs(self, ms: int, count: int) -> list[int]:
        """The first `count` times after `ms`."""
        found: list[int] = []
        while len(found) < count and (following := self.next_after(found[-1] if found else ms)) is not None:
            found.append(following)
        return found


def _next(cron: str, ms: int, zone: str) -> int | None:
    start = datetime.fromtimestamp(ms / 1000, UTC if zone == "UTC" else ZoneInfo(zone))
    times = CronSim(cron, start)
    # Within the hour that comes twice it may answer with a time of the first one, which has passed.
    for _ in range(MOST_PASSED):
        following = next(times, None)
        if following is None:
            return None
        at = round(following.timestamp() * 1000)
        if at > ms:
            return at
    return None


def _wrong_cron(cron: object) -> str | None:
    if not isinstance(cron, str) or len(cron) > LONGEST_CRON or len(cron.split()) != 5:
        return f"cron has five fields, {FIELDS}, such as 0 3 * * *"
    try:
        comes = next(CronSim(cron, datetime.now(UTC)), None) is not None
    except Exception as error:  # besides its own errors it meets a few of Python's
        return f"cron cannot be read ({str(error).lower() or 'wrong'}); it has five fields, {FIELDS}, such as 0 3 * * *"
    return None if comes else "there is no such day, so this cron never comes"
