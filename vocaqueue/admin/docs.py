"""The OpenAPI document, and a page to read it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from flask import Response, current_app, request, send_from_directory, url_for
from werkzeug.exceptions import NotFound

from .answers import media
from .guard import GuardedBlueprint
from .openapi import document
from .page import CACHED, STATIC

DOCS = STATIC / "docs"


JSON_FILE = {200: media("application/json", ETag="Of the document."), 304: None}


def add_routes(blueprint: GuardedBlueprint) -> None:
    described: dict[str, Any] = {"headers": CACHED}
    page = {200: media("text/html", ETag="Of the page."), 304: None} | ({303: None} if blueprint.login else {})
    file = {200: media("text/javascript", "text/css", "text/plain", "text/html", ETag="Of the file."), 304: None}

    @blueprint.get("/openapi.json", role="viewer", answer=JSON_FILE, described=described)
    def openapi() -> Response:
        """This description: OpenAPI 3.1."""
        return send(url_for(".openapi").removeprefix(request.script_root).removesuffix("/openapi.json"))

    @blueprint.get("/docs", role="viewer", answer=page, described=described | {"is_page": True})
    def docs() -> Response:
        """This description as a page."""
        return _file("index.html")

    @blueprint.get("/docs/<name>", role="viewer", answer=file, described=described)
    def docs_file(name: str) -> Response:
        """A file of that page."""
        return _file(name)


def send(base: str) -> Response:
    """The description of what is mounted at `base`; made once for each application."""
    made = current_app.extensions.setdefault("vocaqueue-openapi", {})
    key = (request.script_root, base)
    if key not in made:
        text = json.dumps(document(current_app, base, root=request.script_root), ensure_ascii=False).encode()
        made[key] = (text, hashlib.sha256(text).hexdigest()[:32])
    text, etag = made[key]
    response = Response(text, mimetype="application/json")
    response.set_etag(etag)
    return _cached(response)


def _file(name: str) -> Response:
    try:
        response = send_from_directory(DOCS, name, max_age=0)
    except ValueError:  # a NUL in a name
        raise NotFound("There is nothing at this address.") from None
    return _cached(response)


def _cached(response: Response) -> Response:
    """To be asked for again each time, and answered with 304."""
    response.headers["Cache-Control"] = "private, no-cache"
    response.make_conditional(request)
    return response
