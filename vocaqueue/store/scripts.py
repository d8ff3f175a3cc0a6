"""The ledger's steps: Lua files, each put behind the shared library and the tables that exist once, in Python."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files

from ..job import MAY_BECOME
from .keys import KEYS
from .schema import JOB_DEFAULTS, SCHEMA

#: In an order in which none uses a later one.
LIBRARY = ("base", "audit", "bits", "events", "limits", "once", "line", "stop", "blame", "lease", "removal", "postpone")


def _read(name: str) -> str:
    return files("vocaqueue.store").joinpath("lua").joinpath(name).read_text(encoding="utf-8")


def _tables() -> str:
    """`K`, the keys of this namespace, `MAY`, the allowed status changes, and what store/schema.py says, as Lua."""
    keys = ", ".join(f"{name} = P .. '{suffix}'" for name, suffix in KEYS.items())
    may = ", ".join(
        f"{status.value} = {{ {', '.join(f'{to.value} = true' for to in sorted(allowed))} }}"
        for status, allowed in MAY_BECOME.items()
    )
    defaults = ", ".join(f"{field} = {value}" for field, value in JOB_DEFAULTS.items())
    schema = f"local SCHEMA = {SCHEMA}\nlocal JOB_DEFAULTS = {{ {defaults} }}\n"
    return f"local P = KEYS[1]\nlocal K = {{ {keys} }}\nlocal MAY = {{ {may} }}\n{schema}"


def assemble(body: str) -> str:
    """A whole script from a step's own text; its first line is the `#!lua` line with the flags."""
    first, _, rest = body.partition("\n")
    return "\n".join([first, _tables(), *_library(rest), rest])


def _library(text: str) -> list[str]:
    """What a step uses of the library: making all its functions anew for each call would cost twice the time."""
    used: list[str] = []
    for name in reversed(LIBRARY):
        part = _read(f"lib/{name}.lua")
        if any(re.search(rf"\b{word}\b", text) for word in _defined(part)):
            used.insert(0, part)
            text += part
    return used


def _defined(part: str) -> list[str]:
    """The names that a part of the library gives to those after it."""
    lists = re.findall(r"^local (?:function )?(\w+(?:, \w+)*)", part, flags=re.MULTILINE)
    return [name for names in lists for name in names.split(", ")]


@cache
def source(step: str) -> str:
    return assemble(_read(f"{step}.lua"))


@cache
def sha(step: str) -> str:
    return hashlib.sha1(source(step).encode(), usedforsecurity=False).hexdigest()
