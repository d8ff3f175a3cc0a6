"""The shop's job types, run in the test's own process."""

from __future__ import annotations

import sqlite3

from bookshop import letters
from bookshop.database import connection
from bookshop.job_types import PriceList, SendLetters


def test_letters_go_to_the_branchs_own_customers(vocaqueue_queue, inline_worker):
    """A customer of the other branch is a failure that says so."""
    job = vocaqueue_queue.add(SendLetters(customer_ids=["seoul-1", "busan-1", "nobody"], subject="Spring"))
    inline_worker.run()
    progress = job.refresh().record.progress
    assert (progress.completed, progress.failed) == (1, 2)
    assert {error.code for error in progress.errors} == {"other_branch", "no_such_customer"}
    with connection() as db:
        assert [row["customer"] for row in db.execute("SELECT customer FROM letters")] == ["seoul-1"]


def test_a_database_that_is_locked_is_tried_again(vocaqueue_queue, inline_worker, monkeypatch):
    """What the test patches counts, for the handler runs here."""
    plain, broken = letters.connection, iter([True])

    def sometimes():
        if next(broken, False):
            raise sqlite3.OperationalError("database is locked")
        return plain()

    monkeypatch.setattr(letters, "connection", sometimes)
    job = vocaqueue_queue.add(SendLetters(customer_ids=["seoul-1"], subject="Spring"))
    inline_worker.run()
    assert job.refresh().record.progress.completed == 1


def test_the_price_list_is_a_file_of_the_job(vocaqueue_queue, inline_worker):
    """A dry run says how many books there are; the job's file has them all."""
    asked = PriceList(percent_off=10)
    assert vocaqueue_queue.estimate(asked).items == 300
    job = vocaqueue_queue.add(asked)
    inline_worker.run()
    assert job.refresh().record.result == {"books": 300, "file": "prices.csv"}
    with vocaqueue_queue.files.open(f"jobs/{job.record.id}/prices.csv") as file:
        lines = file.read().decode().splitlines()
    assert lines[:2] == ["isbn,title,won", "9781100000000,The Lighthouse 0,8100"]
    assert len(lines) == 301
