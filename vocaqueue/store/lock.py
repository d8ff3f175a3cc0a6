"""A lock in Redis that says which of several copies of a process is at work. For economy: nothing breaks if two are."""

from __future__ import annotations

from uuid import uuid4

from .ledger import Ledger

# On a full server too: what holds a lock is what brings work back and frees memory.
_KEEP = """#!lua flags=allow-oom
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_LEAVE = """#!lua flags=allow-oom
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class Lock:
    def __init__(self, ledger: Ledger, name: str, length_s: float) -> None:
        self.client, self.key, self.length_ms = ledger.client, ledger.keys("lock", name), round(length_s * 1000)
        self.token = uuid4().hex

    def keep(self) -> bool:
        """Take the lock or hold it for another `length_s`; answers whether it is ours."""
        return bool(self.client.eval(_KEEP, 1, self.key, self.token, self.length_ms))

    def leave(self) -> None:
        self.client.eval(_LEAVE, 1, self.key, self.token)
