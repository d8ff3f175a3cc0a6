"""Texts: definition, examples, mnemonic and etymology of each word, by the offline provider."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from vocaqueue import Context, Handler, Item, Outcome

from .job_types import ContentGeneration
from .providers.offline.model import PROVIDER, Field, WordData
from .words import contents, records
from .words.contents import NewContent, StoredContent
from .words.fence import WordNotFound
from .words.records import WordRecord


class ContentHandler(Handler):
    """
    One word per item, all its fields in one transaction, written before the item is settled.

    An item is done when one field at least says something; a field that the provider has nothing for is kept as
    `unavailable` with its reason, and is asked for again only by `regenerate` or once another provider is there.
    """

    def names(self, ids: Sequence[str], ctx: Context) -> dict[str, str]:
        return {word_id: word.word for word_id, word in records.get_many(ids).items()}

    def run(self, item: Item, ctx: Context) -> Outcome:
        params: ContentGeneration = ctx.params
        try:
            word = records.get(item.id)
            there = contents.current(word.id)
            wanted = [name for name in params.fields if self._is_due(there.get(name), ctx)]
            made = self._make(word, wanted)
            written = contents.put(word.id, made, fence=ctx.fence, job_id=ctx.job_id)
        except WordNotFound as error:
            return Outcome.failed(error.code, error.message)
        kept = [there[name] for name in params.fields if name not in wanted]
        if not made and not any(content.job_id == ctx.job_id for content in kept):
            return Outcome.skipped("unchanged")
        if all(content.status == contents.UNAVAILABLE for content in [*made, *kept]):
            reasons = sorted({content.reason or contents.UNAVAILABLE for content in [*made, *kept]})
            return Outcome.failed("no_content", f"The provider has nothing for “{word.word}”: {', '.join(reasons)}.")
        if written and not any(one.is_current for one in written):  # they are kept as versions
            return Outcome.skipped("newer_exists")
        return Outcome.done()

    def finish(self, ctx: Context) -> dict[str, Any]:
        """`{"fields": {field: {status: n}}, "reasons": {reason: n}}`, as `contents.summary_of_job` counts them."""
        return contents.summary_of_job(ctx.job_id)

    @cached_property
    def _text(self) -> Any:
        # Loaded on the first item, in the child that works, and kept as long as the child lives.
        from .providers.offline.text import OfflineText

        return OfflineText()

    def _make(self, word: WordRecord, wanted: list[str]) -> list[NewContent]:
        if not wanted:
            return []
        data = WordData(word.word, word.meaning, word.pos, word.level)
        made = self._text.content(data, **{name: name in wanted for name in contents.FIELDS})
        return [_new_content(field) for field in made]

    def _is_due(self, there: StoredContent | None, ctx: Context) -> bool:
        if there is None:
            return True
        if there.job_id == ctx.job_id:  # made before, by an owner of this item that could not say so
            return False
        if ctx.params.regenerate:
            return True
        return there.status == contents.UNAVAILABLE and there.provider != PROVIDER


def _new_content(field: Field) -> NewContent:
    more = {"kind": field.kind, "source": field.source}
    provenance = field.provenance | {name: value for name, value in more.items() if value is not None}
    return NewContent(field.name, field.value, field.status, PROVIDER, field.reason, provenance)
