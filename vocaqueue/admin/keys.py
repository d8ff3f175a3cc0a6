"""API keys: listed, made, revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from flask import Response
from pydantic import Field

from ..registry import JobParams
from . import requests
from .guard import GuardedBlueprint, identity
from .payloads import ok

if TYPE_CHECKING:
    from ..engine.keys import KeyStore


class NewKey(JobParams):
    """A key to be made."""

    name: str = Field(min_length=1, max_length=100, description="What it is for.")
    role: Literal["viewer", "operator", "admin"]
    expires_at: requests.Time | None = Field(None, description="It ends then; left out: never.")


def add_routes(blueprint: GuardedBlueprint, keys: KeyStore) -> None:
    @blueprint.get("/keys", role="admin")
    def list_keys() -> Response:
        requests.known_arguments(("status", "page", "limit"))
        page, limit = requests.page_and_limit()
        return ok(keys.page(statuses=requests.several("status"), page=page, limit=limit).as_dict())

    @blueprint.post("/keys", role="admin")
    def make_key() -> Response:
        asked = requests.read(NewKey)
        made = keys.make(asked.name, asked.role, expires_at=asked.expires_at, by=identity().id)
        return ok(made.as_dict(), 201)

    @blueprint.delete("/keys/<key_id>", role="admin")
    def revoke_key(key_id: str) -> Response:
        requests.json_body()
        return ok(keys.revoke(key_id, by=identity().id).as_dict())
