"""The OpenAPI document of the whole service: the queue, the words, signing in, health."""

from __future__ import annotations

from flask import Blueprint, Response

from vocaqueue.admin import Authorize, GuardedBlueprint
from vocaqueue.admin.docs import JSON_FILE, send
from vocaqueue.admin.page import CACHED


def create_blueprint(authorize: Authorize) -> Blueprint:
    blueprint = GuardedBlueprint("description", __name__, authorize=authorize)

    @blueprint.get("/api/openapi.json", role="viewer", answer=JSON_FILE, described={"headers": CACHED})
    def service_openapi() -> Response:
        """The description of the whole service: OpenAPI 3.1."""
        return send("")

    return blueprint
