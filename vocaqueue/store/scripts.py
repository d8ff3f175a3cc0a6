"""The ledger's steps: Lua files, each put behind the shared library and the tables that exist once, in Python."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

from ..job import MAY_BECOME
from .keys import KEYS

LIBRARY = ("base", "bits", "events", "line", "blame", "lease")


def _read(name: str) -> str:
    return files("vocaqueue.store").joinpath("lua").joinpath(name).read_text(encoding="utf-8")


def _tables() -> str:
    """`K`, the keys of this namespace, and `MAY`, the allowed status changes, as Lua."""
    keys = ", ".join(f"{name} = P .. '{suffix}'" for name, suffix in KEYS.items())
    may = ", ".join(
        f"{status.value} = {{ {', '.join(f'{to.value} = true' for to in sorted(allowed))} }}"
        for status, allowed in MAY_BECOME.items()
    )
    return f"local P = KEYS[1]\nlocal K = {{ {keys} }}\nlocal MAY = {{ {may} }}\n"


def assemble(body: str) -> str:
    """A whole script from a step's own text; its first line is the `#!lua` line with the flags."""
    first, _, rest = body.partition("\n")
    return "\n".join([first, _tables(), *(_read(f"lib/{name}.lua") for name in LIBRARY), rest])


@cache
def source(step: str) -> str:
    return assemble(_read(f"{step}.lua"))


@cache
def sha(step: str) -> str:
    return hashlib.sha1(source(step).encode(), usedforsecurity=False).hexdigest()
