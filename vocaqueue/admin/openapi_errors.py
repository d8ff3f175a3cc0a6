"""Errors as OpenAPI has them: which a route may answer follows from what it states."""

from __future__ import annotations

from typing import Any

from .operation import CHANGES, OPEN, NoArguments, Operation
from .payloads import CODES

#: status -> when, and an example: code, message, details.
SAID: dict[int, tuple[str, str, str]] = {
    400: ("It cannot be read: no JSON, a name twice, a nesting without an end, half a letter, a NUL.", "malformed",
          "The body cannot be read as JSON: Expecting value: line 1 column 1 (char 0)."),
    401: ("Nobody is signed in.", "no_identity", "Sign in first, or send “Authorization: Bearer KEY”."),
    403: ("The role is too low, or a change by cookie came from elsewhere.", "not_allowed",
          "This needs the role operator; you have viewer."),
    404: ("There is no such thing, or it was removed.", "job_not_found", "There is no job “export-1”."),
    405: ("The address does not have this method; `Allow` says which it has.", "method_not_allowed",
          "DELETE is not possible here, only GET, HEAD, OPTIONS."),
    409: ("The present state does not allow it.", "wrong_status",
          "Job “export-1” is completed; it cannot be paused. Possible now: delete."),
    413: ("The request is larger than this address takes.", "too_large",
          "The request is larger than this address takes: 64 MB for a job, 2 GB for an upload, 1 MB elsewhere."),
    414: ("The query is longer than 8,000 bytes; of an address as a whole the server takes 8,190.", "too_large",
          "The query has 9,020 bytes; 8,000 is the most. Ask for less at once."),
    415: ("The body is neither JSON nor, for a file, multipart.", "unsupported_media_type",
          "Send the body as application/json."),
    422: ("It can be read and makes no sense; `details` name each field.", "invalid_params",
          "There is no field “pgae”; did you mean “page”?"),
    429: ("Too many wrong keys came from there; `Retry-After` says when to come back.", "too_many_requests",
          "Too many wrong keys came from this address; wait a little."),
    501: ("Part of the contract, not of this version.", "not_supported", "“budgetUsd” is not part of this version."),
    503: ("A store is away; `Retry-After` says when to come back.", "store_unavailable",
          "The job store (Redis/Valkey) does not answer. Nothing was lost; try again in a few seconds."),
}  # fmt: skip

_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"description": "Bearer", "required": True, "schema": {"type": "string"}}},
    405: {"Allow": {"description": "Methods, by comma.", "required": True, "schema": {"type": "string"}}},
    429: {"Retry-After": {"description": "Seconds.", "required": True, "schema": {"type": "integer"}}},
    503: {"Retry-After": {"description": "Seconds.", "required": True, "schema": {"type": "integer"}}},
}


def errors_of(path: str, method: str, operation: Operation) -> list[int]:
    """The statuses that say that something is wrong."""
    found = set(operation.errors)
    if operation.role != OPEN:
        found |= {403, 429, 503}
        if not (operation.is_page and 303 in operation.answers):  # who is not signed in is led to where one can
            found.add(401)
    if set(operation.answers) == {501}:
        return sorted(found | {501})
    if "{" in path:
        found.add(404)
    if operation.query is not None:
        found.add(422)
        if operation.query is not NoArguments and operation.query.model_fields:
            found |= {400, 414}
    if method in CHANGES and (operation.reads_body or operation.body):
        found |= {400, 413, 415, 422}
    return sorted(found)


def _response(status: int) -> dict[str, Any]:
    when, code, message = SAID[status]
    example = {"success": False, "error": {"code": code, "message": message, "details": []}}
    schema = {"$ref": "#/components/schemas/Error"}
    described: dict[str, Any] = {
        "description": when,
        "content": {"application/json": {"schema": schema, "examples": {code: {"value": example}}}},
    }
    return described | ({"headers": _HEADERS[status]} if status in _HEADERS else {})


RESPONSES = {str(status): _response(status) for status in SAID if status in CODES}
