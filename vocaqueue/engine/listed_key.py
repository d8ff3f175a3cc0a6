"""API keys as they are shown: once with their text, later without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..api_key import ApiKey
from ..pages import Page


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A new key. Its text is in no database: whoever loses it makes another one."""

    key: ApiKey
    text: str

    def as_dict(self) -> dict[str, Any]:
        return self.key.as_dict(self.key.created_at_ms) | {"key": self.text}


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A key as it was at a time, in milliseconds since the epoch."""

    key: ApiKey
    at_ms: int

    def as_dict(self) -> dict[str, Any]:
        return self.key.as_dict(self.at_ms)


#: The newest first.
KeyPage = Page[ListedKey]
