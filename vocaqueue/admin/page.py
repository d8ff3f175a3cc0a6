"""The dashboard's files, under `/ui/`. They hold no data, so they are open; what they show comes through the API."""

from __future__ import annotations

from pathlib import Path

from flask import Response, send_from_directory

from .guard import OPEN, GuardedBlueprint

STATIC = Path(__file__).parent / "static"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def add_routes(blueprint: GuardedBlueprint) -> None:
    @blueprint.get("/ui/", role=OPEN)
    def dashboard() -> Response:
        return _send("index.html")

    @blueprint.get("/ui/<name>", role=OPEN)
    def dashboard_file(name: str) -> Response:
        return _send(name)


def _send(name: str) -> Response:
    response = send_from_directory(STATIC, name, max_age=0)
    response.headers["Cache-Control"] = "no-cache"  # asked for again each time, answered with 304
    response.headers.setdefault("Content-Security-Policy", CSP)
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("X-Frame-Options", "DENY")
    return response
