"""The ids of a job's items, in packed blocks, so that neither a message nor a step carries them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from .keys import ERRORS_KEPT, ITEMS_PER_BLOCK
from .ledger import Ledger

ORPHANS_KEPT_S = 3600  #: blocks whose job never came are gone after that
BLOCKS_PER_TRIP = 50


def write_blocks(ledger: Ledger, suffix: str, ids: Sequence[str], *, patience_s: float) -> None:
    """
    Store ids under a temporary key, which `job_create` adopts.

    Args:
        suffix: Of the key; made for this one try to create a job.
        ids: In the order of the items' positions.
    """
    key = ledger.keys("items", suffix)

    def write(first_block: int) -> Any:
        pipe = ledger.client.pipeline(transaction=False)
        stop = min(len(ids), (first_block + BLOCKS_PER_TRIP) * ITEMS_PER_BLOCK)
        for start in range(first_block * ITEMS_PER_BLOCK, stop, ITEMS_PER_BLOCK):
            pipe.hset(key, str(start // ITEMS_PER_BLOCK), _pack(ids[start : start + ITEMS_PER_BLOCK]))
        pipe.expire(key, ORPHANS_KEPT_S)
        return pipe.execute()

    blocks = -(-len(ids) // ITEMS_PER_BLOCK)
    for first_block in range(0, blocks, BLOCKS_PER_TRIP):
        ledger.patiently(lambda first_block=first_block: write(first_block), patience_s)


def read_ids(ledger: Ledger, job_id: str, indexes: Sequence[int], *, patience_s: float = 2.0) -> list[str]:
    """The ids at these positions, in the order asked for."""
    blocks = sorted({index // ITEMS_PER_BLOCK for index in indexes})
    if not blocks:
        return []
    packed = ledger.patiently(lambda: ledger.client.hmget(ledger.keys("items", job_id), map(str, blocks)), patience_s)
    ids = {block: _unpack(raw) for block, raw in zip(blocks, packed, strict=True) if raw is not None}
    return [ids[index // ITEMS_PER_BLOCK][index % ITEMS_PER_BLOCK] for index in indexes]


def all_ids(ledger: Ledger, job_id: str, *, patience_s: float = 2.0) -> Iterator[str]:
    """Every id of the job, in order; none where its type plans its items."""
    first = 0
    while True:
        blocks = list(map(str, range(first, first + BLOCKS_PER_TRIP)))
        key = ledger.keys("items", job_id)
        packed = ledger.patiently(lambda key=key, blocks=blocks: ledger.client.hmget(key, blocks), patience_s)
        for raw in packed:
            if raw is None:
                return
            yield from _unpack(raw)
        first += BLOCKS_PER_TRIP


def positions_of(
    ledger: Ledger,
    job_id: str,
    ids: Collection[str],
    *,
    total: int,
    aside: Callable[..., Any],
    patience_s: float = 2.0,
) -> dict[str, int]:
    """
    The positions of those of these ids that are items of the job.

    Where the type plans its items a number is a position, and another text the id that the handler gave an item which
    is among the kept failures.

    Args:
        total: Items of the job.
        aside: Runs what computes for long.
    """
    key, client = ledger.keys("items", job_id), ledger.client
    if not ledger.patiently(lambda: client.exists(key), patience_s):
        found = {text: int(text) for text in ids if _is_number(text) and int(text) < total}
        if others := {text for text in ids if not _is_number(text)}:
            lines = ledger.patiently(
                lambda: client.lrange(ledger.keys("errors", job_id), 0, ERRORS_KEPT - 1), patience_s
            )
            found |= aside(_among, lines, others)
        return found
    found, left = {}, set(ids)
    for first in range(0, -(-total // ITEMS_PER_BLOCK), BLOCKS_PER_TRIP):
        blocks = range(first, min(first + BLOCKS_PER_TRIP, -(-total // ITEMS_PER_BLOCK)))
        packed = ledger.patiently(lambda blocks=blocks: client.hmget(key, list(map(str, blocks))), patience_s)
        found |= aside(_within, packed, first * ITEMS_PER_BLOCK, left)
        if len(found) == len(left):
            break
    return found


def _within(packed: list[bytes | None], first: int, wanted: set[str]) -> dict[str, int]:
    found = {}
    for number, raw in enumerate(packed):
        for place, item_id in enumerate(_unpack(raw) if raw is not None else ()):
            if item_id in wanted:
                found[item_id] = first + number * ITEMS_PER_BLOCK + place
    return found


def _among(lines: list[bytes], wanted: set[str]) -> dict[str, int]:
    entries = map(json.loads, lines)
    return {entry[1]: int(entry[0]) for entry in entries if entry[1] in wanted}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 12 and (text == "0" or text[0] != "0")


def _pack(ids: Sequence[str]) -> bytes:
    # Level 1 halves UUIDs at 100 MB/s; higher levels gain a few percent for several times the time.
    return zlib.compress(json.dumps(list(ids), ensure_ascii=False, separators=(",", ":")).encode(), 1)


def _unpack(raw: bytes) -> list[str]:
    found: list[str] = json.loads(zlib.decompress(raw))
    return found
