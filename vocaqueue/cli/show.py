"""What the command line shows to people: tables, one job, live progress bars."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from ..errors import StoreUnavailable
from ..job import JobRecord, JobStatus, iso
from ..rates import Rate
from ..store.dead_letters import DeadLetterPage
from ..store.jobs import JobPage
from .common import plain

if TYPE_CHECKING:
    from ..archive.audit import AuditPage
    from ..archive.bin import BinPage
    from ..engine.listed_key import KeyPage
    from ..engine.queue import QueueManager

COLOURS = {
    "waiting": "yellow",
    "active": "cyan",
    "delayed": "magenta",
    "paused": "magenta",
    "completed": "green",
    "failed": "red",
    "cancelled": "bright_black",
}

#: Piped output is for programs and logs: never folded to a terminal that is not there.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 200)


def _coloured(status: str) -> str:
    return f"[{COLOURS[status]}]{status}[/]"


def jobs_table(page: JobPage) -> None:
    if not page.items:
        console.print("No jobs." if page.total == 0 else f"Page {page.page} is empty; there are {page.total_pages}.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("job", "name", "status", "priority", "done", "failed", "created", "why it waits"):
        table.add_column(
            heading, justify="right" if heading in {"done", "failed"} else "left", no_wrap=heading == "job"
        )
    for job in page.items:
        progress = job.progress
        total = "?" if progress.total is None else progress.total
        table.add_row(
            job.id,
            job.name or "",
            _coloured(job.status.value),
            job.priority.label,
            f"{progress.completed + progress.skipped}/{total}",
            str(progress.failed or ""),
            iso(job.created_at_ms) or "",
            (job.wait_reason or {}).get("message", ""),
        )
    console.print(table)
    if page.total_pages > 1:
        console.print(f"Page {page.page} of {page.total_pages}, {page.total} jobs.")


def bin_table(page: BinPage) -> None:
    if not page.items:
        console.print("The bin is empty." if page.total == 0 else f"Page {page.page} is empty.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("job", "name", "was", "by", "removed by", "until"):
        table.add_column(heading, no_wrap=heading == "job")
    for entry in page.items:
        until = iso(entry.expires_at_ms) or ""
        table.add_row(
            entry.job_id, entry.name or "", _coloured(entry.status), entry.action, entry.removed_by or "", until
        )
    console.print(table)
    if page.total_pages > 1:
        console.print(f"Page {page.page} of {page.total_pages}, {page.total} jobs.")


def keys_table(page: KeyPage) -> None:
    if not page.items:
        console.print("No API keys." if page.total == 0 else f"Page {page.page} is empty.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "name", "role", "status", "made by", "ends", "last used"):
        table.add_column(heading, no_wrap=heading == "id")
    colours = {"active": "green", "expired": "yellow", "revoked": "red"}
    for entry in page.items:
        shown = entry.as_dict()
        table.add_row(
            shown["id"],
            Text(plain(shown["name"])),
            shown["role"],
            f"[{colours[shown['status']]}]{shown['status']}[/]",
            Text(plain(shown["createdBy"] or "")),
            shown["expiresAt"] or "never",
            shown["lastUsedAt"] or "never",
        )
    console.print(table)
    if page.total_pages > 1:
        console.print(f"Page {page.page} of {page.total_pages}, {page.total} keys.")


def job_sheet(job: JobRecord) -> None:
    progress = job.progress
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bright_black")
    table.add_column()
    rows: list[tuple[str, object]] = [
        ("job", job.id),
        ("name", job.name),
        ("status", _coloured(job.status.value) + (", being cancelled" if job.cancel_requested else "")),
        ("why", (job.wait_reason or {}).get("message")),
        ("error", (job.error or {}).get("message")),
        ("priority", job.priority.label),
        ("progress", f"{progress.percent:g} % of {progress.total if progress.total is not None else '?'} items"),
        ("", f"{progress.completed} done, {progress.skipped} skipped, {progress.failed} failed, {job.in_hand} in hand"),
        ("rate", None if progress.items_per_second is None else f"{progress.items_per_second:g} items/s"),
        ("left", None if progress.eta_seconds is None else f"{progress.eta_seconds:g} s"),
        ("created", f"{iso(job.created_at_ms)}{' by ' + job.created_by if job.created_by else ''}"),
        ("not before", iso(job.run_at_ms)),
        ("deadline", iso(job.deadline_at_ms)),
        ("schedule", job.schedule_id),
        ("started", iso(job.started_at_ms)),
        ("ended", iso(job.finished_at_ms)),
        ("params", job.params),
        ("result", job.result),
    ]
    for label, value in rows:
        if value is not None:
            table.add_row(label, str(value))
    console.print(table)
    for error in progress.errors[:20]:
        console.print(
            f"[red]{error.item_name}[/] {error.code}: {error.message} ({error.attempts} tries)", soft_wrap=True
        )
    if progress.failed > 20:
        console.print(f"… and {progress.failed - 20} more failures.")


def stats_table(stats: dict[str, Any]) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("type")
    for status in JobStatus:
        table.add_column(_coloured(status.value), justify="right")
    for heading in ("items left", "items/s"):
        table.add_column(heading, justify="right")
    for name, counts in stats["types"].items():
        numbers = [str(counts[status.value]) for status in JobStatus]
        table.add_row(name, *numbers, str(counts["itemsWaiting"]), f"{counts['itemsPerSecond']:g}")
    table.add_row("all", *(str(stats[status.value]) for status in JobStatus), "", "", style="bold")
    console.print(table)


def limits_table(types: dict[str, dict[str, Any]], accounts: dict[str, dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("type or account", "rate", "now", "left", "shut until", "chunks"):
        table.add_column(heading, justify="right" if heading in {"now", "left", "chunks"} else "left")
    for name, shown in [*types.items(), *((f"account {name}", shown) for name, shown in accounts.items())]:
        rate, now, cap = shown["rate"], shown["ratePerSecond"], shown.get("maxRunningChunks")
        table.add_row(
            name,
            "none" if rate is None else str(Rate(rate["max"], rate["durationSeconds"], rate["burst"])),
            "" if now is None else f"{now:g}/s",
            "" if shown["rateLeft"] is None else str(shown["rateLeft"]),
            shown["shutUntil"] or "",
            f"{shown.get('runningChunks', '')}{f' of {cap}' if cap else ''}",
        )
    console.print(table)


def workers_table(workers: dict[str, dict[str, Any]]) -> None:
    if not workers:
        console.print("No worker is known. Is the relay running?")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("worker", "pid", "in hand", "tickets done", "silent for"):
        table.add_column(heading, justify="left" if heading == "worker" else "right")
    for name, known in workers.items():
        silent = max(0.0, time.time() - known["seen"])
        table.add_row(name, str(known.get("pid")), str(known.get("active")), str(known.get("done")), f"{silent:.0f} s")
    console.print(table)


def schedules_table(schedules: list[dict[str, Any]]) -> None:
    if not schedules:
        console.print("No schedules.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("schedule", "type", "when", "next", "last", "made"):
        table.add_column(heading, no_wrap=heading == "schedule")
    for schedule in schedules:
        when = (
            f"{schedule['cron']} {schedule['timeZone']}" if schedule["cron"] else f"every {schedule['everySeconds']} s"
        )
        last = schedule["lastRun"] or {}
        made = last.get("jobId") or (f"[red]{last['error']['message']}[/]" if last.get("error") else "")
        following = schedule["nextRuns"][0] if schedule["nextRuns"] else "never" if schedule["enabled"] else "off"
        table.add_row(schedule["id"], schedule["type"], when, following, last.get("at", ""), made)
    console.print(table)


def dead_letters_table(found: DeadLetterPage) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("when", "queue", "reason", "worker", "bytes", "message"):
        table.add_column(heading, justify="right" if heading == "bytes" else "left")
    for letter in found.items:
        table.add_row(
            iso(letter.at_ms),
            Text(letter.queue),
            letter.reason,
            Text(letter.worker),
            str(letter.size_bytes),
            Text(letter.raw[:60].replace("\n", " ")),
        )
    console.print(table)
    if found.total_pages > 1:
        console.print(f"Page {found.page} of {found.total_pages}; {found.total} in all.")


def audit_table(found: AuditPage) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("no.", "when", "who", "from", "what", "target", "outcome"):
        table.add_column(heading, justify="right" if heading == "no." else "left")
    for entry in found.items:
        table.add_row(
            str(entry.seq),
            iso(entry.at_ms),
            Text(plain(entry.actor_name or entry.actor_id)),
            Text(plain(f"{entry.via} {entry.address or ''}".strip())),
            Text(plain(entry.action)),
            Text(plain(entry.target)),
            Text(plain(entry.outcome)),
        )
    console.print(table)
    if found.total_pages > 1:
        console.print(f"Page {found.page} of {found.total_pages}; {found.total} in all.")


def follow(queue: QueueManager, job_ids: list[str], *, quiet: bool = False) -> bool:
    """Progress bars until all have ended. Answers whether all ended as completed."""
    log, jobs = queue.event_log, {job_id: queue.get(job_id).record for job_id in job_ids}
    position, run = log.position(), log.server_run()
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        console=console,
        disable=quiet,
    )
    with bars:
        ids = {job_id: bars.add_task(job_id, total=None, rate="") for job_id in jobs}

        def draw(job_id: str) -> None:
            job = jobs[job_id] = queue.get(job_id).record
            progress = job.progress
            rate = (
                "" if progress.items_per_second is None or job.status.is_final else f"{progress.items_per_second:g}/s"
            )
            failed = f" [red]{progress.failed} failed[/]" if progress.failed else ""
            bars.update(
                ids[job_id],
                description=f"{job_id} {_coloured(job.status.value)}",
                total=progress.total,
                completed=progress.completed + progress.failed + progress.skipped,
                rate=rate + failed,
            )

        for job_id in jobs:
            draw(job_id)
        while not all(job.status.is_final for job in jobs.values()):
            try:
                batch = log.read(position, run, block_ms=1000)
                # A bulk act that removes jobs has one event for all of them.
                everything = not batch or any(event.name == "jobs-changed" for event in batch)
                changed = [j for j in jobs if everything or any(event.job_id == j for event in batch)]
                position = batch[-1].id.partition(".")[2] if batch else position
                for job_id in changed:
                    draw(job_id)
            except StoreUnavailable:
                time.sleep(1.0)
    return all(job.status is JobStatus.COMPLETED for job in jobs.values())
