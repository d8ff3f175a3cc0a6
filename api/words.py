"""The words: search, one word with what was made for it, its picture."""

from __future__ import annotations

import logging
import mimetypes
from typing import Any, Literal

from flask import Blueprint, Response, send_file
from pydantic import Field, ValidationError
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import NotFound

from vocaqueue import FileStore, InvalidParams
from vocaqueue.admin import Authorize, GuardedBlueprint
from vocaqueue.admin.answers import Answer, Moment, PageOf, media
from vocaqueue.admin.page import CACHED
from vocaqueue.admin.payloads import StoreAway, ok, on_our_error
from vocaqueue.admin.requests import Paged, Query
from vocaqueue.field_errors import details_of
from workers.job_types import WordFilter
from workers.words import images, payloads

from .offload import off_loop

log = logging.getLogger(__name__)


class WordsQuery(Paged):
    q: str | None = Field(None, max_length=200, description="Part of the word or of its meaning.")
    level: str | None = Field(None, description="Any of these, by comma.")
    pos: str | None = Field(None, description="Any of these parts of speech, by comma.")
    missing: Literal["image", "content"] | None = Field(None, description="Words without any of it.")


class ImageQuery(Query):
    style: str | None = None
    size: str | None = Field(None, description="WIDTHxHEIGHT in pixels.")
    v: str | None = Field(None, description="Anything; makes a browser ask again.")


class Text(Answer):
    """A generated text of a word."""

    field: str
    version: int
    is_current: bool
    value: Any
    status: Literal["ok", "partial", "unavailable"]
    reason: str | None = Field(description="Why there is nothing, or not all.")
    provider: str
    provenance: dict[str, Any] = Field(description="What it was made from.")
    job_id: str | None
    edited_by: str | None
    created_at: Moment


class Image(Answer):
    """A picture of a word; GET /api/words/{id}/image sends it."""

    style: str
    style_applied: str
    size: str
    version: int
    provider: str
    provenance: dict[str, Any]
    job_id: str | None
    created_at: Moment


class WordFields(Answer):
    id: str
    word: str
    meaning: str
    pos: str
    level: str
    created_at: Moment
    updated_at: Moment
    edited_by: str | None
    job_id: str | None
    images: list[Image]


class ListedWord(WordFields):
    """A word, as in lists."""

    contents: dict[str, str] = Field(description="Field -> ok, partial or unavailable.")


class Word(WordFields):
    """A word with its texts and pictures."""

    contents: dict[str, Text] = Field(description="By field.")


def create_blueprint(files: FileStore, authorize: Authorize) -> Blueprint:
    blueprint = GuardedBlueprint("words", __name__, authorize=authorize)
    blueprint.register_error_handler(SQLAlchemyError, on_database_error)

    @blueprint.get("", role="viewer", query=WordsQuery, answer=PageOf[ListedWord])
    def search(query: WordsQuery) -> Response:
        """Words, by part of the word or its meaning, level, part of speech, or what they lack."""
        return ok(off_loop(payloads.page_of_words, _filter(query), page=query.page, limit=query.limit))

    @blueprint.get("/<word_id>", role="viewer", answer=Word)
    def word(word_id: str) -> Response:
        """One word with its texts and pictures."""
        return ok(off_loop(payloads.whole_word, word_id))

    picture = media("image/webp", ETag="Of the picture.", X_Style_Applied="The style that it has.")

    @blueprint.get(
        "/<word_id>/image",
        role="viewer",
        query=ImageQuery,
        answer={200: picture, 304: None},
        described={"headers": CACHED},
    )
    def image(word_id: str, query: ImageQuery) -> Response:
        """A word's picture."""
        found = off_loop(images.find, word_id, query.style, query.size)
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


def _filter(query: WordsQuery) -> WordFilter:
    try:
        return WordFilter.model_validate(query.model_dump(exclude_none=True, exclude={"page", "limit"}))
    except ValidationError as error:
        details = details_of(error)
        raise InvalidParams("; ".join(f"{d.field}: {d.message}" for d in details), details) from None
