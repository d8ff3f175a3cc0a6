"""What goes into the offline provider and what comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

PROVIDER = "offline"

Status = Literal["ok", "partial", "unavailable"]
GeneratedBy = Literal["lookup", "rule", "render"]


@dataclass(frozen=True, slots=True)
class WordData:
    """A word as its row has it."""

    word: str
    meaning: str = ""  #: Korean gloss
    pos: str | None = None  #: as the word list names it; `normal_pos` knows the usual names
    level: str | None = None  #: CEFR


@dataclass(frozen=True, slots=True)
class Field:
    """One kind of content for a word, or the reason why there is none."""

    name: str  #: definition, examples, mnemonic, etymology
    value: Any  #: JSON: a text or a list; None when unavailable
    status: Status
    reason: str | None = None  #: why not `ok`: `not_in_lexicon`, `sense_ambiguous` …
    kind: str | None = None  #: of the first entry of a list: `sentence`, `phrase`, `word_parts` …
    source: str | None = None  #: whose data it is
    provenance: dict[str, Any] = field(default_factory=dict)  #: JSON, see `provenance`


STYLES_KNOWN = ("cartoon", "anime", "realistic", "watercolor", "minimal")  #: asked for by the queue guide
SUPPORTED_STYLES = frozenset({"minimal"})  #: drawn by this provider
MIN_SIDE, MAX_SIDE = 128, 2048  #: of a picture, in pixels; on a smaller one the gloss cannot be read

#: What this provider can do, for whoever chooses one.
CAPABILITIES: dict[str, Any] = {
    "provider": PROVIDER,
    "kinds": ["definition", "examples", "mnemonic", "image"],
    "styles": sorted(SUPPORTED_STYLES),
    "minSide": MIN_SIDE,
    "maxSide": MAX_SIDE,
    "sizes": "any width and height within the sides",
    "formats": ["webp", "png"],
    "languages": ["en", "ko"],
    "needsNetwork": False,
    "ai": False,
    "deterministic": True,
    "costUsd": 0,
}


def provenance(generated_by: GeneratedBy, **more: Any) -> dict[str, Any]:
    """Where a result comes from, in the keys every provider uses."""
    return {"provider": PROVIDER, "generatedBy": generated_by, "ai": False, **more}
