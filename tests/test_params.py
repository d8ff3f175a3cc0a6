"""What the base of all parameters takes and refuses."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from vocaqueue import JobParams


class Params(JobParams):
    seconds: float = 1
    times: int | None = None
    loud: bool = False
    either: bool | int = 0


@pytest.mark.parametrize("name", ["seconds", "times"])
@pytest.mark.parametrize("value", [True, False])
def test_a_switch_is_no_number(name: str, value: bool) -> None:
    """JSON's true and false are refused where a number is meant, and the sentence says so."""
    with pytest.raises(ValidationError, match="true and false stand for no number"):
        Params(**{name: value})


def test_a_switch_is_a_switch() -> None:
    """Where it is one, or may be one, it is taken; and no value at all where that is allowed."""
    params = Params(loud=True, either=True, times=None)
    assert (params.loud, params.either, params.times) == (True, True, None)
