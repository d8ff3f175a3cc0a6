"""The dashboard's files, under `/ui/`. They hold no data, so they are open; what they show comes through the API."""

from __future__ import annotations

from pathlib import Path

from flask import Response, send_from_directory

from .answers import media
from .guard import OPEN, GuardedBlueprint

STATIC = Path(__file__).parent / "static"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def add_routes(blueprint: GuardedBlueprint) -> None:
    page = media("text/html", ETag="Of the file.")
    file = media("text/javascript", "text/css", "image/svg+xml", "text/html", ETag="Of the file.")
    stated = {"role": OPEN, "query": None, "described": {"needs_store": False}}

    @blueprint.get("/ui/", answer=page, **stated)
    def dashboard() -> Response:
        """The dashboard."""
        return _send("index.html")

    @blueprint.get("/ui/<name>", answer=file, **stated)
    def dashboard_file(name: str) -> Response:
        """A file of the dashboard."""
        return _send(name)


def _send(name: str) -> Response:
    response = send_from_directory(STATIC, name, max_age=0)
    response.headers["Cache-Control"] = "no-cache"  # asked for again each time, answered with 304
    response.headers.setdefault("Content-Security-Policy", CSP)
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("X-Frame-Options", "DENY")
    return response
