"""Colours of a card, by the meaning of its word: one hue for each group of WordNet's lexicographer files."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import ImageColor

Colour = tuple[int, int, int]

#: Hue in degrees -> domains of that colour.
_HUES: dict[int, str] = {
    4: "noun.body verb.body noun.food verb.consumption",
    24: "noun.animal noun.group verb.competition",
    42: "noun.time noun.event noun.possession verb.possession noun.quantity",
    88: "noun.plant noun.substance verb.change noun.process",
    150: "noun.object noun.location verb.stative noun.shape",
    185: "noun.phenomenon verb.weather verb.motion",
    212: "noun.artifact verb.creation verb.contact",
    238: "noun.cognition verb.cognition noun.relation adv.all",
    266: "noun.person verb.social noun.Tops",
    292: "noun.communication verb.communication adj.pert",
    326: "noun.feeling verb.emotion noun.motive verb.perception",
    346: "noun.act noun.state",
    200: "adj.all noun.attribute adj.ppl",
}
_HUE_OF = {domain: hue for hue, domains in _HUES.items() for domain in domains.split()}


@dataclass(frozen=True, slots=True)
class Palette:
    paper: Colour
    shade: Colour  #: of the shapes behind the text, a little darker than the paper
    accent: Colour
    ink: Colour  #: of the word
    text: Colour  #: of the gloss
    quiet: Colour  #: of the credit line; at least 4.5:1 against the paper


def palette(domain: str | None) -> Palette:
    """The colours of a domain (`noun.animal`); grey for None and for names nobody knows."""
    hue = _HUE_OF.get(domain or "")
    grey = hue is None
    return Palette(
        paper=_hsl(hue, 0 if grey else 62, 96),
        shade=_hsl(hue, 0 if grey else 58, 92),
        accent=_hsl(hue, 0 if grey else 62, 52),
        ink=_hsl(hue, 0 if grey else 48, 21),
        text=_hsl(hue, 0 if grey else 14, 26),
        quiet=_hsl(hue, 0 if grey else 16, 36),
    )


def _hsl(hue: int | None, saturation: int, lightness: int) -> Colour:
    red, green, blue = ImageColor.getrgb(f"hsl({hue or 0}, {saturation}%, {lightness}%)")[:3]
    return red, green, blue
