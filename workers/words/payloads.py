"""The words as JSON for the API: camelCase, times in ISO 8601."""

from __future__ import annotations

from typing import Any

from vocaqueue.job import iso

from . import contents, images, records, selection
from .contents import StoredContent
from .images import StoredImage
from .records import WordRecord
from .selection import Filter


def page_of_words(words: Filter, *, page: int, limit: int) -> dict[str, Any]:
    """`{items[], page, limit, total, totalPages}`; an item is the word with the state of its texts and its pictures."""
    found = selection.search(words, page=page, limit=limit)
    ids = [record.id for record in found.items]
    texts, pictures = contents.current_of(ids), images.current_of(ids)
    items = [
        word(record)
        | {
            "contents": {name: content.status for name, content in texts.get(record.id, {}).items()},
            "images": [image(picture) for picture in pictures.get(record.id, [])],
        }
        for record in found.items
    ]
    return {"items": items, "page": page, "limit": limit, "total": found.total, "totalPages": -(-found.total // limit)}


def whole_word(word_id: str) -> dict[str, Any]:
    """The word with its current texts and pictures. Raises WordNotFound."""
    record = records.get(word_id)
    texts = contents.current(word_id)
    return word(record) | {
        "contents": {name: content(stored) for name, stored in texts.items()},
        "images": [image(picture) for picture in images.current_of([word_id]).get(word_id, [])],
    }


def word(record: WordRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "word": record.word,
        "meaning": record.meaning,
        "pos": record.pos,
        "level": record.level,
        "createdAt": iso(record.created_at_ms),
        "updatedAt": iso(record.updated_at_ms),
        "editedBy": record.edited_by,
        "jobId": record.job_id,
    }


def content(stored: StoredContent) -> dict[str, Any]:
    return {
        "field": stored.field,
        "version": stored.version,
        "isCurrent": stored.is_current,
        "value": stored.value,
        "status": stored.status,
        "reason": stored.reason,
        "provider": stored.provider,
        "provenance": stored.provenance,
        "jobId": stored.job_id,
        "editedBy": stored.edited_by,
        "createdAt": iso(stored.created_at_ms),
    }


def image(stored: StoredImage) -> dict[str, Any]:
    return {
        "style": stored.style,
        "styleApplied": stored.style_applied,
        "size": stored.size,
        "version": stored.version,
        "provider": stored.provider,
        "provenance": stored.provenance,
        "jobId": stored.job_id,
        "createdAt": iso(stored.created_at_ms),
    }
