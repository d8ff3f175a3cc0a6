"""What a route states of itself: who may use it, what it takes, what it answers. The OpenAPI is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any

from pydantic import BaseModel

from ..api_key import ROLES
from ..errors import BadSettings
from ..registry import JobParams
from .answers import Media, Shape
from .requests import SMALL_BODY_BYTES, Nothing, Query

OPEN = "open"  #: needs no identity, such as the page that says how to sign in
CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class NoArguments(Query):
    """An address that takes no query."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """
    One route.

    Raises:
        BadSettings: Something is not stated.
    """

    role: str
    query: type[Query] | None  #: None: any query is left alone, as of files
    body: type[JobParams] | None  #: None: it takes none, or the view reads it
    answers: Mapping[int, Shape]
    errors: frozenset[int]  #: statuses beyond those that follow from the rest
    body_bytes: int = SMALL_BODY_BYTES
    reads_body: bool = True  #: False: the view reads it by itself; `body` says what it takes
    form: type[JobParams] | None = None  #: fields of an HTML form in place of JSON, which the view reads by itself
    beside: type[JobParams] | None = None  #: fields that the body may have too, unless `body` has one of that name
    takes_file: bool = False  #: in the field `file` of a multipart body, in place of `uploadId`
    headers: Mapping[str, str] | None = None  #: that a request may have: name -> what it says
    has_location: bool = True  #: whether a 201 says where the new thing is
    is_page: bool = False  #: people see it: who is not signed in is led to the blueprint's `login`
    view: Any = None

    @property
    def is_described(self) -> bool:
        """Routes that answer errors only are not part of the contract."""
        return bool(self.answers)


def state(
    where: str,
    *,
    role: str | None,
    answer: Any,
    query: type[Query] | None,
    body: type[JobParams] | None,
    errors: tuple[int, ...],
    view: Any,
    **more: Any,
) -> Operation:
    """
    The operation of a route.

    Args:
        where: The route, for the error.
        answer: A model of `data`, a union of models, or a `Media`, with 200; or (status, model); or {status: model},
            where None is an empty body.

    Raises:
        BadSettings: The role or the answer is not stated.
    """
    if role not in (OPEN, *ROLES):
        raise BadSettings(f"{where} must state its role: {', '.join((OPEN, *ROLES))}")
    if answer is None:
        raise BadSettings(f"{where} must state its answer: a model, (status, model), {{status: model}} or a Media")
    if isinstance(answer, tuple):
        answers: dict[int, Shape] = {answer[0]: answer[1]}
    else:
        answers = dict(answer) if isinstance(answer, Mapping) else {200: answer}
    for status, shape in answers.items():
        if not (shape is None or isinstance(shape, Media | UnionType) or _is_model(shape)):
            raise BadSettings(f"{where} states for {status} no Pydantic model, but {shape!r}")
    return Operation(role=role, query=query, body=body, answers=answers, errors=frozenset(errors), view=view, **more)


def _is_model(shape: Any) -> bool:
    return isinstance(shape, type) and issubclass(shape, BaseModel)


def body_of(operation: Operation, method: str) -> type[JobParams] | None:
    """The model of the body: of a change that states none, one that takes no fields."""
    return operation.body or (Nothing if method in CHANGES else None)
