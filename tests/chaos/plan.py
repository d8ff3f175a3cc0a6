"""Which fault strikes when: a function of a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from . import faults
from .faults import Fault

#: Of a hundred kills.
KILLS = (
    [faults.KILL_CHILD] * 40
    + [faults.KILL_MAIN] * 22
    + [faults.KILL_GROUP] * 22
    + [faults.KILL_RECONCILER] * 9
    + [faults.KILL_RELAY] * 7
)

Timed = tuple[float, Fault]  #: (seconds from the start, what strikes)


@dataclass(frozen=True)
class Plan:
    """Per kind of fault a line of its own; the lines run beside each other."""

    seconds: float
    lines: dict[str, list[Timed]]


def spread(rng: random.Random, what: Sequence[Fault], seconds: float) -> list[Timed]:
    """Each at a random moment of its share of the time, in a random order."""
    share = seconds / max(1, len(what))
    order = rng.sample(list(what), len(what))
    return [(n * share + rng.uniform(0.1, 0.9) * share, fault) for n, fault in enumerate(order)]


def kills_of(rng: random.Random, number: int) -> list[Fault]:
    """In the shares of `KILLS`; each kind at least once where there is room."""
    kinds = list(dict.fromkeys(fault.name for fault in KILLS))
    by_name = {fault.name: fault for fault in KILLS}
    first = [by_name[name] for name in kinds[:number]]
    return first + [rng.choice(KILLS) for _ in range(number - len(first))]


def long_plan(seed: int, kills: int, minutes: float, lease_s: float) -> Plan:
    """Ten minutes of it: 100 kills, 14 stops longer than a lease, 21 faults of the server, 30 of connections."""
    rng, seconds = random.Random(seed), minutes * 60
    longer = lease_s + 4
    share = minutes / 10

    def some(number: float, what: Fault) -> list[Fault]:
        return [what] * max(1, round(number * share))

    stops = (
        some(7, faults.stop("a worker's group stopped", longer, faults.a_group))
        + some(4, faults.stop("a child stopped", longer, faults.a_child))
        + some(3, faults.stop("a worker's main stopped", longer, faults.a_main))
    )
    server = (
        some(1, faults.valkey_frozen(30))
        + some(3, faults.valkey_frozen(4))
        + some(3, faults.valkey_killed(0.5))
        + some(3, faults.valkey_killed(4))
        + some(4, faults.read_only(3))
        + some(3, faults.too_few_replicas(3))
        + some(4, faults.out_of_memory(4))
    )
    net = (
        some(10, faults.ALL_RESET)
        + some(8, faults.replies_lost(4))
        + some(8, faults.requests_reset(4))
        + some(4, faults.slow(5))
    )
    return Plan(
        seconds,
        {
            "kill": spread(rng, kills_of(rng, kills), seconds),
            "stop": spread(rng, stops, seconds - longer),
            "server": spread(rng, server, seconds - 30),
            "net": spread(rng, net, seconds - 5),
        },
    )


def short_plan(seed: int, kills: int, seconds: float, lease_s: float) -> Plan:
    """Each kind of fault at least once."""
    rng, longer = random.Random(seed), lease_s + 3
    server = [
        faults.valkey_frozen(3), faults.valkey_killed(1), faults.read_only(2), faults.too_few_replicas(2),
        faults.out_of_memory(2),
    ]  # fmt: skip
    net = [faults.ALL_RESET, faults.replies_lost(3), faults.requests_reset(3), faults.slow(2)]
    stops = [faults.stop("a worker's group stopped", longer, faults.a_group)]
    return Plan(
        seconds,
        {
            "kill": spread(rng, kills_of(rng, kills), seconds),
            "stop": spread(rng, stops, seconds - longer),
            "server": spread(rng, server, seconds),
            "net": spread(rng, net, seconds),
        },
    )
