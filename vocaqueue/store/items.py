"""The ids of a job's items, in packed blocks, so that neither a message nor a step carries them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import Any

from .keys import ITEMS_PER_BLOCK
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


def _pack(ids: Sequence[str]) -> bytes:
    # Level 1 halves UUIDs at 100 MB/s; higher levels gain a few percent for several times the time.
    return zlib.compress(json.dumps(list(ids), ensure_ascii=False, separators=(",", ":")).encode(), 1)


def _unpack(raw: bytes) -> list[str]:
    found: list[str] = json.loads(zlib.decompress(raw))
    return found
