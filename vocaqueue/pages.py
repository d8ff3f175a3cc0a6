"""A page of a list, in the one form that all lists have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar


class Shown(Protocol):
    def as_dict(self) -> dict[str, Any]: ...


T = TypeVar("T", bound=Shown)


@dataclass(frozen=True)  # no slots: a generic alias marks what it makes
class Page(Generic[T]):
    items: list[T]  #: in the order of the list that it is of
    page: int  #: from 1
    limit: int
    total: int  #: entries of the whole list

    @property
    def total_pages(self) -> int:
        return -(-self.total // self.limit)

    def as_dict(self) -> dict[str, Any]:
        """As in the contract, camelCase."""
        return {
            "items": [item.as_dict() for item in self.items],
            "page": self.page,
            "limit": self.limit,
            "total": self.total,
            "totalPages": self.total_pages,
        }
