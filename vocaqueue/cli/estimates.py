"""What `vocaqueue submit --dry-run` shows."""

from __future__ import annotations

from rich.table import Table

from ..estimate import Basis, Forecast
from .show import console

BASES = {
    Basis.COUNTED: "counted",
    Basis.MEASURED: "as measured of the newest jobs",
    Basis.DECLARED: "as its type says",
    Basis.NONE: "",
}


def forecast_sheet(found: Forecast) -> None:
    if found.job_id is not None:
        console.print(f"No job would be made: {found.job_id} is the job of this request.")
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for style in ("bright_black", "", "bright_black"):
        table.add_column(style=style)
    for label, value, name in (
        ("items", None if found.items is None else f"{found.items:,}", "items"),
        ("time", None if found.seconds is None else f"about {found.seconds:,g} s", "seconds"),
        ("cost", None if found.cost_usd is None else f"{found.cost_usd:,g} US dollars", "costUsd"),
    ):
        table.add_row(label, value or "not known", BASES[found.basis[name]])
    table.add_row("before it", f"{found.items_ahead:,} items of {found.type}", "")
    console.print(table)
