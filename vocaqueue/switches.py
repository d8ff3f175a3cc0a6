"""JSON's true and false where a number is meant: Pydantic takes them for 1 and 0, and has no setting for that alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

NUMBERS = frozenset({int, float})


def is_switch_for_number(value: Any, meant: Any) -> bool:
    """
    Whether `value`, or anything in it, is true or false where only a number can be meant.

    Args:
        meant: The type's annotation, such as `list[int] | None`.
    """
    kinds = _alternatives(meant)
    if isinstance(value, bool):
        return bool not in kinds and not kinds.isdisjoint(NUMBERS)
    if isinstance(value, dict):
        return any(_is_in(value.values(), get_args(kind)[1]) for kind in kinds if _is_a(kind, Mapping))
    if isinstance(value, list | tuple):
        return any(_is_in(value, _element(kind)) for kind in kinds if _is_a(kind, Collection))
    return False


def _is_in(values: Collection[Any], meant: Any) -> bool:
    # Lists of a million ids are not gone through for this.
    return _has_number(meant) and any(is_switch_for_number(value, meant) for value in values)


def _is_a(kind: Any, base: type) -> bool:
    """Whether it is `list[int]` and the like; what is in a bare `list` is nobody's matter."""
    origin = get_origin(kind)
    return isinstance(origin, type) and issubclass(origin, base) and bool(get_args(kind))


def _element(kind: Any) -> Any:
    """Of `tuple[int, ...]` it is `int`."""
    return Union[tuple(part for part in get_args(kind) if part is not ...)]  # noqa: UP007 - of what is known only now


def _has_number(meant: Any) -> bool:
    return meant in NUMBERS or any(map(_has_number, get_args(meant)))


def _alternatives(meant: Any) -> set[Any]:
    """What may stand there: `Annotated[int, …] | None` is `int` and `NoneType`."""
    origin = get_origin(meant)
    if origin is Annotated:
        return _alternatives(get_args(meant)[0])
    if origin is Union or origin is UnionType:
        return set().union(*map(_alternatives, get_args(meant)))
    return {meant}
