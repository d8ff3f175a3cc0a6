"""Reading what a request says: bodies, query parameters."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from datetime import datetime
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar

from flask import request
from pydantic import AwareDatetime, BeforeValidator, ValidationError
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from ..errors import Detail, InvalidParams
from ..registry import JobParams

SMALL_BODY_BYTES = 1024**2
JOB_BODY_BYTES = 64 * 1024**2  #: of a job with its ids
BULK_BODY_BYTES = 8 * 1024**2  #: 100,000 ids
UPLOAD_BODY_BYTES = 2 * 1024**3 + SMALL_BODY_BYTES  #: of a file, with the fields beside it
LAST_PAGE = 1_000_000
_HALF_LETTER = re.compile("[\ud800-\udfff\0]")


def _no_switch(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("true and false stand for no number")
    return value


def _text(value: Any) -> Any:
    if not isinstance(value, str | datetime):
        raise ValueError("a time is a text, such as 2030-01-31T09:00:00+09:00")
    return value


#: JSON's true would pass as 1. A form's fields are texts, so numbers in text are taken.
Number = Annotated[float, BeforeValidator(_no_switch)]
Whole = Annotated[int, BeforeValidator(_no_switch)]
Level = Annotated[str | int, BeforeValidator(_no_switch)]
Time = Annotated[AwareDatetime, BeforeValidator(_text)]


def json_body() -> dict[str, Any]:
    """
    The body as a JSON object; no body is an empty one.

    Raises:
        UnsupportedMediaType: It is something else.
        BadRequest: It cannot be read.
        InvalidParams: It is JSON, but no object.
    """
    raw = request.get_data(cache=False)
    if not raw:
        return {}
    if not request.is_json:
        raise UnsupportedMediaType("Send the body as application/json.")
    try:
        read = json.loads(raw, parse_constant=_no_number)
    except RecursionError:
        raise BadRequest("The JSON is nested too deeply.") from None
    except ValueError as error:
        raise BadRequest(f"The body cannot be read as JSON: {error}.") from None
    if not isinstance(read, dict):
        raise InvalidParams("The body must be a JSON object.", [Detail("", "not_an_object", "must be a JSON object")])
    if b"\\u" in raw or b"\0" in raw:
        _check_text(read)
    return read


class Nothing(JobParams):
    """A call that takes no fields."""


Model = TypeVar("Model", bound=JobParams)


def read(model: type[Model]) -> Model:
    """The JSON body as a model. Raises what `json_body` and `checked` do."""
    return checked(model, json_body())


def checked(model: type[Model], body: dict[str, Any]) -> Model:
    """Raises InvalidParams that names the fields."""
    known = {field.alias or name for name, field in model.model_fields.items()}
    if unknown := [Detail(name, "unknown_field", unknown_field(name, known)) for name in body if name not in known]:
        raise InvalidParams(" ".join(detail.message for detail in unknown[:3]), unknown)
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise invalid(error) from None


def invalid(error: ValidationError) -> InvalidParams:
    """Pydantic's findings as one of our errors."""
    details = [
        Detail(".".join(map(str, e["loc"])), e["type"], e["msg"].removeprefix("Value error, "))
        for e in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    return InvalidParams("; ".join(f"{d.field}: {d.message}" for d in details[:3]), details)


def form_fields() -> dict[str, Any]:
    """
    The text fields of a multipart body. What looks like a JSON object or list is read as one; empty ones are left out.

    Raises:
        BadRequest: A field that begins like JSON is none.
    """
    fields: dict[str, Any] = {}
    for name, value in request.form.items():
        text = value.strip()
        if text[:1] in {"{", "["}:
            try:
                fields[name] = json.loads(text, parse_constant=_no_number)
            except (ValueError, RecursionError):
                raise BadRequest(f"The field “{name}” cannot be read as JSON.") from None
        elif text:
            fields[name] = text
    _check_text(fields)
    return fields


def known_arguments(known: Collection[str]) -> None:
    """Raises InvalidParams for a query parameter that there is not: a filter must not be ignored in silence."""
    wrong = [Detail(name, "unknown_field", unknown_field(name, known)) for name in request.args if name not in known]
    if wrong:
        raise InvalidParams(" ".join(detail.message for detail in wrong[:3]), wrong)


def unknown_field(name: str, known: Iterable[str]) -> str:
    """“There is no field …”, with the one that was probably meant."""
    candidates = sorted(known)
    near = get_close_matches(name, candidates, n=1, cutoff=0.6)
    hint = f"did you mean “{near[0]}”?" if near else f"there are {', '.join(candidates)}." if candidates else ""
    return f"There is no field “{name}”; {hint}".rstrip("; ")


def several(name: str) -> list[str]:
    """`?name=a,b&name=c` as a list."""
    return [part.strip() for given in request.args.getlist(name) for part in given.split(",") if part.strip()]


def number(name: str, default: int, least: int, most: int) -> int:
    """A whole number of the query. Raises InvalidParams that names the field."""
    given = request.args.get(name)
    if given is None or given == "":
        return default
    # Not `int` alone: it takes "１", "1_0" and " 1 " too.
    if re.fullmatch(r"-?[0-9]{1,12}", given) and least <= int(given) <= most:
        return int(given)
    message = f"{name} must be a whole number from {least} to {most}."
    raise InvalidParams(message, [Detail(name, "out_of_range", message)])


def page_and_limit() -> tuple[int, int]:
    return number("page", 1, 1, LAST_PAGE), number("limit", 20, 1, 100)


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _check_text(value: Any) -> None:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except RecursionError:
        raise BadRequest("The JSON is nested too deeply.") from None
    if _HALF_LETTER.search(text) or "\\u0000" in text:
        raise BadRequest("The body holds half a letter (a lone surrogate) or a NUL, which no text may contain.")
