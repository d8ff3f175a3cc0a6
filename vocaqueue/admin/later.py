"""What the contract has and this version not yet: 501 with a sentence."""

from __future__ import annotations

from typing import Any

from flask import Response

from ..errors import NotSupported
from .guard import GuardedBlueprint

LATER = (
    ("POST", "/uploads", "uploads", "operator", "Hand in a file for a job", "send the file as multipart with the job"),
    ("GET", "/uploads/<upload_id>/preview", "preview_upload", "operator", "The first rows of such a file", ""),
    ("POST", "/jobs/<job_id>/undo", "undo", "operator", "Undo an import", ""),
    ("GET", "/spend", "spend", "viewer", "What was spent", ""),
)  # fmt: skip


def add_routes(blueprint: GuardedBlueprint) -> None:
    for method, path, endpoint, role, says, instead in LATER:
        blueprint.add_url_rule(
            path,
            endpoint,
            _view(says, instead),
            role=role,
            answer={501: None},
            query=None,
            methods=[method],
            described={"reads_body": False},
        )


def _view(says: str, instead: str) -> Any:
    def view(**_variables: str) -> Response:
        raise NotSupported(f"“{says}” is not part of this version{f'; {instead}' if instead else ''}.")

    view.__doc__ = f"{says}. Not part of this version."
    return view
