"""Import: the rows of an uploaded word list, one transaction per chunk."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vocaqueue import Context, Handler, Item, JobFatal, Outcome, Plan

from . import uploads
from .job_types import BatchImport
from .tables import parts, rows
from .tables.rows import BadRow, WordRow
from .words import records
from .words.records import Change, Imported


class ImportHandler(Handler):
    """
    An item is a row; its id is `row-{number}`, counted as a spreadsheet does, the header being row 1.

    A row tried again, by this worker or the next, finds what it wrote and changes nothing.
    """

    def plan(self, params: BatchImport, ctx: Context) -> Plan:
        """
        Copy the rows once into parts, so that any chunk reads only its own.

        Raises:
            JobFatal: The upload is gone, or is no table with the needed columns.
        """
        folder = f"{ctx.folder}/parts-{ctx.token}"
        try:
            upload = uploads.find(ctx.files, params.upload_id)
            with ctx.files.open(upload.file) as stream:
                table = parts.read_table(stream)
                _, header = next(table, (0, []))
                entries = _entries(table, rows.find_columns(header), len(header))
                total = parts.spool(entries, ctx.files, folder)
        except uploads.UploadNotFound as error:
            raise JobFatal(error.code, error.message) from error
        except rows.BadHeader as error:
            raise JobFatal("missing_columns", str(error)) from error
        return Plan(total, {"parts": folder, "file": upload.name})

    def load(self, indexes: Sequence[int], ctx: Context) -> list[Item]:
        entries = parts.pick(indexes, ctx.files, ctx.source["parts"])
        return [
            Item(index, f"row-{entry[0]}", entry, _name(entry)) for index, entry in zip(indexes, entries, strict=True)
        ]

    def run_chunk(self, items: Sequence[Item], ctx: Context) -> list[Outcome]:
        good: list[tuple[Item, WordRow]] = []
        outcomes: dict[int, Outcome] = {}
        for item in items:
            try:
                good.append((item, _row(item.data)))
            except BadRow as error:
                outcomes[item.index] = Outcome.failed(error.code, error.message)
        if good:
            answers = records.import_rows([row for _, row in good], fence=ctx.fence, job_id=ctx.job_id)
            for (item, row), answer in zip(good, answers, strict=True):
                outcomes[item.index] = _outcome(row, answer)
        return [outcomes[item.index] for item in items]

    def finish(self, ctx: Context) -> dict[str, Any]:
        """
        Returns:
            `{"file", "rows", "created", "updated", "unchanged", "failed"}`, the changes counted in the database.
        """
        counts = ctx.counts
        # Failed rows, and those that a cancel left, can be tried again: they are still needed.
        if ctx.source and counts["completed"] + counts["skipped"] == counts["total"]:
            ctx.files.remove(ctx.source["parts"])
        return {
            "file": ctx.source.get("file"),
            "rows": counts["total"],
            **records.changes_of_job(ctx.job_id),
            "failed": counts["failed"],
        }


def _entries(table: Iterator[tuple[int, list[str]]], columns: Mapping[str, int], width: int) -> Iterator[list[Any]]:
    """
    `[number, {column: cell}]` for each row; `[number, n]` for one with n cells, more than the header has.

    Raises:
        JobFatal: From some row on the file cannot be read as CSV.
    """
    number = 1
    try:
        for number, cells in table:
            if any(cell.strip() for cell in cells[width:]):
                yield [number, len(cells)]
            else:
                yield [number, {name: cells[at] for name, at in columns.items() if at < len(cells)}]
    except csv.Error as error:
        raise JobFatal(
            "bad_csv",
            f"After row {number} the file cannot be read as CSV ({error}); look for a quote that is never closed. "
            "Nothing was imported.",
        ) from error


def _name(entry: Sequence[Any]) -> str:
    word = entry[1].get("word", "").strip() if isinstance(entry[1], dict) else ""
    return f"{word[:80]} (row {entry[0]})" if word else f"row {entry[0]}"


def _row(entry: Sequence[Any]) -> WordRow:
    number, cells = entry
    if isinstance(cells, int):
        raise BadRow(
            "too_many_cells",
            number,
            f"it has {cells} cells, more than the header. Put a cell that holds a comma between double quotes.",
        )
    return rows.clean_row(number, cells)


def _outcome(row: WordRow, answer: Imported) -> Outcome:
    match answer.change:
        case Change.UNCHANGED:
            return Outcome.skipped("unchanged")
        case Change.SUPERSEDED:
            return Outcome.skipped("newer_exists")
        case Change.DUPLICATE:
            pos = f" ({row.pos})" if row.pos else ""
            return Outcome.failed(
                "duplicate_row",
                f"Row {row.number}: “{row.word}”{pos} is in row {answer.other_row} too; that row was taken.",
            )
    return Outcome.done()
