"""How many wrong keys somebody may try, counted for all web processes together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .ledger import Ledger

# A bucket that refills evenly, as the one number "when it will be full again" (GCRA). On a full server too: nobody may
# guess for free there.
# KEYS buckets · ARGV per bucket: its size, ms until one try comes back; then what to do: take, give, look
# Returns 0, or after how many ms there is a try again; then nothing was taken.
_STEP = """#!lua flags=allow-oom
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local act, full_at, wait = ARGV[#ARGV], {}, 0
for i, key in ipairs(KEYS) do
  local size, each = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  full_at[i] = math.min(math.max(tonumber(redis.call('GET', key) or '0'), now), now + size * each)
  if act ~= 'give' then wait = math.max(wait, full_at[i] + each - now - size * each) end
end
if act == 'look' or wait > 0 then return wait end
for i, key in ipairs(KEYS) do
  local each = tonumber(ARGV[2 * i])
  local at = full_at[i] + (act == 'give' and -each or each)
  if at > now then redis.call('SET', key, string.format('%d', at), 'PX', string.format('%d', at - now))
  else redis.call('DEL', key) end
end
return 0
"""


@dataclass(frozen=True, slots=True)
class Bucket:
    """So many tries at once; one comes back every `each_s` seconds."""

    what: str
    size: int
    each_s: float


class Attempts:
    """
    A lost reply counts at most one try too many, so no step is repeated.

    Args:
        buckets: Each with whose it is: an address, or everybody's. A try needs one from each.

    Every call may raise StoreUnavailable.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def take(self, buckets: Sequence[tuple[Bucket, str]]) -> int:
        """Take a try. Answers 0, or after how many seconds there is one."""
        return self._do("take", buckets)

    def give_back(self, buckets: Sequence[tuple[Bucket, str]]) -> None:
        """It was no wrong one."""
        self._do("give", buckets)

    def wait_s(self, buckets: Sequence[tuple[Bucket, str]]) -> int:
        """0, or after how many seconds there is a try; takes none."""
        return self._do("look", buckets)

    def _do(self, act: str, buckets: Sequence[tuple[Bucket, str]]) -> int:
        keys = [self._ledger.keys("attempts", bucket.what, whose) for bucket, whose in buckets]
        given = [number for bucket, _ in buckets for number in (bucket.size, round(bucket.each_s * 1000))]
        answer = self._ledger.patiently(lambda: self._ledger.client.eval(_STEP, len(keys), *keys, *given, act), 0.2)
        return math.ceil(int(answer) / 1000)
