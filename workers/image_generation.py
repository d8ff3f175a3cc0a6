"""Pictures: a card for each word, drawn by the offline provider."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from vocaqueue import Context, Handler, Item, Outcome

from .job_types import ImageGeneration
from .providers.offline.model import PROVIDER, WordData
from .words import images, records
from .words.fence import WordNotFound
from .words.images import NewImage
from .words.records import WordRecord


class ImageHandler(Handler):
    """Draws one picture per item. The file is written first, then recorded, then the item is settled."""

    def names(self, ids: Sequence[str], ctx: Context) -> dict[str, str]:
        return {word_id: word.word for word_id, word in records.get_many(ids).items()}

    def run(self, item: Item, ctx: Context) -> Outcome:
        params: ImageGeneration = ctx.params
        try:
            word = records.get(item.id)
            there = images.find(word.id, params.style, params.size)
            if there is not None and ctx.files.exists(there.file):
                if there.job_id == ctx.job_id:  # made before, by an owner of this item that could not say so
                    return Outcome.done()
                if not params.regenerate:
                    return Outcome.skipped("unchanged")
            return self._draw(word, params, ctx)
        except WordNotFound as error:
            return Outcome.failed(error.code, error.message)

    def finish(self, ctx: Context) -> dict[str, Any]:
        """`{"images": n, "stylesApplied": {style: n}}`, as `images.summary_of_job` counts them."""
        return images.summary_of_job(ctx.job_id)

    @cached_property
    def _text(self) -> Any:
        # Loaded on the first item, in the child that works, and kept as long as the child lives.
        from .providers.offline.text import OfflineText

        return OfflineText()

    def _draw(self, word: WordRecord, params: ImageGeneration, ctx: Context) -> Outcome:
        from .providers.offline.cards import render_card
        from .providers.offline.typeset import TextTooLong, UndrawableText

        data = WordData(word.word, word.meaning, word.pos, word.level)
        try:
            card = render_card(data, style=params.style, size=params.pixels, domain=self._text.domain(data))
        except (UndrawableText, TextTooLong) as error:
            return Outcome.failed(error.code, str(error))
        # Named by its content: a repeat writes the same file, and an older version never loses its own.
        digest = hashlib.sha256(card.data).hexdigest()[:16]
        name = f"images/{word.id}/{params.style}-{params.size}-{digest}.webp"
        with ctx.files.write(name) as out:
            out.write(card.data)
        made = NewImage(params.style, params.size, name, card.style_applied, PROVIDER, card.provenance)
        written = images.put(word.id, made, fence=ctx.fence, job_id=ctx.job_id)
        return Outcome.done() if written.is_current else Outcome.skipped("newer_exists")
