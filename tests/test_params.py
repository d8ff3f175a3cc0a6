"""What the base of all parameters takes and refuses."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import Field, ValidationError

from vocaqueue import JobParams


class Params(JobParams):
    seconds: float = 1
    times: int | None = None
    loud: bool = False
    either: bool | int = 0
    ages: tuple[int, ...] = ()
    columns: dict[str, str | int] = {}
    most: Annotated[int, Field(ge=0)] | None = None
    size: Literal[1, 2] = 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seconds", True), ("seconds", False), ("times", True), ("most", False), ("ages", [1, True]),
        ("columns", {"word": 1, "level": False}),
    ],
)  # fmt: skip
def test_a_switch_is_no_number(name: str, value: object) -> None:
    """JSON's true and false are refused where a number is meant, and the sentence says so."""
    with pytest.raises(ValidationError, match="true and false stand for no number"):
        Params(**{name: value})


def test_a_switch_is_a_switch() -> None:
    """Where it is one, or may be one, it is taken; and so are numbers, and no value at all where that is allowed."""
    params = Params(loud=True, either=True, times=None, ages=[1, 0], columns={"word": "a", "level": 1}, most=0)
    assert (params.loud, params.either, params.times, params.most) == (True, True, None, 0)
    assert (params.ages, params.columns) == ((1, 0), {"word": "a", "level": 1})


def test_a_list_where_none_is_meant_is_only_that() -> None:
    """Pydantic's own sentence says it."""
    with pytest.raises(ValidationError, match="Input should be 1 or 2"):
        Params(size=[True])
