"""Pages of other sites: none may use the API but those of the origins that the settings name, each in full."""

from __future__ import annotations

from collections.abc import Collection

from flask import Flask, Response, request

METHODS = "GET, POST, PUT, PATCH, DELETE"
ASKED = "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-CSRF-Token"
SHOWN = "Content-Disposition, ETag, Location, Retry-After, X-Style-Applied"
GOOD_FOR_S = 600


def allow_origins(app: Flask, origins: Collection[str]) -> None:
    """
    Answer the preflights of these origins, and let their pages read what is answered, with cookies.

    A cookie alone lets them only read: a change needs the token of GET /me besides (see `origin.check_change`).
    """
    if not origins:
        return
    allowed = frozenset(origins)

    @app.before_request
    def preflight() -> Response | None:
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            return None
        return Response(status=204)

    @app.after_request
    def say(response: Response) -> Response:
        response.vary.add("Origin")
        origin = request.headers.get("Origin")
        if origin not in allowed:
            return response
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Credentials"] = "true"
        response.headers["Access-Control-Expose-Headers"] = SHOWN
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = METHODS
            response.headers["Access-Control-Allow-Headers"] = ASKED
            response.headers["Access-Control-Max-Age"] = str(GOOD_FOR_S)
        return response
