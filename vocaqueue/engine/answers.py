"""
What the code of a job type answered, made sure of before the ledger is told.

An answer that the ledger cannot keep would be lost with its lease, and the same items begun again for ever. So what is
of no sense is an error that names it, and what is only too long or half a letter is cut and mended.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..outcome import DONE, Item, JobFatal, Outcome, Plan

CODE_CHARACTERS = 100
MESSAGE_CHARACTERS = 1000
COST_NANO_MOST = 10**15  #: a million dollars for one item
AFTER_S_MOST = 365 * 86_400.0
ITEMS_MOST = 100_000_000  #: of one job; each takes a few bits of the server's memory from the start


def outcome(answer: object) -> Outcome:
    """Raises TypeError or ValueError that says what is wrong with it."""
    if answer is DONE:
        return DONE
    if not isinstance(answer, Outcome):
        raise TypeError(f"a handler must answer an Outcome, not {type(answer).__name__}")
    cost_nano, after_s = answer.cost_nano, answer.retry_after_s
    if type(cost_nano) is not int or not 0 <= cost_nano <= COST_NANO_MOST:
        raise ValueError(f"cost_nano must be a whole number from 0 to {COST_NANO_MOST}, not {cost_nano!r:.100}")
    if after_s is not None:
        if isinstance(after_s, bool) or not isinstance(after_s, int | float) or not math.isfinite(after_s):
            raise ValueError(f"retry_after_s must be a number of seconds, not {after_s!r:.100}")
        after_s = min(max(0.0, after_s), AFTER_S_MOST)
    return replace(
        answer,
        code=text(answer.code, CODE_CHARACTERS),
        message=text(answer.message, MESSAGE_CHARACTERS),
        retryable=bool(answer.retryable),
        retry_after_s=after_s,
    )


def fatal(error: JobFatal) -> dict[str, str]:
    """Code and sentence of an error that ends the job."""
    return {"code": text(error.code, CODE_CHARACTERS), "message": text(error.message, MESSAGE_CHARACTERS)}


def plan(answer: object) -> tuple[int, str]:
    """How many items there are, and the source as JSON. Raises TypeError or ValueError."""
    if not isinstance(answer, Plan):
        raise TypeError("plan must answer a Plan")
    if type(answer.total) is not int or not 0 <= answer.total <= ITEMS_MOST:
        raise ValueError(
            f"the total of a Plan must be a whole number from 0 to {ITEMS_MOST}, not {answer.total!r:.100}"
        )
    return answer.total, json_text(answer.source, "the source of a Plan")


def json_text(value: object, what: str) -> str:
    """Raises TypeError or ValueError where it is no dict, or JSON cannot say it."""
    if not isinstance(value, dict):
        raise TypeError(f"{what} must be a dict, not {type(value).__name__}")
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{what} must be JSON: {error}") from error


def items(answer: Sequence[Any], indexes: Sequence[int]) -> list[Item]:
    """What `load` answered, in the order of `indexes`. Raises TypeError or ValueError."""
    found = list(answer)
    wrong = next((item for item in found if not isinstance(item, Item)), None)
    if wrong is not None:
        raise TypeError(f"load must answer Items, not {type(wrong).__name__}")
    if [item.index for item in found] != list(indexes):
        raise ValueError(f"load was asked for {len(indexes)} items and must answer just those, in the same order")
    for item in found:
        item.id, item.name = text(item.id), text(item.name)
    return found


def text(value: object, most: int | None = None) -> str:
    """As text, of `most` characters, half letters as question marks."""
    if type(value) is not str:
        value = str(value)
    if most is not None and len(value) > most:
        value = value[: most - 1] + "…"
    return value if value.isascii() else value.encode(errors="replace").decode()
