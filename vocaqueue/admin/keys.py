"""API keys: listed, made, revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from flask import Response
from pydantic import Field

from ..registry import JobParams
from . import requests
from .answers import Answer, Moment, PageOf
from .guard import GuardedBlueprint
from .payloads import ok
from .requests import Paged, Several

if TYPE_CHECKING:
    from ..engine.keys import KeyStore


class KeysQuery(Paged):
    status: Several = Field((), description="active, expired, revoked.")


class NewKey(JobParams):
    """A key to be made."""

    name: str = Field(min_length=1, max_length=100, description="What it is for.")
    role: Literal["viewer", "operator", "admin"]
    expires_at: requests.Time | None = Field(None, description="It ends then; left out: never.")


class Key(Answer):
    """An API key, without its secret."""

    id: str
    name: str
    role: Literal["viewer", "operator", "admin"]
    status: Literal["active", "expired", "revoked"]
    hint: str = Field(description="How its text begins.")
    created_at: Moment
    created_by: str | None
    expires_at: Moment | None = Field(description="Null: it has no end.")
    last_used_at: Moment | None = Field(description="To the minute.")
    revoked_at: Moment | None
    revoked_by: str | None


class MadeKey(Key):
    """A new API key."""

    key: str = Field(description="Its text, shown this once: only its hash is kept.")


def add_routes(blueprint: GuardedBlueprint, keys: KeyStore) -> None:
    @blueprint.get("/keys", role="admin", query=KeysQuery, answer=PageOf[Key])
    def list_keys(query: KeysQuery) -> Response:
        """The API keys, the newest first."""
        return ok(keys.page(statuses=query.status, page=query.page, limit=query.limit).as_dict())

    @blueprint.post("/keys", role="admin", body=NewKey, answer=(201, MadeKey), described={"has_location": False})
    def make_key(body: NewKey) -> Response:
        """Make a key and show it, this once."""
        made = keys.make(body.name, body.role, expires_at=body.expires_at)
        return ok(made.as_dict(), 201)

    @blueprint.delete("/keys/<key_id>", role="admin", answer=Key)
    def revoke_key(key_id: str) -> Response:
        """End a key at once and for good, with the sessions that it began. Again changes nothing."""
        return ok(keys.revoke(key_id).as_dict())
