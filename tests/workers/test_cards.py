"""The typographic card: what its pixels show, and what it refuses to draw."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageChops

from workers.providers.offline.cards import Card, _paper, render_card
from workers.providers.offline.model import MIN_SIDE, STYLES_KNOWN, SUPPORTED_STYLES, WordData
from workers.providers.offline.palette import palette
from workers.providers.offline.typeset import TextTooLong, UndrawableText, clean

SIZES = [(256, 256), (512, 512), (1024, 1024), (512, 768), (768, 512), (1024, 256), (128, 128)]
WORDS = [
    WordData("go", "가다", "verb", "A1"),
    WordData("umbrella", "우산", "noun", "A2"),
    WordData("interdisciplinarity", "학제성; 여러 학문에 걸친 성질", "noun", "C2"),
    WordData("change", "바꾸다; 변경하다; 개조하다; 바뀌다; 교체하다; 달라지다; 변화시키다; 갈아타다", "verb", "A1"),
    WordData("driver's license", "운전 면허증", "noun", "A2"),
    WordData("quay", "부두", "noun", "C1"),
]
DOMAIN = "noun.artifact"

Box = tuple[int, int, int, int]


def picture(card: Card) -> Image.Image:
    return Image.open(io.BytesIO(card.data)).convert("RGB")


def draw(word: WordData, size: tuple[int, int] = (512, 512), domain: str | None = DOMAIN) -> Image.Image:
    return picture(render_card(word, size=size, domain=domain, image_format="png"))


def box_of(image: Image.Image, colour: tuple[int, int, int]) -> Box | None:
    """Where pixels of exactly this colour are: left, top, right, bottom."""
    difference = ImageChops.difference(image, Image.new("RGB", image.size, colour))
    red, green, blue = difference.split()
    return ImageChops.lighter(ImageChops.lighter(red, green), blue).point(lambda value: 255 * (value == 0)).getbbox()


def bands_of(mask: Image.Image) -> list[tuple[int, int]]:
    """Runs of rows that are not empty, from the top: first row, row after the last."""
    filled = [bool(mask.crop((0, y, mask.width, y + 1)).getbbox()) for y in range(mask.height)]
    padded = [False, *filled, False]
    edges = [y for y in range(mask.height + 1) if padded[y] != padded[y + 1]]
    return list(zip(edges[::2], edges[1::2], strict=True))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.word)
def test_word_and_gloss_stand_apart_within_the_margins(word, size):
    """
    From top to bottom stand labels, word, bar, gloss and credit line, with empty rows between and free margins.
    """
    image, colours = draw(word, size), palette(DOMAIN)
    drawn = ImageChops.difference(image, _paper(size, colours)).convert("L").point(lambda value: 255 * (value > 8))
    left, top, right, bottom = drawn.getbbox()
    margin = round(min(size) * 0.08) - 2
    assert min(left, top) >= margin
    assert right <= size[0] - margin
    assert bottom <= size[1] - margin

    bar = box_of(image, colours.accent)
    bands = bands_of(drawn)
    above = [band for band in bands if band[1] <= bar[1]]
    below = [band for band in bands if band[0] >= bar[3]]
    assert len(above) >= 2  # labels, word
    assert len(below) >= 2  # gloss, credit line
    assert len(above) + 1 + len(below) == len(bands)


def test_the_gloss_is_what_appears_below_the_bar():
    """
    Of two cards that differ in the gloss only the part below the bar differs; without a gloss nothing is there.
    """
    colours = palette(DOMAIN)
    first, second = draw(WordData("umbrella", "우산", "noun")), draw(WordData("umbrella", "가사", "noun"))
    changed = ImageChops.difference(first, second).getbbox()
    assert changed
    assert changed[1] > box_of(first, colours.accent)[3]
    without = draw(WordData("umbrella", "", "noun"))
    assert box_of(first, colours.text)
    assert box_of(without, colours.text) is None


def test_the_word_is_what_appears_above_the_bar():
    """
    Of two cards that differ in the word only the part above the bar differs.
    """
    first, second = draw(WordData("umbrella", "우산", "noun")), draw(WordData("parasol", "우산", "noun"))
    changed = ImageChops.difference(first, second).getbbox()
    assert changed
    assert changed[3] < box_of(first, palette(DOMAIN).accent)[1]


def test_colour_follows_meaning():
    """
    An animal and a feeling have other papers; a word of unknown meaning is grey.
    """
    assert palette("noun.animal").paper != palette("noun.feeling").paper
    red, green, blue = palette(None).paper
    assert red == green == blue
    assert draw(WORDS[0], domain="noun.animal").getpixel((256, 30)) == palette("noun.animal").paper


@pytest.mark.parametrize("domain", [None, "noun.plant", "noun.time", "noun.food", "verb.motion", "adj.all"])
def test_text_is_readable_on_every_paper(domain):
    """
    All text has at least the contrast of 4.5 to 1 that WCAG asks for, also on the shapes behind it.
    """
    colours = palette(domain)
    for paper in (colours.paper, colours.shade):
        for ink in (colours.ink, colours.text, colours.quiet):
            assert contrast(ink, paper) >= 4.5


@pytest.mark.parametrize("style", STYLES_KNOWN)
def test_the_card_says_which_style_was_drawn(style):
    """
    Only `minimal` can be drawn; another style is answered with a card that admits it.
    """
    card = render_card(WORDS[0], style=style)
    assert card.style_applied == "minimal"
    assert card.style_supported is (style in SUPPORTED_STYLES)
    assert card.provenance["styleApplied"] == "minimal"
    assert card.provenance["generatedBy"] == "render"
    assert card.provenance["ai"] is False


def test_a_style_nobody_knows_is_an_error():
    """
    The message lists the styles there are.
    """
    with pytest.raises(ValueError, match="watercolor"):
        render_card(WORDS[0], style="cubism")


@pytest.mark.parametrize("size", [(MIN_SIDE - 1, 512), (512, 5000), (0, 0)])
def test_a_size_out_of_range_is_an_error(size):
    """
    Sides have limits in both directions.
    """
    with pytest.raises(ValueError, match="out of range"):
        render_card(WORDS[0], size=size)


@pytest.mark.parametrize(("word", "meaning", "signs"), [("日本", "", "日本"), ("ok", "확인 😀", "😀")])
def test_what_the_font_lacks_is_refused(word, meaning, signs):
    """
    A missing glyph is an error that names it, never an empty box.
    """
    with pytest.raises(UndrawableText) as caught:
        render_card(WordData(word, meaning))
    assert caught.value.signs == signs
    assert f"U+{ord(signs[0]):04X}" in str(caught.value)


@pytest.mark.parametrize("word", ["café", "naïve", "can't", "e-mail", "AIDS", "Zürich", "½", "it’s"])
def test_letters_of_borrowed_words_are_drawn(word):
    """
    Accents, apostrophes and hyphens are in the font.
    """
    assert render_card(WordData(word)).data


def test_a_word_too_long_to_read_is_refused():
    """
    Two hundred letters do not become a grey line.
    """
    with pytest.raises(TextTooLong):
        render_card(WordData("a" * 200), size=(256, 256))


def test_the_longest_english_word_fits():
    """
    Forty-five letters shrink and stay within the margins.
    """
    image = draw(WordData("pneumonoultramicroscopicsilicovolcanoconiosis", "진폐증", "noun"))
    left, _, right, _ = box_of(image, palette(DOMAIN).ink)
    assert left >= 40
    assert right <= 512 - 40


def test_a_gloss_of_many_meanings_loses_its_last_ones():
    """
    Two lines are the most, and the card says that something was left out.
    """
    endless = "; ".join(["아주 긴 뜻풀이를 가진 낱말"] * 12)
    assert render_card(WordData("set", endless)).gloss_shortened
    assert not render_card(WordData("set", "놓다")).gloss_shortened


def test_decomposed_and_invisible_signs_are_cleaned():
    """
    Hangul in pieces is composed, and zero-width spaces and line breaks vanish.
    """
    assert clean("\u1112\u1161\u11ab\u200b 글\n뜻") == "한 글 뜻"


def test_the_same_word_gives_the_same_bytes():
    """
    Drawing is repeatable, so that a repeated item writes the same file.
    """
    assert render_card(WORDS[1]).data == render_card(WORDS[1]).data


def test_the_default_is_a_small_webp():
    """
    A card of 512 pixels weighs less than 40 kB.
    """
    card = render_card(WORDS[1])
    assert card.media_type == "image/webp"
    assert Image.open(io.BytesIO(card.data)).format == "WEBP"
    assert picture(card).size == (card.width, card.height) == (512, 512)
    assert len(card.data) < 40_000


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    """Contrast ratio after WCAG 2.2, from 1 to 21."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: tuple[int, int, int]) -> float:
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
