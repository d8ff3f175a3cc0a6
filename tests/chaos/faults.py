"""
Faults: small objects with a name, a kind and what they do. `strike` returns when the fault is over.

The kinds run beside each other, each in a line of its own: `kill` (SIGKILL of processes), `stop` (SIGSTOP for longer
than a lease, then SIGCONT), `server` (what happens to Valkey) and `net` (what happens to connections).
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import redis

from tests.system.systems import until

from .deployment import WORKERS, Deployment, tell
from .proxy import FaultProxy

Bits = dict[str, bytes]


@dataclass
class Hit:
    """One process fault: when, whose processes, and what was settled at that moment."""

    fault: str
    at: float
    pids: frozenset[int]
    settled: Bits
    until: float | None = None  #: of a stop: when the processes went on


@dataclass
class Outage:
    """
    The server was killed: when, and what it knew to be settled when it was back.

    While it syncs its append-only file it holds back writes to it, for two seconds at most, and answers all the same:
    these answers a kill makes it forget.
    """

    at: float
    settled: Bits


@dataclass
class World:
    """What faults work on, and where they note what they did."""

    system: Deployment
    rng: random.Random
    hits: list[Hit] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    seen: Bits = field(default_factory=dict)  #: the newest reading of what is settled

    def look(self) -> Bits:
        """What is settled now; while the server does not answer nothing can be settled, and the last reading holds."""
        if (now := self.system.settled()) is not None:
            self.seen = now
        return self.seen


@dataclass(frozen=True)
class Fault:
    name: str
    kind: str
    strike: Callable[[World], None]


def kill(name: str, choose: Callable[[World], tuple[list[int], list[int]]]) -> Fault:
    """
    SIGKILL. `choose` answers the processes that get the signal, and all that die of it.

    They are held still first, so that what they have in hand at the moment of their death can be told exactly.
    """

    def strike(world: World) -> None:
        targets, dying = choose(world)
        tell(dying, signal.SIGSTOP)
        settled = world.look()
        world.hits.append(Hit(name, time.time(), frozenset(dying), settled))
        tell(targets, signal.SIGKILL)

    return Fault(name, "kill", strike)


def stop(name: str, seconds: float, choose: Callable[[World], list[int]]) -> Fault:
    """SIGSTOP for `seconds`, then SIGCONT."""

    def strike(world: World) -> None:
        pids = choose(world)
        tell(pids, signal.SIGSTOP)
        hit = Hit(name, time.time(), frozenset(pids), world.look())
        world.hits.append(hit)
        time.sleep(seconds)  # the length of the fault
        hit.until = time.time()
        tell(pids, signal.SIGCONT)

    return Fault(name, "stop", strike)


def a_child(world: World) -> list[int]:
    """One that is at work, if any is."""
    children = [pid for name in WORKERS for pid in world.system.pids(name)[1:]]
    busy = world.system.provider.at_work()
    children = [pid for pid in children if pid in busy] or children
    return [world.rng.choice(children)] if children else a_main(world)


def a_main(world: World) -> list[int]:
    return world.system.pids(world.rng.choice(WORKERS))[:1]


def a_group(world: World) -> list[int]:
    return world.system.pids(world.rng.choice(WORKERS))


def _alone(choose: Callable[[World], list[int]]) -> Callable[[World], tuple[list[int], list[int]]]:
    return lambda world: ((pids := choose(world)), pids)


def _main_and_children(world: World) -> tuple[list[int], list[int]]:
    group = a_group(world)  # Linux ends the children with their main
    return group[:1], group


def _one_of(*names: str) -> Callable[[World], list[int]]:
    return lambda world: world.system.pids(world.rng.choice(names))


KILL_CHILD = kill("a child killed", _alone(a_child))
KILL_MAIN = kill("a worker's main killed", _main_and_children)
KILL_GROUP = kill("a worker's group killed", _alone(a_group))
KILL_RECONCILER = kill("a reconciler killed", _alone(_one_of("reconciler-1", "reconciler-2")))
KILL_RELAY = kill("the relay killed", _alone(_one_of("relay")))


def valkey_killed(away_s: float) -> Fault:
    def strike(world: World) -> None:
        at = time.time()
        world.system.valkey.kill()
        time.sleep(away_s)
        world.system.valkey.start()
        world.outages.append(Outage(at, until(world.system.settled)))

    return Fault("Valkey killed and restarted", "server", strike)


def valkey_frozen(seconds: float) -> Fault:
    def strike(world: World) -> None:
        world.system.valkey.freeze()
        time.sleep(seconds)
        world.system.valkey.thaw()

    return Fault(f"Valkey frozen for {seconds:g} s", "server", strike)


def _server(name: str, seconds: float, begin: list[str], end: list[str]) -> Fault:
    """A command for the server, and another after a while."""

    def strike(world: World) -> None:
        client = redis.Redis(unix_socket_path=str(world.system.valkey.folder / "socket"), socket_timeout=20)
        client.execute_command(*begin)
        time.sleep(seconds)
        client.execute_command(*end)
        client.close()

    return Fault(name, "server", strike)


def read_only(seconds: float) -> Fault:
    """As after a fail-over: the server is the replica of a master that is not there."""
    return _server("Valkey read-only", seconds, ["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"])


def too_few_replicas(seconds: float) -> Fault:
    option = "min-replicas-to-write"
    return _server(
        "Valkey without its replicas", seconds, ["CONFIG", "SET", option, "1"], ["CONFIG", "SET", option, "0"]
    )


def out_of_memory(seconds: float) -> Fault:
    """The limit lies far below what is in use, and nothing may be evicted."""
    return _server(
        "Valkey out of memory",
        seconds,
        ["CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", "1mb"],
        ["CONFIG", "SET", "maxmemory", "0"],
    )


def _net(name: str, seconds: float, mode: Callable[[FaultProxy], object]) -> Fault:
    def strike(world: World) -> None:
        with mode(world.system.proxy):  # type: ignore[attr-defined]
            time.sleep(seconds)

    return Fault(name, "net", strike)


def replies_lost(seconds: float, share: float = 0.1) -> Fault:
    return _net("replies lost after the command", seconds, lambda proxy: proxy.losing(share))


def requests_reset(seconds: float, share: float = 0.1) -> Fault:
    return _net("requests reset", seconds, lambda proxy: proxy.resetting(share))


def slow(seconds: float, delay_s: float = 0.05) -> Fault:
    return _net("connections slow", seconds, lambda proxy: proxy.slow(delay_s))


ALL_RESET = Fault("all connections reset", "net", lambda world: world.system.proxy.reset_all())
