"""Export: the words with what was made for them, as a CSV file."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any

from vocaqueue import Context, Handler, Item, Outcome, Plan

from .job_types import Export
from .tables import parts
from .tables.rows import guard_cell
from .words import contents, images, records, selection
from .words.contents import StoredContent
from .words.images import StoredImage
from .words.records import WordRecord

FILE = "words.csv"


class ExportHandler(Handler):
    """
    An item is a word. Chunks leave their rows in files of a thousand positions; `finish` puts them in order.

    A position that was worked on twice has two rows; the one with the higher fence counts.
    """

    def plan(self, params: Export, ctx: Context) -> Plan:
        """Fix which words and in what order, whatever is imported or deleted while the job runs."""
        folder = f"{ctx.folder}/ids-{ctx.token}"
        total = parts.spool(selection.ids(params.filter), ctx.files, folder)
        return Plan(total, {"ids": folder, "rows": f"{ctx.folder}/rows-{ctx.token}"})

    def load(self, indexes: Sequence[int], ctx: Context) -> list[Item]:
        ids = parts.pick(indexes, ctx.files, ctx.source["ids"])
        return [Item(index, word_id) for index, word_id in zip(indexes, ids, strict=True)]

    def run_chunk(self, items: Sequence[Item], ctx: Context) -> list[Outcome]:
        params: Export = ctx.params
        ids = [item.id for item in items]
        words = records.get_many(ids)
        texts = contents.current_of(ids) if set(params.columns) & set(contents.FIELDS) else {}
        pictures = images.current_of(ids) if {"image", "styleApplied"} & set(params.columns) else {}
        blocks: dict[int, list[list[Any]]] = defaultdict(list)
        outcomes = []
        for item in items:
            if word := words.get(item.id):
                row = _Row(word, texts.get(item.id, {}), pictures.get(item.id, []))
                line = [item.index, [row.cell(name) for name in params.columns], row.credits(params.columns)]
                blocks[item.index // parts.PER_PART].append(line)
                outcomes.append(Outcome.done())
            else:
                outcomes.append(Outcome.failed("word_not_found", "The word was deleted after the export began."))
        for block, lines in blocks.items():
            name = f"{ctx.source['rows']}/{block:06d}/{ctx.fence:020d}-{lines[0][0]:09d}.jsonl"
            with ctx.files.write(name) as out:
                out.writelines(json.dumps(line).encode() + b"\n" for line in lines)
        return outcomes

    def finish(self, ctx: Context) -> dict[str, Any]:
        """
        Returns:
            `{"file": "words.csv" or None without a row, "rows": n, "credits": [source and licence, …]}`.
        """
        params: Export = ctx.params
        answer_file = f"{ctx.folder}/made/run-{ctx.run}.json"
        if ctx.files.exists(answer_file):  # a crash came between our end and its being noted
            with ctx.files.open(answer_file) as made:
                return json.load(made)
        credits: set[str] = set()
        rows = 0
        with ctx.files.write(f"{ctx.folder}/{FILE}") as out, _text(out, params.encoding) as text:
            writer = csv.writer(text)
            writer.writerow(params.columns)
            for cells, cell_credits in self._in_order(ctx):
                writer.writerow([guard_cell(cell) for cell in cells])
                credits.update(cell_credits)
                rows += 1
        if rows == 0:
            ctx.files.remove(f"{ctx.folder}/{FILE}")
        answer = {"file": FILE if rows else None, "rows": rows, "credits": sorted(credits)}
        with ctx.files.write(answer_file) as out:
            out.write(json.dumps(answer).encode())
        # What failed, or was left by a cancel, can be tried again and is then joined with what is here.
        if ctx.source and ctx.counts["completed"] + ctx.counts["skipped"] == ctx.counts["total"]:
            ctx.files.remove(ctx.source["ids"])
            ctx.files.remove(ctx.source["rows"])
        return answer

    def _in_order(self, ctx: Context) -> Iterator[tuple[list[str], list[str]]]:
        """Cells and credits of each word in the order of the plan, a thousand in memory at a time."""
        for block in range(-(-ctx.counts["total"] // parts.PER_PART) if ctx.source else 0):
            folder = f"{ctx.source['rows']}/{block:06d}"
            found: dict[int, tuple[list[str], list[str]]] = {}
            for name in ctx.files.list(folder):  # sorted by fence: the newest comes last and stays
                with ctx.files.open(f"{folder}/{name}") as lines:
                    for index, cells, cell_credits in map(json.loads, lines):
                        found[index] = (cells, cell_credits)
            yield from (found[index] for index in sorted(found))


class _Row:
    """One word with all that an export may tell of it."""

    def __init__(self, word: WordRecord, texts: dict[str, StoredContent], pictures: list[StoredImage]) -> None:
        self._word, self._texts = word, texts
        self._picture = pictures[0] if pictures else None  # the newest

    def cell(self, column: str) -> str:
        if column in contents.FIELDS:
            content = self._texts.get(column)
            return _as_text(content.value) if content else ""
        if column == "image":
            picture = self._picture
            return f"/api/words/{picture.word_id}/image?style={picture.style}&size={picture.size}" if picture else ""
        if column == "styleApplied":
            return self._picture.style_applied if self._picture else ""
        return str(getattr(self._word, column))

    def credits(self, columns: Sequence[str]) -> list[str]:
        """Whose work the asked columns hold."""
        sources = [self._texts[name].provenance for name in columns if name in self._texts]
        if self._picture and "image" in columns:
            sources.append(self._picture.provenance)
        return sorted({_credit(provenance) for provenance in sources if provenance.get("source")})


def _credit(provenance: Mapping[str, Any]) -> str:
    licence = provenance.get("licence")
    return f"{provenance['source']} ({licence})" if licence else str(provenance["source"])


def _as_text(value: Any) -> str:
    """A content's value for one cell: lists as lines, of objects their text."""
    if isinstance(value, list):
        return "\n".join(_as_text(entry) for entry in value)
    if isinstance(value, dict):
        return _as_text(value.get("text", ""))
    return "" if value is None else str(value)


@contextmanager
def _text(out: IO[bytes], encoding: str) -> Iterator[IO[str]]:
    """Text over the store's file, which the store itself closes."""
    text = io.TextIOWrapper(out, encoding=encoding, newline="")
    yield text
    text.detach()
