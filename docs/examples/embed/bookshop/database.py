"""The shop's own tables, in SQLite: staff, customers and books of each branch."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from werkzeug.security import generate_password_hash

BRANCHES = ("seoul", "busan")
TABLES = """
CREATE TABLE IF NOT EXISTS staff (login TEXT PRIMARY KEY, name TEXT, password TEXT);
CREATE TABLE IF NOT EXISTS posts (login TEXT, branch TEXT, post TEXT, PRIMARY KEY (login, branch));
CREATE TABLE IF NOT EXISTS customers (id TEXT PRIMARY KEY, branch TEXT, name TEXT, email TEXT);
CREATE TABLE IF NOT EXISTS books (isbn TEXT, branch TEXT, title TEXT, won INTEGER, PRIMARY KEY (isbn, branch));
CREATE TABLE IF NOT EXISTS letters (customer TEXT, subject TEXT, fence INTEGER, PRIMARY KEY (customer, subject));
"""
#: login -> name, and the post at each branch
STAFF = {
    "mina": ("Mina Han", {"seoul": "owner", "busan": "clerk"}),
    "jun": ("Jun Seo", {"seoul": "manager"}),
    "ara": ("Ara Kim", {"busan": "manager"}),
}
TITLES = ("The Lighthouse", "Winter Sea", "A Map of Rain", "Paper Moon", "Salt")


@contextmanager
def connection() -> Iterator[sqlite3.Connection]:
    """One transaction."""
    path = Path(os.environ.get("BOOKSHOP_DATABASE", "var/bookshop.db"))
    path.parent.mkdir(parents=True, exist_ok=True)
    made = sqlite3.connect(path, timeout=10)
    made.row_factory = sqlite3.Row
    try:
        with made:
            yield made
    finally:
        made.close()


def fill(password: str = "lantern") -> None:  # noqa: S107 - of an example that runs on nobody's server
    """Make the tables, with two branches that have something to do."""
    with connection() as db:
        db.executescript(TABLES)
        for login, (name, posts) in STAFF.items():
            db.execute("INSERT OR REPLACE INTO staff VALUES (?, ?, ?)", (login, name, generate_password_hash(password)))
            db.executemany(
                "INSERT OR REPLACE INTO posts VALUES (?, ?, ?)",
                [(login, branch, post) for branch, post in posts.items()],
            )
        for branch in BRANCHES:
            db.executemany(
                "INSERT OR REPLACE INTO customers VALUES (?, ?, ?, ?)",
                [(f"{branch}-{n}", branch, f"Customer {n}", f"c{n}@{branch}.example") for n in range(60)],
            )
            db.executemany(
                "INSERT OR REPLACE INTO books VALUES (?, ?, ?, ?)",
                [(f"97811{n:08}", branch, f"{TITLES[n % 5]} {n}", 9_000 + 100 * n) for n in range(300)],
            )
