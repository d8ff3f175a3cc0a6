"""
`make bench`: our own figures and the prototype's, taken in turn in one run, written to docs/performance.md.

Absolute times say something about the machine of that day only; the ratios hold.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.system.systems import System
from tests.toys import Noop, Toy

from . import finished, lists, prototype, stream

ITEMS = 100_000
ROUNDS = 5
TABLE = Path("docs/performance.md")
BEGIN, END = "<!-- bench -->", "<!-- /bench -->"


def ours(system: System) -> float:
    """Seconds from the submit until 100,000 no-op items are settled, two children."""
    began = time.perf_counter()
    system.queue.add(Noop(total=ITEMS)).wait(120)
    return time.perf_counter() - began


def submit_a_million(system: System) -> tuple[float, float]:
    """Seconds to submit 1,000,000 ids, and megabytes that the job takes beyond the ids themselves."""
    client = system.valkey.client
    ids = [f"word-{n:08d}" for n in range(1_000_000)]
    before = client.info("memory")["used_memory"]
    began = time.perf_counter()
    job = system.queue.add(Toy(ids=ids), delay_s=3600)
    took = time.perf_counter() - began
    used = client.info("memory")["used_memory"] - before
    packed = client.memory_usage(system.queue.ledger.keys("items", job.record.id), samples=0)
    return took, (used - packed) / 1e6


def rounds(measures: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Each measure in turn, `ROUNDS` times, so that a slow minute of the machine meets all of them."""
    taken: dict[str, list[float]] = {name: [] for name in measures}
    for number in range(ROUNDS):
        for name, measure in measures.items():
            taken[name].append(measure())
            print(f"round {number + 1}: {name} {taken[name][-1]:.2f} s", flush=True)
    return taken


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        system = System(Path(folder))
        try:
            system.worker("one", ["noop"])
            system.reconciler()
            system.ready("one")
            with prototype.running(system.valkey.url) as chunked:
                taken = rounds(
                    {
                        "vocaqueue": lambda: ours(system),
                        "prototype, a write per 1,000": lambda: chunked(ITEMS, 1000),
                        "prototype, a write per 50": lambda: chunked(ITEMS, 50),
                    }
                )
            submit_s, extra_mb = submit_a_million(system)
        finally:
            system.stop()
    lines = [
        "| 100,000 no-op items, two children | median s | min | max | items/s | ratio to ours |",
        "|---|---|---|---|---|---|",
    ]
    base = taken["vocaqueue"]
    for name, seconds in taken.items():
        ratio = statistics.median(theirs / mine for theirs, mine in zip(seconds, base, strict=True))
        middle = statistics.median(seconds)
        lines.append(
            f"| {name} | {middle:.2f} | {min(seconds):.2f} | {max(seconds):.2f} | {ITEMS / middle:,.0f} | {ratio:.2f} |"
        )
    lines += [
        "",
        f"Submitting 1,000,000 ids took {submit_s:.1f} s and {extra_mb:.2f} MB of Valkey's memory beyond the ids.",
        "",
        *finished.measure(),
        "",
        *stream.measure(),
        "",
        *lists.measure(),
    ]
    table = "\n".join(lines)
    print(table)
    text = TABLE.read_text() if TABLE.exists() else f"# Performance\n\n{BEGIN}\n{END}\n"
    head, _, rest = text.partition(BEGIN)
    TABLE.write_text(f"{head}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
