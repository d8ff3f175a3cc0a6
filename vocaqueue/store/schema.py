"""
The version of a job's hash in the ledger.

A change that older code could not work on raises `SCHEMA`, and adds what lifts older jobs to it: to `JOB_DEFAULTS` for
a field that was not there before, to `UPGRADES` in lua/lib/base.lua for anything else. Workers leave newer jobs alone.
"""

from __future__ import annotations

SCHEMA = 1

#: What a field means that is not there; the first schema stored them all.
JOB_DEFAULTS: dict[str, int] = {
    "priority": 3,
    "run": 1,
    "completed": 0,
    "failed": 0,
    "skipped": 0,
    "in_hand": 0,
    "cursor": 0,
    "last": 0,
    "line": 0,
    "min": 0,
    "cost_nano": 0,
    "attempts": 4,
    "backoff_ms": 2000,
}
