"""
A long list as a file: JSON, CSV, or an Excel workbook.

Rows come in batches and are made into the file outside a server's loop, so that neither memory nor other requests feel
how many there are. A workbook is finished before its first byte is sent; the others flow.
"""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from flask import Response

if TYPE_CHECKING:
    from ..engine.queue import QueueManager

FORMATS = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
PART_BYTES = 256 * 1024  #: of a workbook, in one piece of the answer
SHEET_ROWS = 1_000_000  #: Excel takes 1,048,576
CELL_CHARACTERS = 32_767  #: Excel takes no more
#: What a spreadsheet would read as a formula, in the widths of both scripts.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

Batches = Iterator[list[Any]]


@dataclass(frozen=True)
class Table:
    """What a file is made of."""

    title: str  #: of the sheet
    columns: tuple[str, ...]
    widths: tuple[int, ...]  #: of the columns, in characters
    cells: Callable[[Any], Sequence[Any]]  #: a row's values, in the order of the columns
    as_json: Callable[[Any], dict[str, Any]]
    head: str = ""  #: JSON members of `data` before `items`, each with its comma


def download(queue: QueueManager, table: Table, batches: Batches, kind: str, name: str) -> Response:
    """
    The file as an answer.

    Args:
        name: Of the file, without its ending.

    Raises:
        VocaqueueError: What `batches` raises before anything was sent; on the way the answer breaks off.
    """
    batches = _begun(batches)
    if kind == "xlsx":
        file = _workbook(queue, table, batches)
        response = Response(_parts(queue, file), mimetype=FORMATS[kind])
        response.content_length = file.seek(0, io.SEEK_END)
        file.seek(0)
        response.call_on_close(file.close)
    else:
        made = _json_parts(queue, table, batches) if kind == "json" else _csv_parts(queue, table, batches)
        response = Response(made, content_type=FORMATS[kind])
    response.headers.set("Content-Disposition", "attachment", filename=f"{name}.{kind}")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _begun(batches: Batches) -> Batches:
    """The same with the first batch read, so that what is wrong is said by the answer's status."""
    first = next(batches, None)

    def again() -> Batches:
        if first is not None:
            yield first
            yield from batches

    return again()


def _json_parts(queue: QueueManager, table: Table, batches: Batches) -> Iterator[bytes]:
    yield f'{{"success":true,"data":{{{table.head}"items":['.encode()
    total = 0
    for batch in batches:
        text = queue.aside(_as_json, table, batch)
        yield (b",\n" if total else b"\n") + text
        total += len(batch)
    yield f'\n],"total":{total}}}}}\n'.encode()


def _as_json(table: Table, batch: list[Any]) -> bytes:
    return ",\n".join(json.dumps(table.as_json(row), ensure_ascii=False) for row in batch).encode(errors="replace")


def _csv_parts(queue: QueueManager, table: Table, batches: Batches) -> Iterator[bytes]:
    yield b"\xef\xbb\xbf" + _as_csv([table.columns])  # Excel takes it for UTF-8 by these three bytes
    for batch in batches:
        yield queue.aside(_rows_as_csv, table, batch)


def _rows_as_csv(table: Table, batch: list[Any]) -> bytes:
    return _as_csv([[harmless(value) for value in table.cells(row)] for row in batch])


def _as_csv(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode(errors="replace")


def harmless(value: Any) -> Any:
    """A text that a spreadsheet would calculate gets an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(FORMULA) else value


def _workbook(queue: QueueManager, table: Table, batches: Batches) -> IO[bytes]:
    book = queue.aside(Workbook, table)
    try:
        for batch in batches:
            queue.aside(book.add, batch)
    except BaseException:  # what is written so far lies in a temporary file, which goes with the saving
        queue.aside(book.save).close()
        raise
    file: IO[bytes] = queue.aside(book.save)
    return file


def _parts(queue: QueueManager, file: IO[bytes]) -> Iterator[bytes]:
    while part := queue.aside(file.read, PART_BYTES):
        yield part


class Workbook:
    """An Excel workbook that is written row by row."""

    def __init__(self, table: Table) -> None:
        from openpyxl import Workbook as Book
        from openpyxl.cell import WriteOnlyCell
        from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

        self._table = table
        self._book = Book(write_only=True)
        self._make_cell: Callable[..., Any] = WriteOnlyCell
        self._illegal = ILLEGAL_CHARACTERS_RE
        self._rows = 0
        self._sheet: Any = None
        self._begin_sheet()

    def add(self, batch: Sequence[Any]) -> None:
        for row in batch:
            if self._rows == SHEET_ROWS:
                self._begin_sheet()
            self._sheet.append([self._cell(value) for value in self._table.cells(row)])
            self._rows += 1

    def save(self) -> IO[bytes]:
        """The finished file, at its beginning; it goes when it is closed."""
        file = tempfile.TemporaryFile()  # noqa: SIM115 -- the answer closes it
        self._book.save(file)
        file.seek(0)
        return file

    def _begin_sheet(self) -> None:
        from openpyxl.utils import get_column_letter

        self._sheet, self._rows = self._book.create_sheet(self._table.title), 0
        for number, width in enumerate(self._table.widths, 1):
            self._sheet.column_dimensions[get_column_letter(number)].width = width
        self._sheet.freeze_panes = "A2"
        self._sheet.append(list(self._table.columns))

    def _cell(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        text = value.encode(errors="replace").decode()[:CELL_CHARACTERS]
        cell = self._make_cell(self._sheet, self._illegal.sub("\N{REPLACEMENT CHARACTER}", text))
        cell.data_type = "s"  # a text, also where it begins like a formula
        return cell
