"""
What a search compares: text in one spelling, and its pairs of letters.

The index holds single letters and pairs of neighbours, so that a part of a word is found from one letter (one Hangul
syllable) on. A word of one or two letters is exact by the index alone; a longer one is looked for in the text itself.
"""

from __future__ import annotations

import unicodedata
from itertools import pairwise

TEXT_MOST = 8_000  #: letters of one job that can be searched
WORDS_MOST = 16  #: of one search; further ones are left out


def spelled(text: str) -> str:
    """
    In one spelling: composed (NFC), small letters; nothing that a database refuses in a text.
    """
    whole = text.encode(errors="replace").decode().replace("\0", "\ufffd")
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", whole).casefold())


def words(query: str) -> list[str]:
    """The words of a search, each once; all of them must be found."""
    return list(dict.fromkeys(spelled(query).split()))[:WORDS_MOST]


def grams(text: str) -> set[str]:
    """Each letter and each pair of neighbours of a spelled text; none has a space in it."""
    found: set[str] = set()
    for word in text.split():
        found.update(word)
        found.update(map("".join, pairwise(word)))
    return found


def needed(found: list[str]) -> set[str]:
    """The fewest grams that a text with all these words must have."""
    needs: set[str] = set()
    for word in found:
        needs.update(map("".join, pairwise(word)) if len(word) > 1 else word)
    return needs


def token(gram: str) -> str:
    """A gram as a word that every tokenizer leaves alone."""
    return "x".join(f"{ord(letter):x}" for letter in gram)


def number(gram: str) -> int:
    """A gram as a number of 64 bits, one to one."""
    high, low = (ord(gram[0]), ord(gram[1])) if len(gram) == 2 else (0, ord(gram))
    return high << 21 | low
