"""The price list: planned in a worker, worked on in sets, joined at the end."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence

from vocaqueue import Context, Handler, Item, Outcome, Plan

from .branches import own_branch
from .database import connection
from .job_types import PriceList

FILE = "prices.csv"


class PriceListHandler(Handler):
    def plan(self, params: PriceList, ctx: Context) -> Plan:
        with connection() as db:
            isbns = [
                row["isbn"]
                for row in db.execute("SELECT isbn FROM books WHERE branch = ? ORDER BY isbn", (own_branch(),))
            ]
        name = f"{ctx.folder}/isbns-{ctx.token}.json"
        with ctx.files.write(name) as out:
            out.write(json.dumps(isbns).encode())
        return Plan(len(isbns), {"isbns": name, "rows": f"{ctx.folder}/rows-{ctx.token}"})

    def load(self, indexes: Sequence[int], ctx: Context) -> list[Item]:
        with ctx.files.open(ctx.source["isbns"]) as file:
            isbns = json.load(file)
        return [Item(index, isbns[index]) for index in indexes]

    def run_chunk(self, items: Sequence[Item], ctx: Context) -> list[Outcome]:
        with connection() as db:
            books = {row["isbn"]: row for row in db.execute("SELECT * FROM books WHERE branch = ?", (own_branch(),))}
        rows = {
            item.index: [item.id, books[item.id]["title"], round(books[item.id]["won"] * self._factor(ctx))]
            for item in items
            if item.id in books
        }
        # Under the fence: whoever works on the same items later writes a file that comes after this one.
        with ctx.files.write(f"{ctx.source['rows']}/{ctx.fence:020}.json") as out:
            out.write(json.dumps(rows).encode())
        gone = Outcome.failed("no_such_book", "The book was taken out of the list.")
        return [Outcome.done() if item.index in rows else gone for item in items]

    def finish(self, ctx: Context) -> dict[str, object]:
        rows: dict[int, list[object]] = {}
        for name in ctx.files.list(ctx.source["rows"]) if ctx.source else ():
            with ctx.files.open(f"{ctx.source['rows']}/{name}") as file:
                rows |= {int(index): row for index, row in json.load(file).items()}
        table = io.StringIO()
        csv.writer(table).writerows([["isbn", "title", "won"], *(row for _, row in sorted(rows.items()))])
        with ctx.files.write(f"{ctx.folder}/{FILE}") as out:
            out.write(table.getvalue().encode())
        return {"books": len(rows), "file": FILE}

    @staticmethod
    def _factor(ctx: Context) -> float:
        return 1 - ctx.params.percent_off / 100
