"""Jobs whole, out of the ledger and back into it: what the bin keeps."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .items import BLOCKS_PER_TRIP, ORPHANS_KEPT_S
from .ledger import Answer, Ledger

READ_BYTES = 1_000_000  #: one reading stops after so much, for the server answers nobody else meanwhile
READ_ITEMS = 200_000  #: … and after blocks of so many items, which this process must hold
SMALL_BLOCKS = 8  #: a job with more has its blocks fetched by itself
_LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class JobState:
    """One job as `jobs_read` saw it; `code` says why it may not go, and then nothing else is set but the status."""

    id: str
    code: str | None
    status: str
    seen: str = ""  #: goes into the step that removes the job
    type: str = ""
    name: str | None = None
    packed: bytes = b""  #: MessagePack of everything but the items' ids, zlib'd
    blocks: bytes | None = None  #: the blocks of ids, each behind its length


def read_states(ledger: Ledger, job_ids: Sequence[str], what: str, *, patience_s: float = 2.0) -> list[JobState]:
    """
    The states of the first of these jobs: of all, or of as many as fit into one reading.

    Args:
        job_ids: At least one.
        what: Which may go: "ended", "unbegun", "unbegun or delayed".
    """
    raw = ledger.ask("jobs_read", patience_s=patience_s, ids=job_ids, what=what, bytes=READ_BYTES, items=READ_ITEMS)
    found = [(entry[0].decode(), entry[1].decode(), json.loads(entry[2]), entry[3:]) for entry in raw]
    blocks = _read_blocks(ledger, {job_id: facts["blocks"] for job_id, _, facts, _ in found if facts.get("blocks")})
    return [
        JobState(job_id, facts["code"], facts.get("status") or "")
        if "code" in facts
        else JobState(
            id=job_id,
            code=None,
            status=facts["status"],
            seen=seen,
            type=facts["type"],
            name=facts.get("name"),
            packed=zlib.compress(rest[0], 1),
            blocks=blocks.get(job_id),
        )
        for job_id, seen, facts, rest in found
    ]


def restore_state(
    ledger: Ledger, job_id: str, token: str, packed: bytes, blocks: bytes | None, *, patience_s: float = 2.0
) -> Answer:
    """The step `job_restore`, after the blocks of ids were written for it."""
    suffix = f"restore:{token}"
    if blocks is not None:
        _write_blocks(ledger, suffix, _unjoin(blocks), patience_s=patience_s)
    return ledger.step(
        "job_restore",
        patience_s=patience_s,
        blob=zlib.decompress(packed),
        id=job_id,
        token=token,
        blocks=None if blocks is None else suffix,
    )


def _read_blocks(ledger: Ledger, counts: dict[str, int], patience_s: float = 2.0) -> dict[str, bytes]:
    """Blocks by job. They never change while the job is there."""
    small = [job_id for job_id, count in counts.items() if count <= SMALL_BLOCKS]

    def read_small() -> Any:
        pipe = ledger.client.pipeline(transaction=False)
        for job_id in small:
            pipe.hgetall(ledger.keys("items", job_id))
        return pipe.execute()

    found: dict[str, bytes] = {}
    if small:
        for job_id, blocks in zip(small, ledger.patiently(read_small, patience_s), strict=True):
            found[job_id] = _join([blocks[number] for number in sorted(blocks, key=int)])
    for job_id, count in counts.items():
        if count > SMALL_BLOCKS:
            key, parts = ledger.keys("items", job_id), []
            for first in range(0, count, BLOCKS_PER_TRIP):
                numbers = [str(n) for n in range(first, min(count, first + BLOCKS_PER_TRIP))]
                parts += ledger.patiently(lambda names=numbers: ledger.client.hmget(key, names), patience_s)  # noqa: B023
            # A job that was removed meanwhile has none any more; the step that removes it says so.
            found[job_id] = _join([part or b"" for part in parts])
    return found


def _write_blocks(ledger: Ledger, suffix: str, blocks: Sequence[bytes], *, patience_s: float) -> None:
    key = ledger.keys("items", suffix)

    def write(first: int) -> Any:
        pipe = ledger.client.pipeline(transaction=False)
        for number, block in enumerate(blocks[first : first + BLOCKS_PER_TRIP], first):
            pipe.hset(key, str(number), block)
        pipe.expire(key, ORPHANS_KEPT_S)
        return pipe.execute()

    for first in range(0, len(blocks), BLOCKS_PER_TRIP):
        ledger.patiently(lambda first=first: write(first), patience_s)


def _join(blocks: Sequence[bytes]) -> bytes:
    return b"".join(part for block in blocks for part in (_LENGTH.pack(len(block)), block))


def _unjoin(joined: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(joined):
        (length,) = _LENGTH.unpack_from(joined, at)
        at += _LENGTH.size
        found.append(joined[at : at + length])
        at += length
    return found
