"""Measure, wrap and shrink text for a card, and refuse what the font cannot draw."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

_FONTS = Path(__file__).parents[1] / "fonts"
BOLD = "Pretendard-Bold.otf"
MEDIUM = "Pretendard-Medium.otf"

_NOWHERE = "\uffff"  #: no font has a glyph for it, so it shows what a missing one looks like


class UndrawableText(ValueError):
    """The card's font lacks signs of a text; drawn all the same they would be empty boxes."""

    code = "text_not_drawable"

    def __init__(self, text: str, signs: str) -> None:
        listed = ", ".join(f"{sign} (U+{ord(sign):04X})" for sign in signs)
        super().__init__(f"The card font cannot draw {listed} in {text!r}.")
        self.text = text
        self.signs = signs


class TextTooLong(ValueError):
    """A word so long that it would be unreadable on a picture of this size."""

    code = "text_too_long"

    def __init__(self, text: str, width: int) -> None:
        super().__init__(f"{text!r} does not fit readably into {width} pixels; ask for a larger picture.")
        self.text = text


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of one text in one size."""

    lines: tuple[str, ...]
    font: ImageFont.FreeTypeFont
    leading: int  #: pixels from one baseline to the next
    shortened: bool = False  #: the text was too long, its end is missing

    @property
    def height(self) -> int:
        """From the top of the first line's capitals to the last baseline, without descenders."""
        return self.cap_height + self.leading * (len(self.lines) - 1)

    @property
    def cap_height(self) -> int:
        return round(self.font.size * 0.72)  # Pretendard's capitals; Hangul stands a little higher


def clean(text: str) -> str:
    """One line in composed form, without invisible signs."""
    composed = unicodedata.normalize("NFC", text)
    return " ".join("".join(" " if c.isspace() else c for c in composed if unicodedata.category(c) != "Cf").split())


def refuse_undrawable(text: str) -> None:
    """Raises UndrawableText unless the font has every sign of `text`."""
    missing = "".join(dict.fromkeys(sign for sign in text if not sign.isspace() and not _has_glyph(sign)))
    if missing:
        raise UndrawableText(text, missing)


def fit_word(word: str, *, width: int, height: int, largest: int, smallest: int) -> Block:
    """
    The word as large as fits: on one line, or on two where it has a space or a hyphen and gains by it.

    Raises:
        TextTooLong: It does not fit even in the smallest size.
    """
    options = [Block((word,), *_face(_size_for((word,), BOLD, width, largest)))]
    options += [Block(pair, *_face(_size_for(pair, BOLD, width, round(0.78 * largest)))) for pair in _halves(word)]
    best = max(options, key=lambda block: block.font.size)
    while best.height > height and best.font.size > smallest:
        best = Block(best.lines, *_face(round(best.font.size) - 1))
    if best.font.size < smallest or best.height > height:
        raise TextTooLong(word, width)
    return best


def fit_gloss(gloss: str, *, width: int, largest: int, smallest: int) -> Block:
    """The gloss on at most two lines; in the smallest size its last meanings give way, whole ones where possible."""
    one_line = _size_for((gloss,), MEDIUM, width, largest)
    if one_line >= 0.8 * largest:
        return Block((gloss,), font(MEDIUM, one_line), round(one_line * 1.4))
    for size in range(largest, smallest - 1, -1):
        if lines := _two_lines(gloss, font(MEDIUM, size), width):
            return Block(lines, font(MEDIUM, size), round(size * 1.4))
    small = font(MEDIUM, smallest)
    return Block(_cut(gloss, small, width), small, round(smallest * 1.4), shortened=True)


@lru_cache(maxsize=256)
def font(name: str, size: int) -> ImageFont.FreeTypeFont:
    # The basic layout is the same on every machine, whether or not raqm is there.
    return ImageFont.truetype(_FONTS / name, size, layout_engine=ImageFont.Layout.BASIC)


def _face(size: int) -> tuple[ImageFont.FreeTypeFont, int]:
    return font(BOLD, size), round(size * 1.14)


def _size_for(lines: tuple[str, ...], name: str, width: int, largest: int) -> int:
    widest = max(font(name, 100).getlength(line) for line in lines)
    size = min(largest, int(100 * width / widest)) if widest else largest
    while size > 1 and max(font(name, size).getlength(line) for line in lines) > width:
        size -= 1
    return size


def _halves(text: str) -> list[tuple[str, str]]:
    cuts = [(i, i + 1) if sign == " " else (i + 1, i + 1) for i, sign in enumerate(text) if sign in " -"]
    return [(text[:end], text[start:]) for end, start in cuts if text[:end].strip() and text[start:].strip()]


def _two_lines(text: str, face: ImageFont.FreeTypeFont, width: int) -> tuple[str, ...] | None:
    """Break after a meaning where possible, else at a space; the fuller first line loses to the more even pair."""
    pairs = [pair for pair in _halves(text) if all(face.getlength(line) <= width for line in pair)]
    if not pairs:
        return None
    return min(pairs, key=lambda p: (not p[0].endswith((";", ",")), abs(face.getlength(p[0]) - face.getlength(p[1]))))


def _cut(text: str, face: ImageFont.FreeTypeFont, width: int) -> tuple[str, ...]:
    meanings = text.replace(",", ";").split(";")
    for count in range(len(meanings) - 1, 0, -1):
        shorter = "; ".join(part.strip() for part in meanings[:count])
        if face.getlength(shorter) <= width:
            return (shorter,)
        if lines := _two_lines(shorter, face, width):
            return lines
    while face.getlength(text + "…") > width:
        text = text[:-1]
    return (text.rstrip() + "…",)


@lru_cache(maxsize=4096)
def _has_glyph(sign: str) -> bool:
    face = font(MEDIUM, 40)
    if face.getlength(sign) != face.getlength(_NOWHERE):
        return True
    return bytes(face.getmask(sign)) != bytes(face.getmask(_NOWHERE))
