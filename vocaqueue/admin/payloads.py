"""What an answer looks like, and the HTTP status of each error: the only place that knows it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flask import Response, request
from flask.sansio.scaffold import Scaffold
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, default_exceptions

from ..errors import Detail, VocaqueueError

log = logging.getLogger(__name__)

RETRY_AFTER_S = 5  #: when the job store is away; an embedded one is back in about two seconds
DETAILS_SHOWN = 100

#: By the error's stable code, so that a host's own errors can be told apart too.
STATUS: dict[str, int] = {
    "bad_request": 422,
    "unknown_type": 404,
    "invalid_params": 422,
    "no_items": 422,
    "job_not_found": 404,
    "word_not_found": 404,
    "upload_not_found": 404,
    "schedule_not_found": 404,
    "key_not_found": 404,
    "no_identity": 401,
    "wrong_status": 409,
    "idempotency_conflict": 409,
    "duplicate_job": 409,
    "too_large": 413,
    "not_supported": 501,
    "preview_not_found": 404,
    "too_many_streams": 503,
    "store_unavailable": 503,
    "archive_unavailable": 503,
    "audit_full": 503,
    "secrets_locked": 503,
    "database_unavailable": 503,
}

#: What an HTTP error that is none of ours is called.
CODES: dict[int, str] = {
    400: "malformed",
    401: "no_identity",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    414: "too_large",
    415: "unsupported_media_type",
    422: "invalid_params",
    429: "too_many_requests",
    431: "too_large",
    501: "not_supported",
    503: "unavailable",
}


class StoreAway(VocaqueueError):
    """What keeps words or files does not answer."""

    code = "database_unavailable"


def ok(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return _answer({"success": True, "data": data}, status, headers)


def page(items: Sequence[Any], *, page: int, limit: int, total: int) -> dict[str, Any]:
    """A list, in the one form that all lists have."""
    return {"items": list(items), "page": page, "limit": limit, "total": total, "totalPages": -(-total // limit)}


def whole(items: Sequence[Any]) -> dict[str, Any]:
    """A list that is short by nature, as a single page."""
    return page(items, page=1, limit=max(1, len(items)), total=len(items))


def failure(
    status: int,
    code: str,
    message: str,
    details: Iterable[Detail] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    shown = [detail.as_dict() for detail, _ in zip(details, range(DETAILS_SHOWN), strict=False)]
    more = {"Retry-After": str(RETRY_AFTER_S)} if status in {429, 503} else {}
    if status == 401:
        more["WWW-Authenticate"] = "Bearer"
    body = {"success": False, "error": {"code": code, "message": message, "details": shown}}
    return _answer(body, status, more | dict(headers or {}))


def handle_errors(blueprint: Scaffold) -> None:
    """Make every error of this blueprint, or application, JSON."""
    blueprint.register_error_handler(VocaqueueError, on_our_error)
    blueprint.register_error_handler(HTTPException, on_http_error)
    for status in default_exceptions:  # by number too: Flask asks a host's `errorhandler(404)` before our classes
        blueprint.register_error_handler(status, on_http_error)
    blueprint.register_error_handler(Exception, on_surprise)


def on_our_error(error: VocaqueueError) -> Response:
    status = STATUS.get(error.code)
    if status is None:
        return on_surprise(error)
    return failure(status, error.code, error.message, error.details)


def on_http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400 and error.response is not None:  # a redirect
        return error.response  # type: ignore[return-value]
    message = error.description or error.name
    if isinstance(error, NotFound) and message == NotFound.description:  # the router's own, made for a page
        message = "There is nothing at this address."
    if isinstance(error, MethodNotAllowed) and message == MethodNotAllowed.description:
        message = f"{request.method} is not possible here; the header Allow says what is."
    if status == 413:
        limits = "64 MB for a job, 2 GB for an upload, 8 MB for a bulk act, 1 MB elsewhere"
        message = f"The request is larger than this address takes: {limits}."
    headers = {name: value for name, value in error.get_headers() if name in {"Allow", "Retry-After"}}
    return failure(status, CODES.get(status, "error"), message, headers=headers)


def on_surprise(error: Exception) -> Response:
    log.error("a request failed", exc_info=error)
    return failure(500, "internal_error", "Something went wrong on the server; its log says more.")


def _answer(body: Any, status: int, headers: Mapping[str, str] | None) -> Response:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    # What a lone surrogate in an old name would break is replaced instead.
    response = Response(text.encode(errors="replace"), status, mimetype="application/json")
    response.headers.update(headers or {})
    return response
