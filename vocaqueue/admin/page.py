"""The dashboard's files, under `/ui/`. They hold no data, so they are open; what they show comes through the API."""

from __future__ import annotations

from pathlib import Path

from flask import Response, send_from_directory
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, Unauthorized

from ..errors import VocaqueueError
from .guard import OPEN, GuardedBlueprint

STATIC = Path(__file__).parent / "static"


def add_routes(blueprint: GuardedBlueprint) -> None:
    @blueprint.get("/ui/", role=OPEN)
    def dashboard() -> ResponseReturnValue:
        if blueprint.login:
            try:
                blueprint.identify()
            except Unauthorized:
                return blueprint.to_login()
            except (HTTPException, VocaqueueError):
                pass  # the page itself says what is the matter
        return _send("index.html")

    @blueprint.get("/ui/<name>", role=OPEN)
    def dashboard_file(name: str) -> Response:
        return _send(name)


def _send(name: str) -> Response:
    response = send_from_directory(STATIC, name, max_age=0)
    response.headers["Cache-Control"] = "no-cache"  # asked for again each time, answered with 304
    return response
