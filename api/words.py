"""The words: search, one word with what was made for it, its picture."""

from __future__ import annotations

import logging
import mimetypes

from flask import Blueprint, Response, request, send_file
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import NotFound

from vocaqueue import Detail, FileStore, InvalidParams
from vocaqueue.admin import Authorize, GuardedBlueprint
from vocaqueue.admin.payloads import StoreAway, ok, on_our_error
from vocaqueue.admin.requests import known_arguments, page_and_limit
from workers.job_types import WordFilter
from workers.words import images, payloads

from .offload import off_loop

log = logging.getLogger(__name__)
FILTERS = ("q", "level", "pos", "missing")


def create_blueprint(files: FileStore, authorize: Authorize) -> Blueprint:
    blueprint = GuardedBlueprint("words", __name__, authorize=authorize)
    blueprint.register_error_handler(SQLAlchemyError, on_database_error)

    @blueprint.get("", role="viewer")
    def search() -> Response:
        known_arguments((*FILTERS, "page", "limit"))
        page, limit = page_and_limit()
        return ok(off_loop(payloads.page_of_words, _filter(), page=page, limit=limit))

    @blueprint.get("/<word_id>", role="viewer")
    def word(word_id: str) -> Response:
        return ok(off_loop(payloads.whole_word, word_id))

    @blueprint.get("/<word_id>/image", role="viewer")
    def image(word_id: str) -> Response:
        known_arguments(("style", "size", "v"))
        style, size = request.args.get("style") or None, request.args.get("size") or None
        found = off_loop(images.find, word_id, style, size)
        if found is None or not files.exists(found.file):
            raise NotFound(f"The word “{word_id}” has no such picture; an image-generation job draws it.")
        path = files.path(found.file).resolve()
        kind = mimetypes.guess_type(found.file)[0] or "application/octet-stream"
        response = send_file(path, mimetype="image/webp" if found.file.endswith(".webp") else kind, max_age=0)
        # The same address shows a newer version as soon as there is one; the ETag answers 304 until then.
        response.headers["Cache-Control"] = "private, no-cache"
        response.headers["X-Style-Applied"] = found.style_applied
        return response

    blueprint.close_with_404()
    return blueprint


def on_database_error(error: SQLAlchemyError) -> Response:
    log.error("the words database failed", exc_info=error)
    return on_our_error(
        StoreAway("The words database does not answer; try again in a few seconds, or run `vocaqueue doctor`.")
    )


def _filter() -> WordFilter:
    try:
        return WordFilter.model_validate({name: request.args[name] for name in FILTERS if request.args.get(name)})
    except ValidationError as error:
        details = [Detail(".".join(map(str, e["loc"])), e["type"], e["msg"]) for e in error.errors(include_url=False)]
        raise InvalidParams("; ".join(f"{d.field}: {d.message}" for d in details), details) from None
