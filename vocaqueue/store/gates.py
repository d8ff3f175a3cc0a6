"""What is held: everything, types, provider's accounts; by a person or by a breaker."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from .ledger import Ledger


@dataclass(frozen=True, slots=True)
class Gates:
    names: frozenset[str] = frozenset()  #: "all", "type:<type>", "account:<account>"
    reasons: dict[str, dict[str, str]] = field(default_factory=dict)  #: {code, message} of those that a breaker shut
    accounts: dict[str, str] = field(default_factory=dict)  #: type -> account, as far as accounts are held

    def __bool__(self) -> bool:
        return bool(self.names)

    def is_shut(self, type_name: str) -> bool:
        return any(name in self.names for name in self._of(type_name))

    def reason(self, type_name: str) -> dict[str, str] | None:
        """Why jobs of this type stand still; None when they are not held."""
        name = next((name for name in self._of(type_name) if name in self.names), None)
        if name is None:
            return None
        what, _, which = name.partition(":")
        if name in self.reasons:
            held = f"{which} is held: " if what == "type" else f"The account {which} is held: "
            return {
                "code": "breaker",
                "message": held + self.reasons[name]["message"] + " Mend the cause, then resume.",
            }
        if what == "all":
            return {"code": "paused", "message": "Everything is held."}
        if what == "type":
            return {"code": "type_paused", "message": f"All jobs of {which} are held."}
        return {"code": "account_paused", "message": f"All jobs that use the account {which} are held."}

    def _of(self, type_name: str) -> tuple[str, ...]:
        return "all", f"type:{type_name}", f"account:{self.accounts.get(type_name, '')}"


def ask(pipe: Any, ledger: Ledger) -> None:
    """Put what `read_answers` needs into a pipeline: two commands."""
    pipe.hkeys(ledger.keys("gates"))
    pipe.hgetall(ledger.keys("gate_reasons"))


def read_answers(ledger: Ledger, names: list[bytes], reasons: dict[bytes, bytes], *, patience_s: float) -> Gates:
    """Where an account is held, two round trips more. Raises StoreUnavailable."""
    found = frozenset(name.decode() for name in names)
    accounts = {}
    if any(name.startswith("account:") for name in found):
        accounts = _accounts(ledger, patience_s)
    parsed = {name.decode(): json.loads(reason) for name, reason in reasons.items()}
    return Gates(found, {name: reason for name, reason in parsed.items() if name in found}, accounts)


def read(ledger: Ledger, patience_s: float) -> Gates:
    def once() -> Any:
        pipe = ledger.client.pipeline(transaction=True)
        ask(pipe, ledger)
        return pipe.execute()

    return read_answers(ledger, *ledger.patiently(once, patience_s), patience_s=patience_s)


def _accounts(ledger: Ledger, patience_s: float) -> dict[str, str]:
    """The account of each type that has one."""

    def once() -> dict[str, str]:
        types = [name.decode() for name in ledger.client.smembers(ledger.keys("types"))]
        pipe = ledger.client.pipeline(transaction=False)
        for name in types:
            pipe.hget(ledger.keys("limits", name), "account")
        return {name: account.decode() for name, account in zip(types, pipe.execute(), strict=True) if account}

    found: dict[str, str] = ledger.patiently(once, patience_s)
    return found
