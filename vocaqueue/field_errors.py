"""Pydantic's findings in words for whoever wrote the request, who may know no Python."""

from __future__ import annotations

import re

from pydantic import ValidationError

from .errors import Detail

_TIME = "must be a time with its zone, such as 2030-01-31T09:00:00+09:00"
#: By the code of Pydantic; each goes on after “field: ”.
_SENTENCES = {
    "missing": "must be given",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "has too many digits",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "timezone_aware": _TIME,
    **dict.fromkeys(("tuple_type", "list_type", "set_type", "frozen_set_type"), "must be a list"),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "model_attributes_type"), "must be an object"),
}
_BEGINNING = re.compile(r"^(?:Input|String|Tuple|List|Set|Frozenset|Dictionary|Value) should ")


def details_of(error: ValidationError) -> list[Detail]:
    """Each field that does not fit, and what it must be."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [Detail(".".join(map(str, e["loc"])), e["type"], sentence(e["type"], e["msg"])) for e in found]


def sentence(code: str, said: str) -> str:
    """What Pydantic says, in our words; what a model's own validator says stays as it is."""
    if code.startswith("datetime_"):
        return _TIME
    known = _SENTENCES.get(code)
    return known or _BEGINNING.sub("must ", said.removeprefix("Value error, ")).replace(" after validation", "")
