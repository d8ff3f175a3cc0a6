"""What every answer's model is made of: the base, a moment, a page of a list, and answers that are no JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import UnionType
from typing import Annotated, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

#: ISO 8601, UTC, milliseconds, with a Z.
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time", "examples": ["2030-01-31T09:00:00.000Z"]})]


class Answer(BaseModel):
    """Base of what is answered: camelCase outside; all fields are always there, and no others."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True
    )


Entry = TypeVar("Entry")


class PageOf(Answer, Generic[Entry]):
    """A page of a list, in the one form that all lists have."""

    items: list[Entry]
    page: int = Field(ge=1, description="From 1.")
    limit: int = Field(ge=1, description="Entries of a page at most.")
    total: int = Field(ge=0, description="Entries of the whole list.")
    total_pages: int = Field(ge=0)


class Problem(Answer):
    """One thing that is wrong with a request."""

    field: str = Field(description="Path of the field, dots between levels; empty: the whole request.")
    code: str = Field(description="Stable, lower_snake.")
    message: str


class ErrorBody(Answer):
    code: str = Field(description="Stable, lower_snake.", examples=["job_not_found"])
    message: str = Field(description="A sentence that says what to do.")
    details: list[Problem] = Field(max_length=100)


@dataclass(frozen=True)
class Media:
    """
    An answer that is no envelope: a stream, a download, a page.

    Args:
        types: Media type -> the model of a whole JSON document of it, or None.
    """

    types: Mapping[str, type[BaseModel] | None]
    headers: Mapping[str, str] = field(default_factory=dict)  #: name -> what it says


def media(*types: str, **headers: str) -> Media:
    """`media("text/csv", ETag="…")`."""
    return Media(dict.fromkeys(types), {name.replace("_", "-"): said for name, said in headers.items()})


#: What a route answers with under one status: the model of `data`, or several, a `Media`, or None for an empty body.
Shape = type[BaseModel] | UnionType | Media | None
