"""Reading what a request says: its body and the arguments of its query, both as Pydantic models."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar, get_args, get_origin

from flask import request
from pydantic import AwareDatetime, BeforeValidator, Field, ValidationError, WithJsonSchema
from pydantic.fields import FieldInfo
from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    RequestEntityTooLarge,
    RequestURITooLarge,
    UnsupportedMediaType,
)

from ..errors import Detail, InvalidParams
from ..field_errors import details_of
from ..job import Priority
from ..registry import JobParams

SMALL_BODY_BYTES = 1024**2
JOB_BODY_BYTES = 64 * 1024**2  #: of a job with its ids
BULK_BODY_BYTES = 8 * 1024**2  #: 100,000 ids
UPLOAD_BODY_BYTES = 2 * 1024**3 + SMALL_BODY_BYTES  #: of a file, with the fields beside it
LAST_PAGE = 1_000_000
QUERY_BYTES = 8000  #: the server takes 8,190 of an address as a whole
_HALF_LETTER = re.compile("[\ud800-\udfff\0]")


def _text(value: Any) -> Any:
    # Pydantic would take "0.5" for seconds since 1970.
    if not isinstance(value, str | datetime) or (isinstance(value, str) and "T" not in value.upper()):
        raise ValueError("a time is a text, such as 2030-01-31T09:00:00+09:00")
    if isinstance(value, str) and re.search(r"[0-9] [0-9]{2}:?[0-9]{2}$", value):
        raise ValueError("the + of a time's zone is missing; in an address it is written %2B")
    return value


def _whole_number(value: Any) -> Any:
    # Not `int` alone: it takes "１", "1_0" and " 1 " too.
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,18}", value):
        raise ValueError("must be a whole number")
    return value


def _switch(value: Any) -> Any:
    if isinstance(value, str) and value not in {"true", "false"}:
        raise ValueError("must be true or false")
    return value == "true" if isinstance(value, str) else value


def _by_comma(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(part.strip() for given in value for part in str(given).split(",") if part.strip())
    return value


Level = Annotated[
    str | int,
    WithJsonSchema({"enum": [*(priority.label for priority in Priority), *map(int, Priority)]}),
]
Time = Annotated[AwareDatetime, BeforeValidator(_text)]

#: For arguments of a query: a number in ASCII digits, true or false, `a,b&name=c` as ("a", "b", "c").
Digits = Annotated[int, BeforeValidator(_whole_number)]
Switch = Annotated[bool, BeforeValidator(_switch)]
Several = Annotated[tuple[str, ...], BeforeValidator(_by_comma)]


def json_body() -> dict[str, Any]:
    """
    The body as a JSON object; no body is an empty one.

    Raises:
        UnsupportedMediaType: It is something else.
        BadRequest: It cannot be read.
        RequestEntityTooLarge: It is larger than this address takes.
        InvalidParams: It is JSON, but no object.
    """
    with readable():
        raw = request.get_data(cache=False)
    # Of chunks that go on beyond the limit werkzeug hands over the part before it, and says nothing.
    if request.content_length is None and len(raw) >= (request.max_content_length or len(raw) + 1):
        raise RequestEntityTooLarge
    if not raw:
        return {}
    if not request.is_json:
        raise UnsupportedMediaType("Send the body as application/json.")
    try:
        # Not the bytes as they are: `json` takes UTF-16 too, and half a letter.
        read = json.loads(raw.decode("utf-8-sig"), parse_constant=_no_number, object_pairs_hook=_each_once)
    except RecursionError:
        raise BadRequest("The JSON is nested too deeply.") from None
    except ValueError as error:
        raise BadRequest(f"The body cannot be read as JSON: {_unreadable(error)}.") from None
    if not isinstance(read, dict):
        raise InvalidParams("The body must be a JSON object.", [Detail("", "not_an_object", "must be a JSON object")])
    if b"\\u" in raw or b"\0" in raw:
        _check_text(read)
    return read


@contextmanager
def readable() -> Iterator[None]:
    """Raises BadRequest where the server cannot make out the body, such as chunks that are none."""
    try:
        yield
    except HTTPException:
        raise
    except Exception as error:  # of whatever kind the server has for it
        if isinstance(error, OSError) and error.errno is not None:  # a disk, a connection
            raise
        raise BadRequest("The body cannot be read: its chunks or its length make no sense.") from None


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
        raise _hinted(invalid(error), model) from None


def _hinted(error: InvalidParams, model: type[JobParams]) -> InvalidParams:
    """With the name that was probably meant for each unknown one, however deep it is."""
    if not any(detail.code == "extra_forbidden" for detail in error.details):
        return error
    known = names_in(model.model_json_schema(by_alias=True))
    details = [
        Detail(d.field, "unknown_field", unknown_field(d.field.rpartition(".")[2], known))
        if d.code == "extra_forbidden"
        else d
        for d in error.details
    ]
    return InvalidParams("; ".join(d.message for d in details[:3]), details)


def invalid(error: ValidationError) -> InvalidParams:
    """Pydantic's findings as one of our errors."""
    details = details_of(error)
    return InvalidParams("; ".join(f"{d.field}: {d.message}" for d in details[:3]), details)


def form_fields(lists: Collection[str]) -> dict[str, Any]:
    """
    The text fields of a multipart body. What looks like a JSON object or list is read as one; empty ones are left out.

    Args:
        lists: Fields that are lists; each part of that name is an entry, unless it is the list as JSON.

    Raises:
        BadRequest: A field that begins like JSON is none, or a field that is no list is there twice.
    """
    fields: dict[str, Any] = {}
    for name, values in request.form.lists():
        if name in lists and (len(values) > 1 or not values[0].lstrip().startswith("[")):
            fields[name] = [text for text in values if text.strip()]
            continue
        if len(values) > 1:
            raise BadRequest(f"The field “{name}” is there {len(values)} times; send it once.")
        text = values[0].strip()
        if text[:1] in {"{", "["}:
            try:
                fields[name] = json.loads(text, parse_constant=_no_number, object_pairs_hook=_each_once)
            except RecursionError:
                raise BadRequest(f"The JSON of the field “{name}” is nested too deeply.") from None
            except ValueError as error:
                raise BadRequest(f"The field “{name}” cannot be read as JSON: {_unreadable(error)}.") from None
        elif text:
            fields[name] = text
    _check_text(fields)
    return fields


class Query(JobParams):
    """
    Base of the arguments that an address takes after its “?”.

    An optional text, or a list, that is empty counts as left out. One that is no `Several` may be there once.
    """


class Paged(Query):
    """Which page of a list."""

    page: Digits = Field(1, ge=1, le=LAST_PAGE, description="From 1.")
    limit: Digits = Field(20, ge=1, le=100, description="Entries of a page.")


Arguments = TypeVar("Arguments", bound=Query)


def arguments(model: type[Arguments]) -> Arguments:
    """
    The query as a model.

    Raises:
        InvalidParams: It names the arguments that do not exist, are there twice, or make no sense.
        BadRequest: A NUL or half a letter.
        RequestURITooLarge: It has more than `QUERY_BYTES`.
    """
    if model.model_fields and len(request.query_string) > QUERY_BYTES:
        raise RequestURITooLarge(
            f"The query has {len(request.query_string):,} bytes; {QUERY_BYTES:,} is the most. Ask for less at once."
        )
    known = {field.alias or name: field for name, field in model.model_fields.items()}
    given: dict[str, Any] = {}
    wrong: list[Detail] = []
    for name, values in request.args.lists():
        field = known.get(name)
        if field is not None and any(map(_HALF_LETTER.search, values)):
            raise BadRequest(f"{name} holds half a letter (a lone surrogate) or a NUL, which no text may contain.")
        if field is None:
            wrong.append(Detail(name, "unknown_field", unknown_field(name, known)))
        elif takes_several(field):
            given[name] = values
        elif len(values) > 1:
            wrong.append(Detail(name, "repeated", f"{name} is there {len(values)} times; give it once."))
        elif values[0] != "" or not _is_optional_text(field):
            given[name] = values[0]
    if wrong:
        raise InvalidParams(" ".join(detail.message for detail in wrong[:3]), wrong)
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise invalid(error) from None


def _is_optional_text(field: FieldInfo) -> bool:
    return set(get_args(field.annotation)) == {str, type(None)}


def takes_several(field: FieldInfo) -> bool:
    """Whether it is a list."""
    annotation = field.annotation
    return any(get_origin(part) in {tuple, list} for part in (annotation, *get_args(annotation)))


def names_in(schema: Mapping[str, Any]) -> set[str]:
    """The field names of a model and of the models within it."""
    parts = [schema, *schema.get("$defs", {}).values()]
    return {name for part in parts for name in part.get("properties", {})}


def unknown_field(name: str, known: Iterable[str]) -> str:
    """“There is no field …”, with the one that was probably meant."""
    candidates = sorted(known)
    near = get_close_matches(name, candidates, n=1, cutoff=0.6)
    hint = f"did you mean “{near[0]}”?" if near else f"there are {', '.join(candidates)}." if candidates else ""
    return f"There is no field “{name}”; {hint}".rstrip("; ")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. Of a name that is there twice nobody can say which was meant."""
    read = dict(pairs)
    if len(read) < len(pairs):
        seen: set[str] = set()
        name = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"the field “{name}” is there twice")
    return read


def _unreadable(error: ValueError) -> str:
    """Why it is no JSON, without what Python's own sentences say of Python."""
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 from byte {error.start} on"
    return "a number in it has too many digits" if "integer string conversion" in str(error) else str(error)


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _check_text(value: Any) -> None:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except RecursionError:
        raise BadRequest("The JSON is nested too deeply.") from None
    if _HALF_LETTER.search(text) or "\\u0000" in text:
        raise BadRequest("The body holds half a letter (a lone surrogate) or a NUL, which no text may contain.")
