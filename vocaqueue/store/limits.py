"""Reading what may run how fast, as `lua/lib/limits.lua` keeps it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..job import iso
from ..rates import Rate
from .ledger import Ledger, ms_of

MARGIN = 0.97  #: as in lua/lib/limits.lua
SOON_MS = 500  #: likewise: whose next permit is due by then may run


@dataclass(frozen=True, slots=True)
class Cell:
    """A rate and how much of it is used, at one moment."""

    rate: Rate | None = None  #: as configured
    learned: float | None = None  #: calls per second that a provider's refusals left
    next_ms: float = 0.0  #: when the next call may start
    shut_ms: float = 0.0  #: until when a provider has asked everybody to wait
    now_ms: int = 0

    @property
    def interval_ms(self) -> float:
        """Between two starts; 0 where nothing is limited."""
        configured = (
            self.rate.duration_s * 1000 / self.rate.max / (1 if self.rate.burst else MARGIN) if self.rate else 0.0
        )
        return max(configured, 1000 / self.learned if self.learned else 0.0)

    @property
    def left(self) -> int | None:
        """Calls that may still start within the window that begins now (of a learned rate: a second)."""
        interval_ms = self.interval_ms
        if not interval_ms:
            return None
        window_ms = self.rate.duration_s * 1000 if self.rate else 1000.0
        most = self.rate.max + self.rate.burst if self.rate else round(window_ms / interval_ms)
        return max(0, min(most, int((self.now_ms + window_ms - max(self.now_ms, self.next_ms)) / interval_ms)))

    @property
    def is_open(self) -> bool:
        return self.next_ms <= self.now_ms + SOON_MS

    def as_dict(self) -> dict[str, Any]:
        interval_ms = self.interval_ms
        return {
            "rate": self.rate.as_dict() if self.rate else None,
            "rateLeft": self.left,
            "ratePerSecond": round(1000 / interval_ms, 3) if interval_ms else None,
            "shutUntil": iso(round(self.shut_ms)) if self.shut_ms > self.now_ms else None,
        }


@dataclass(frozen=True, slots=True)
class TypeLimits:
    cell: Cell
    account: str | None
    account_cell: Cell | None
    running: int  #: chunks now
    cap: int | None  #: chunks at most, over all machines

    @property
    def cells(self) -> list[Cell]:
        return [cell for cell in (self.cell, self.account_cell) if cell is not None]

    def as_dict(self) -> dict[str, Any]:
        return self.cell.as_dict() | {
            "account": self.account,
            "runningChunks": self.running,
            "maxRunningChunks": self.cap,
        }


def read_types(ledger: Ledger, names: Iterable[str], patience_s: float) -> dict[str, TypeLimits]:
    """The limits of job types."""
    types, keys = list(names), ledger.keys

    def read() -> Any:
        pipe = ledger.client.pipeline(transaction=False)
        pipe.time()
        for name in types:
            pipe.hmget(keys("limits", name), "account", "cap")
            pipe.zcard(keys("type_leases", name))
            pipe.hgetall(keys("cell", f"type:{name}"))
        return pipe.execute()

    time, *found = ledger.patiently(read, patience_s)
    now = ms_of(time)
    accounts = read_accounts(ledger, {raw[0].decode() for raw in found[::3] if raw[0]}, patience_s)
    limits = {}
    for at, name in enumerate(types):
        (account, cap), running, raw = found[3 * at : 3 * at + 3]
        limits[name] = _limits(account, cap, running, _cell(raw, now), accounts)
    return limits


def limits_of(
    account: bytes | None,
    cap: bytes | None,
    running: int,
    cell: Mapping[bytes, bytes],
    account_cell: Mapping[bytes, bytes],
    now_ms: int,
) -> TypeLimits:
    """The limits of a type, of what the ledger has of it."""
    accounts = {account.decode(): _cell(account_cell, now_ms)} if account else {}
    return _limits(account, cap, running, _cell(cell, now_ms), accounts)


def _limits(
    account: bytes | None, cap: bytes | None, running: int, cell: Cell, accounts: Mapping[str, Cell]
) -> TypeLimits:
    name = account.decode() if account else None
    return TypeLimits(
        cell=cell,
        account=name,
        account_cell=accounts.get(name or ""),
        running=int(running),
        cap=int(cap) if cap else None,
    )


def read_accounts(ledger: Ledger, names: Iterable[str], patience_s: float) -> dict[str, Cell]:
    """The rates of providers' accounts."""
    known = sorted(names)
    if not known:
        return {}

    def read() -> Any:
        pipe = ledger.client.pipeline(transaction=False)
        pipe.time()
        for name in known:
            pipe.hgetall(ledger.keys("cell", f"account:{name}"))
        return pipe.execute()

    time, *found = ledger.patiently(read, patience_s)
    return {name: _cell(raw, ms_of(time)) for name, raw in zip(known, found, strict=True)}


def _cell(raw: Mapping[bytes, bytes], now_ms: int) -> Cell:
    def number(name: bytes) -> float:
        return float(raw.get(name) or 0)

    most, burst = int(number(b"max")), int(number(b"burst"))
    rate = Rate(most, number(b"window_ms") / 1000, burst) if most else None
    lead_ms = burst * rate.duration_s * 1000 / rate.max if rate else 0.0
    return Cell(
        rate=rate,
        learned=number(b"rate") or None,
        next_ms=max(number(b"tat") - lead_ms, number(b"shut")),
        shut_ms=number(b"shut"),
        now_ms=now_ms,
    )
