"""Which meaning of a word a learner most probably wants."""

from __future__ import annotations

from dataclasses import dataclass

from .lexicon import Lexicon, Sense, normal_pos

#: WordNet's own warnings, at the head of a definition or in it.
_RUDE = (
    "obscene", "vulgar", "ethnic slur", "offensive term", "offensive name", "disparaging", "insulting term",
    "slang for sexual", "sexual intercourse",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choice:
    """The meaning chosen, and the others in WordNet's order."""

    sense: Sense
    others: tuple[Sense, ...]
    ambiguous: bool  #: another meaning is about as frequent, so the choice may be wrong


def choose_sense(lexicon: Lexicon, word: str, pos: str | None) -> Choice | None:
    """
    The most frequent inoffensive meaning of `word` as `pos`; None when the lexicon has none.

    A part of speech that WordNet does not hold (preposition …) finds nothing; None as `pos` means any, and is
    ambiguous when there are several.
    """
    if pos and not normal_pos(pos):
        return None
    wanted = normal_pos(pos)
    parts = [wanted] if wanted else lexicon.parts_of_speech(word)
    senses = [sense for part in parts for sense in lexicon.senses(word, part)]
    polite = [sense for sense in senses if not is_rude(sense)]
    if not polite:
        return None
    best, *others = polite
    return Choice(best, tuple(others), _is_ambiguous(best, others))


def is_rude(sense: Sense) -> bool:
    return any(mark in sense.definition for mark in _RUDE)


def _is_ambiguous(best: Sense, others: list[Sense]) -> bool:
    # Half as frequent is frequent enough to be the one meant; without counts the order is all there is.
    return any(2 * other.tags >= best.tags for other in others)
