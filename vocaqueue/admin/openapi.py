"""The OpenAPI 3.1 document, made of what the routes state of themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

from flask import Flask
from pydantic.alias_generators import to_camel
from werkzeug.routing import Rule

from .openapi_errors import RESPONSES, errors_of
from .openapi_schemas import REF, Schemas
from .operation import CHANGES, OPEN, Operation

VARIABLE = re.compile(r"<(?:[a-z]+:)?([a-z_]+)>")
NOT_BUILT = 501
NO_METHODS = frozenset({"HEAD", "OPTIONS"})

DESCRIPTION = """\
Bulk jobs on Celery that survive `kill -9` anywhere and count every item once.

Every answer is `{"success": true, "data": …}` or `{"success": false, "error": {"code", "message", "details"}}`, but for
streams, downloads and pages. A list is `{items, page, limit, total, totalPages}`. Names are camelCase, times ISO 8601
UTC, durations seconds, money US dollars, percent 0 to 100. A method that an address does not have is 405 with `Allow`;
OPTIONS says what is possible. `HEAD` is `GET` without a body. Roles: `viewer` reads, `operator` also makes and steers
jobs, `admin` also removes.
"""

OTHERS = "overview"
TAGS = {
    OTHERS: "Counts, workers, acts on a type or on everything.",
    "jobs": "Submit, look at, steer and remove jobs.",
    "types": "Job types and what may run how fast.",
    "accounts": "Providers' accounts that types share.",
    "schedules": "Jobs that come by themselves.",
    "uploads": "Files for jobs.",
    "events": "Server-sent events.",
    "bin": "Jobs that were removed and can be restored.",
    "keys": "API keys.",
    "audit": "Who did what.",
    "words": "The words, with what was made for them.",
    "docs": "This description.",
    "ui": "The dashboard's files.",
}


def document(app: Flask, base: str, *, root: str = "") -> dict[str, Any]:
    """
    Describe what an application serves under a path.

    Args:
        base: The path at which it is mounted, such as /api/admin/queue; empty: all of the application.
        root: Path at which a server has the application, without a slash at its end.
    """
    found = list(_operations(app, base))
    schemas = Schemas([operation for _, _, operation, _ in found])
    paths: dict[str, dict[str, Any]] = {}
    for path, method, operation, endpoint in found:
        paths.setdefault(path, {})[method.lower()] = _operation(path, method, operation, endpoint, schemas)
    for path, _, operation, endpoint in found:
        _link(paths[path], operation, endpoint, paths)
    used = {described["tags"][0] for methods in paths.values() for described in methods.values()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "vocaqueue",
            "version": version("vocaqueue"),
            "description": DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": (root + base) or "/"}],
        "tags": [{"name": name, "description": says} for name, says in TAGS.items() if name in used],
        "security": [{"bearer": []}, {"session": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": schemas.definitions,
            "responses": RESPONSES,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": app.config["SESSION_COOKIE_NAME"],
                    "description": "Of the sign-in page. A change must come from the same origin, with a JSON or "
                    "multipart body.",
                },
            },
        },
    }


def _operations(app: Flask, base: str) -> Iterator[tuple[str, str, Operation, str]]:
    """(path, method, operation, endpoint) of everything under `base` that is part of the contract."""
    for rule in app.url_map.iter_rules():
        operation = getattr(app.view_functions[rule.endpoint], "vocaqueue_operation", None)
        if operation is None or not operation.is_described or not _is_under(rule, base):
            continue
        path = VARIABLE.sub(lambda match: f"{{{to_camel(match[1])}}}", rule.rule[len(base) :]) or "/"
        for method in sorted((rule.methods or set()) - NO_METHODS):
            yield path, method, operation, rule.endpoint.rpartition(".")[2]


def _is_under(rule: Rule, base: str) -> bool:
    return rule.rule == base or rule.rule.startswith(f"{base}/")


def _operation(path: str, method: str, operation: Operation, endpoint: str, schemas: Schemas) -> dict[str, Any]:
    summary, _, rest = (operation.view.__doc__ or endpoint).strip().partition("\n")
    role = "Open to everybody." if operation.role == OPEN else f"Role: {operation.role}."
    described: dict[str, Any] = {
        "operationId": operation_id(endpoint),
        "tags": [tag_of(path)],
        "summary": summary.rstrip("."),
        "description": "\n\n".join(filter(None, [summary, re.sub(r"(?m)^ +", "", rest).strip(), role])),
    }
    if operation.role == OPEN:
        described["security"] = []
    parameters = [*_in_path(path), *schemas.arguments(operation), *_in_header(operation)]
    if parameters:
        described["parameters"] = parameters
    if method in CHANGES and (operation.reads_body or operation.body or operation.form):
        described["requestBody"] = schemas.body(operation)
    responses = {str(status): schemas.answer(operation, status) for status in operation.answers if status != NOT_BUILT}
    for status in errors_of(path, method, operation):
        responses.setdefault(str(status), {"$ref": f"#/components/responses/{status}"})
    described["responses"] = dict(sorted(responses.items()))
    return described


def operation_id(endpoint: str) -> str:
    return to_camel(endpoint.replace("-", "_").strip("_"))


def tag_of(path: str) -> str:
    """By the first part of the path that is a tag, which leaves out the base path."""
    parts = path.replace("openapi.json", "docs").strip("/").split("/")
    return next((part for part in parts if part in TAGS), OTHERS)


def _in_path(path: str) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"{(\w+)}", path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _in_header(operation: Operation) -> Iterator[dict[str, Any]]:
    for name, says in (operation.headers or {}).items():
        yield {"name": name, "in": "header", "description": says, "schema": {"type": "string"}}


def _link(described: Mapping[str, Any], operation: Operation, endpoint: str, paths: Mapping[str, Any]) -> None:
    """From a new job or schedule to what can be done with it."""
    del operation
    for method in described.values():
        if method["operationId"] != operation_id(endpoint) or "201" not in method["responses"]:
            continue
        answer = method["responses"]["201"]
        field = _id_field(answer)
        if field is None:
            continue
        variable, pointer = field
        answer["links"] = {
            other["operationId"]: {"operationId": other["operationId"], "parameters": {variable: pointer}}
            for path, methods in paths.items()
            if re.findall(r"{(\w+)}", path) == [variable] and not path.startswith("/bin/")
            for other in methods.values()
        }


def _id_field(answer: Mapping[str, Any]) -> tuple[str, str] | None:
    """(path variable, where its value is in this answer)."""
    name = answer["content"]["application/json"]["schema"]["properties"]["data"].get("$ref", "").removeprefix(REF)
    if name.endswith("Receipt"):
        return "jobId", "$response.body#/data/jobId"
    variable = {"Job": "jobId", "Schedule": "scheduleId"}.get(name)
    return (variable, "$response.body#/data/id") if variable else None
