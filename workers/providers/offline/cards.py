"""Pictures without a network: a typographic card of the word, its Korean gloss and its part of speech."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any, Literal

from PIL import Image, ImageDraw

from ...lexicon.lexicon import normal_pos
from .model import MAX_SIDE, MIN_SIDE, STYLES_KNOWN, WordData, provenance
from .palette import Palette, palette
from .typeset import BOLD, MEDIUM, Block, clean, fit_gloss, fit_word, font, refuse_undrawable

RENDERER_VERSION = "card-1"  #: changes when the same word would look different

CREDIT = "사전 기반 카드 · AI 아님"
FONT_CREDIT = "Pretendard (SIL OFL 1.1)"
_POS_LABELS = {"noun": "명사", "verb": "동사", "adjective": "형용사", "adverb": "부사"}
_OTHER_POS_LABELS = {
    "preposition": "전치사", "pronoun": "대명사", "conjunction": "접속사", "determiner": "한정사", "number": "수사",
    "interjection": "감탄사", "modal auxiliary": "조동사",
}  # fmt: skip
_OVERSAMPLING = 2  #: Pillow draws circles without smoothing


@dataclass(frozen=True, slots=True)
class Card:
    """A finished picture."""

    data: bytes
    media_type: str
    width: int
    height: int
    style: str  #: asked for
    style_applied: str  #: drawn
    gloss_shortened: bool  #: the gloss was too long for two lines
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def style_supported(self) -> bool:
        return self.style == self.style_applied


def render_card(
    word: WordData,
    *,
    style: str = "minimal",
    size: tuple[int, int] = (512, 512),
    domain: str | None = None,
    image_format: Literal["webp", "png"] = "webp",
) -> Card:
    """
    Draw a card.

    Args:
        word: Its word, meaning, part of speech and level are drawn; the last three may be missing.
        style: One of STYLES_KNOWN; what is drawn is `minimal` whatever is asked, and the result says so.
        size: Width and height in pixels, each from MIN_SIDE to MAX_SIDE.
        domain: WordNet's lexicographer file (`OfflineText.domain`); decides the colours.
        image_format: Of the bytes.

    Raises:
        ValueError: An unknown style or a size out of range.
        UndrawableText: The font lacks a sign of the word or its meaning.
        TextTooLong: The word cannot be read at this size.
    """
    if style not in STYLES_KNOWN:
        raise ValueError(f"unknown style {style!r}; known are {', '.join(STYLES_KNOWN)}")
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in size):
        raise ValueError(f"size {size} is out of range; each side is {MIN_SIDE} to {MAX_SIDE} pixels")
    head, gloss = clean(word.word), clean(word.meaning)
    if not head:
        raise ValueError("a card needs a word")
    for text in (head, gloss):
        refuse_undrawable(text)

    colours = palette(domain)
    image = _paper(size, colours)
    layout = _Layout(size)
    draw = ImageDraw.Draw(image)
    shortened = _draw_middle(draw, layout, colours, head, gloss)
    _draw_edges(draw, layout, colours, word)
    return Card(
        _encode(image, image_format), f"image/{image_format}", *size, style, "minimal", shortened,
        provenance("render", source=FONT_CREDIT, renderer=RENDERER_VERSION, styleApplied="minimal", domain=domain),
    )  # fmt: skip


class _Layout:
    """Where things go, in pixels."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.width, self.height = size
        short = min(size)
        self.margin = round(short * 0.08)
        self.inner = self.width - 2 * self.margin
        self.label = max(8, round(short * 0.042))
        self.credit = max(7, round(short * 0.030))
        self.largest_word = round(short * 0.19)
        self.smallest_word = 7
        self.largest_gloss = round(short * 0.078)
        self.smallest_gloss = max(8, round(short * 0.042))
        self.bar = (round(short * 0.11), max(2, round(short * 0.010)))
        self.gap = round(short * 0.075)
        #: Height between the labels above and the credit line below, with air on both sides.
        self.middle = self.height - 2 * (self.margin + round(1.9 * self.label))


def _draw_middle(draw: ImageDraw.ImageDraw, layout: _Layout, colours: Palette, head: str, gloss: str) -> bool:
    """Word, bar and gloss, centred as one block; True if the gloss was shortened."""
    below = None
    if gloss:
        below = fit_gloss(gloss, width=layout.inner, largest=layout.largest_gloss, smallest=layout.smallest_gloss)
    under = layout.gap + layout.bar[1] + (layout.gap + below.height if below else 0)
    word = fit_word(
        head,
        width=layout.inner,
        height=layout.middle - under,
        largest=layout.largest_word,
        smallest=layout.smallest_word,
    )
    top = (layout.height - word.height - under) // 2

    _draw_block(draw, layout, word, top, colours.ink)
    top += word.height + layout.gap
    left = (layout.width - layout.bar[0]) // 2
    draw.rounded_rectangle(
        (left, top, left + layout.bar[0], top + layout.bar[1]), radius=layout.bar[1] // 2, fill=colours.accent
    )
    if below:
        _draw_block(draw, layout, below, top + layout.bar[1] + layout.gap, colours.text)
    return bool(below and below.shortened)


def _draw_block(
    draw: ImageDraw.ImageDraw, layout: _Layout, block: Block, top: int, colour: tuple[int, int, int]
) -> None:
    baseline = top + block.cap_height
    for line in block.lines:
        draw.text((layout.width / 2, baseline), line, font=block.font, fill=colour, anchor="ms")
        baseline += block.leading


def _draw_edges(draw: ImageDraw.ImageDraw, layout: _Layout, colours: Palette, word: WordData) -> None:
    """Part of speech and level above, the credit line below."""
    label = font(BOLD, layout.label)
    if pos := _pos_label(word.pos):
        draw.text((layout.margin, layout.margin), pos, font=label, fill=colours.quiet, anchor="lt")
    if word.level and len(word.level) <= 3 and word.level.isascii():
        right = layout.width - layout.margin
        draw.text((right, layout.margin), word.level.upper(), font=label, fill=colours.quiet, anchor="rt")
    bottom = layout.height - layout.margin
    credit = font(MEDIUM, layout.credit)
    draw.text((layout.width / 2, bottom), CREDIT, font=credit, fill=colours.quiet, anchor="mb")


def _pos_label(pos: str | None) -> str | None:
    return _POS_LABELS.get(normal_pos(pos) or "") or _OTHER_POS_LABELS.get((pos or "").strip().lower())


def _paper(size: tuple[int, int], colours: Palette) -> Image.Image:
    """The background: plain, with two quiet circles that leave the corners of the text free."""
    width, height = (side * _OVERSAMPLING for side in size)
    image = Image.new("RGB", (width, height), colours.paper)
    draw = ImageDraw.Draw(image)
    short = min(width, height)
    draw.circle((width * 0.98, height * 0.92), short * 0.36, fill=colours.shade)
    draw.circle((width * 0.02, height * 0.06), short * 0.22, fill=colours.shade)
    return image.reduce(_OVERSAMPLING)


def _encode(image: Image.Image, image_format: str) -> bytes:
    buffer = io.BytesIO()
    if image_format == "webp":
        image.save(buffer, "WEBP", quality=92, method=4)
    else:
        image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
