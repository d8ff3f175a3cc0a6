"""`queue.limits`: rates, caps and holds of job types and of providers' accounts, read and changed at run time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ..errors import Detail, InvalidParams
from ..rates import Rate
from ..store.limits import read_accounts, read_types

if TYPE_CHECKING:
    from .queue import QueueManager

KEEP: Any = object()  #: leave it as it is
MOST_CHUNKS = 10_000


class QueueLimits:
    """
    What may run how fast. What is set here counts from the next claim on, for all workers, and outlives restarts.

    The code's own `Limits` are the defaults until something else is set.
    """

    def __init__(self, queue: QueueManager) -> None:
        self.queue = queue
        self._declared = False

    def types(self) -> dict[str, dict[str, Any]]:
        """
        By type: `rate`, `rateLeft` (calls that may start in the window that begins now), `ratePerSecond` (after what a
        provider's refusals taught), `shutUntil`, `account`, `runningChunks`, `maxRunningChunks`.
        """
        self.declare()
        found = read_types(self.queue.ledger, self.queue.job_types.names, self.queue.patience_s)
        return {name: limits.as_dict() for name, limits in found.items()}

    def accounts(self) -> dict[str, dict[str, Any]]:
        """By account: `rate`, `rateLeft`, `ratePerSecond`, `shutUntil`, `held`, `types`."""
        types: dict[str, list[str]] = {}
        for job_type in self.queue.job_types:
            if job_type.limits.account:
                types.setdefault(job_type.limits.account, []).append(job_type.name)
        self.declare()
        cells = read_accounts(self.queue.ledger, types, self.queue.patience_s)
        held = self.queue.gates().names
        return {
            name: cells[name].as_dict() | {"held": f"account:{name}" in held, "types": of_account}
            for name, of_account in types.items()
        }

    def set(
        self, type_name: str, *, rate: Rate | None = KEEP, max_running_chunks: int | None = KEEP, held: bool = KEEP
    ) -> dict[str, Any]:
        """
        Change the limits of a type; what is not given stays. Answers them as `types` does.

        Args:
            rate: None takes the rate away.
            max_running_chunks: None takes the cap away.

        Raises:
            UnknownType
            InvalidParams: The cap makes no sense.
        """
        name = self.queue.job_types.get(type_name).name
        self.declare()
        if max_running_chunks not in (KEEP, None) and max_running_chunks not in range(1, MOST_CHUNKS + 1):
            message = f"maxRunningChunks must be between 1 and {MOST_CHUNKS}, or null for no limit"
            raise InvalidParams(message + ".", [Detail("maxRunningChunks", "out_of_range", message)])
        cap = None if max_running_chunks is KEEP else (max_running_chunks or False)
        if rate is not KEEP or cap is not None:
            self.queue.act("limits_set", token=uuid4().hex, type=name, rate=_step_of(rate), cap=cap)
        if held is not KEEP:
            (self.queue.pause_all if held else self.queue.resume_all)(name)
        return self.types()[name]

    def set_account(self, account: str, *, rate: Rate | None = KEEP, held: bool = KEEP) -> dict[str, Any]:
        """
        Change the rate of a provider's account, or hold all types that use it. Answers it as `accounts` does.

        Raises:
            InvalidParams: No job type uses such an account.
        """
        known = self.accounts()
        if account not in known:
            message = f"No job type uses the account “{account}”; known: {', '.join(known) or 'none'}"
            raise InvalidParams(message + ".", [Detail("account", "unknown_account", message)])
        if rate is not KEEP:
            self.queue.act("limits_set", token=uuid4().hex, account=account, rate=_step_of(rate))
        if held is not KEEP:
            self.queue.act("gate_set", token=uuid4().hex, gate=f"account:{account}", shut=held)
        return self.accounts()[account]

    def declare(self) -> None:
        """Types that never ran are known to the ledger from now on."""
        if not self._declared:
            types = [[job_type.name, job_type.declared_limits] for job_type in self.queue.job_types]
            self.queue.ledger.step("limits_declare", patience_s=self.queue.patience_s, types=types)
            self._declared = True


def _step_of(rate: Any) -> Any:
    """What `limits_set` takes: absent, false, or the rate."""
    return None if rate is KEEP else False if rate is None else rate.as_step()
