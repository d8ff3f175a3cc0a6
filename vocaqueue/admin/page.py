"""The dashboard's files, under `/ui/`. They hold no data, so they are open; what they show comes through the API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Response, send_from_directory
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, Unauthorized

from ..errors import VocaqueueError
from .answers import media
from .guard import OPEN, GuardedBlueprint

CACHED = {"If-None-Match": "The ETag of an answer before; 304 while nothing has changed."}
STATIC = Path(__file__).parent / "static"


def add_routes(blueprint: GuardedBlueprint) -> None:
    page = {200: media("text/html", ETag="Of the file."), 304: None} | ({303: None} if blueprint.login else {})
    file = {200: media("text/javascript", "text/css", "image/svg+xml", "text/html", ETag="Of the file."), 304: None}
    stated: dict[str, Any] = {"role": OPEN, "query": None, "described": {"headers": CACHED}}

    @blueprint.get("/ui/", answer=page, **stated)
    def dashboard() -> ResponseReturnValue:
        """The dashboard; who is not signed in is led to the sign-in page, where there is one."""
        if blueprint.login:
            try:
                blueprint.identify()
            except Unauthorized:
                return blueprint.to_login()
            except (HTTPException, VocaqueueError):
                pass  # the page itself says what is the matter
        return _send("index.html")

    @blueprint.get("/ui/<name>", answer=file, **stated)
    def dashboard_file(name: str) -> Response:
        """A file of the dashboard."""
        return _send(name)


def _send(name: str) -> Response:
    response = send_from_directory(STATIC, name, max_age=0)
    response.headers["Cache-Control"] = "no-cache"  # asked for again each time, answered with 304
    return response
