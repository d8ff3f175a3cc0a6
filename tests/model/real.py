"""What the server really holds, read in one command and turned into Python. Knows the map of keys, nothing else."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import redis

READ_ALL = """
local out = {}
for _, key in ipairs(redis.call('KEYS', KEYS[1] .. '*')) do
  local kind = redis.call('TYPE', key).ok
  local value
  if kind == 'string' then value = redis.call('GET', key)
  elseif kind == 'hash' then value = redis.call('HGETALL', key)
  elseif kind == 'set' then value = redis.call('SMEMBERS', key)
  elseif kind == 'list' then value = redis.call('LRANGE', key, 0, -1)
  elseif kind == 'zset' then value = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  elseif kind == 'stream' then value = redis.call('XRANGE', key, '-', '+') end
  out[#out + 1] = { string.sub(key, #KEYS[1] + 1), kind, value }
end
return out
"""

BITMAPS = ("settled", "skipped", "failed", "away")


def _pairs(flat: list[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


@lru_cache(maxsize=4)
def _reader(client: redis.Redis) -> redis.Redis:
    """The same server by a client that answers with text; bitmaps are bytes, ids and JSON of these tests are ASCII."""
    pool = client.connection_pool
    given = pool.connection_kwargs | {"decode_responses": True, "encoding": "latin-1"}
    return redis.Redis(connection_pool=redis.ConnectionPool(connection_class=pool.connection_class, **given))


def positions(bitmap: str) -> set[int]:
    """The bits that are set, the first one being the highest of the first byte."""
    return {i * 8 + k for i, byte in enumerate(map(ord, bitmap)) if byte for k in range(8) if byte & (128 >> k)}


def items(text: str) -> list[int]:
    """ "0:3,7:8" -> [0, 1, 2, 7]"""
    found: list[int] = []
    for part in text.split(","):
        if part:
            a, _, b = part.partition(":")
            found.extend(range(int(a), int(b)))
    return found


@dataclass
class RealLease:
    token: str
    fields: dict[str, str]
    ranged: list[int]
    retried: list[int]

    @property
    def kind(self) -> str:
        return self.fields["kind"]


@dataclass
class RealJob:
    id: str
    fields: dict[str, str]
    settled: set[int]
    skipped: set[int]
    failed: set[int]
    away: set[int]
    returned: list[int]
    retry: dict[int, float]
    tries: dict[int, int]
    suspects: dict[int, int]
    errors: list[list[Any]]
    by_code: dict[str, set[int]]  #: failed items by the code that they are counted under
    codes: dict[str, int]
    leases: dict[str, RealLease] = field(default_factory=dict)

    def number(self, name: str) -> int:
        return int(float(self.fields.get(name) or 0))

    @property
    def status(self) -> str:
        return self.fields["status"]

    @property
    def phase(self) -> str:
        return self.fields["phase"]

    @property
    def total(self) -> int | None:
        return int(self.fields["total"]) if self.fields.get("total") else None

    @property
    def has_ended(self) -> bool:
        return self.status in {"completed", "failed", "cancelled"}

    @property
    def is_held(self) -> bool:
        return bool(self.fields.get("held"))

    @property
    def line_name(self) -> str:
        return f"{self.fields['type']}:{self.fields['priority']}"

    def open_of(self, lease: RealLease) -> list[int]:
        """What the lease owns still."""
        ranged = [item for item in lease.ranged if item not in self.away]
        return ranged + [item for item in lease.retried if item not in self.settled and item not in self.retry]

    def unclaimed(self) -> list[int]:
        """Returned ranges, and the rest from the cursor."""
        rest = range(self.number("cursor"), self.total or 0)
        return [item for item in [*self.returned, *rest] if item not in self.away]


class Real:
    """One reading of a namespace."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        self.jobs = {key[4:]: self._job(key[4:]) for key in raw if key.startswith("job:")}

    @classmethod
    def read(cls, client: redis.Redis, prefix: str) -> Real:
        raw: dict[str, Any] = {}
        for key, kind, value in _reader(client).eval(READ_ALL, 1, prefix):
            if kind == "hash":
                raw[key] = _pairs(value)
            elif kind == "zset":
                raw[key] = {member: float(score) for member, score in _pairs(value).items()}
            elif kind == "set":
                raw[key] = set(value)
            else:
                raw[key] = value
        return cls(raw)

    def zset(self, name: str) -> dict[str, float]:
        return self.raw.get(name, {})

    def under(self, prefix: str) -> dict[str, Any]:
        return {key[len(prefix) :]: value for key, value in self.raw.items() if key.startswith(prefix)}

    def is_shut(self, job: RealJob) -> bool:
        gates = self.raw.get("gates", {})
        return "all" in gates or f"type:{job.fields['type']}" in gates

    def events(self) -> list[dict[str, Any]]:
        """Both streams of job events in their one order."""
        found = []
        for stream in ("events", "progress"):
            for event_id, flat in self.raw.get(stream, []):
                fields = _pairs(flat)
                ms, _, n = event_id.partition("-")
                found.append({**fields, "data": json.loads(fields["data"]), "id": (int(ms), int(n))})
        return sorted(found, key=lambda event: event["id"])

    def _job(self, job_id: str) -> RealJob:
        raw = self.raw
        bits = {name: positions(raw.get(f"{name}:{job_id}", "")) for name in BITMAPS}
        job = RealJob(
            id=job_id,
            fields=raw[f"job:{job_id}"],
            **bits,
            returned=[item for part in raw.get(f"returned:{job_id}", []) for item in items(part)],
            retry={int(item): due for item, due in self.zset(f"retry:{job_id}").items()},
            tries={int(item): int(n) for item, n in raw.get(f"tries:{job_id}", {}).items()},
            suspects={int(item): int(n) for item, n in raw.get(f"suspects:{job_id}", {}).items()},
            by_code={code: positions(bits) for code, bits in self.under(f"failed-code:{job_id}:").items()},
            codes={code: int(n) for code, n in raw.get(f"codes:{job_id}", {}).items()},
            errors=[json.loads(line) for line in raw.get(f"errors:{job_id}", [])],
        )
        for token in raw.get(f"leases:{job_id}", set()):
            fields = raw.get(f"lease:{token}", {})
            retried = [int(item) for item in fields.get("retried", "").split(",") if item]
            job.leases[token] = RealLease(token, fields, items(fields.get("ranges", "")), retried)
        return job
