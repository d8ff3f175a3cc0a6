"""Inflected forms of English words, by WordNet's rules (morphy(7WN)): irregular forms, then endings taken off."""

from __future__ import annotations

import re
from collections.abc import Callable

#: Part of speech -> endings and what stands in their place in the base form.
_ENDINGS = {
    "noun": (("ses", "s"), ("xes", "x"), ("zes", "z"), ("hes", "h"), ("men", "man"), ("ies", "y"), ("s", "")),
    "verb": (("ies", "y"), ("es", "e"), ("es", ""), ("s", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", "")),
    "adjective": (("er", ""), ("est", ""), ("er", "e"), ("est", "e")),
    "adverb": (("er", ""), ("est", "")),
}
_TOKEN = re.compile(r"[A-Za-z]+(?:['’.-][A-Za-z]+)*")

#: Form and part of speech -> base forms that no rule gives.
Irregular = Callable[[str, str], list[str]]


def tokens(text: str) -> list[str]:
    """The words of a text as written, without punctuation; a possessive loses its `'s`."""
    return [re.sub(r"['’]s?$", "", token) for token in _TOKEN.findall(text)]


def base_forms(form: str, pos: str, irregular: Irregular) -> set[str]:
    """
    What `form` may be an inflected form of, itself included.

    The rules propose forms that are no words too ("bus" -> "bu"); compare with a known lemma.
    """
    form = form.lower()
    found = {form, *irregular(form, pos)}
    for ending, base in _ENDINGS.get(pos, ()):
        if form.endswith(ending) and len(form) - len(ending) >= 2:
            found.add(form.removesuffix(ending) + base)
    return found


def contains(text: str, lemma: str, pos: str, irregular: Irregular) -> bool:
    """Whether some form of `lemma` (one word or several) stands in `text` as a word of its own."""
    wanted = [token.lower() for token in tokens(lemma)]
    if not wanted:
        return False
    words = tokens(text)
    # A compound is inflected at its end if it is a noun (credit cards), at its head if a verb (gave up).
    inflected = 0 if pos == "verb" else len(wanted) - 1
    for start in range(len(words) - len(wanted) + 1):
        window = words[start : start + len(wanted)]
        if all(
            word.lower() == want or (i == inflected and want in base_forms(word, pos, irregular))
            for i, (word, want) in enumerate(zip(window, wanted, strict=True))
        ):
            return True
    return False
