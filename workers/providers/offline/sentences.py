"""Example sentences: WordNet's quotes that contain the word, whole sentences before fragments."""

# ruff: noqa: SIM905  (lists of words are easier to read and to mend as text)

from __future__ import annotations

from dataclasses import dataclass

from ...lexicon.lexicon import Lexicon
from ...lexicon.morphology import tokens
from ...lexicon.senses import Choice
from .taste import UNFIT

PARTS = ("noun", "verb", "adjective", "adverb")
MIN_WORDS, MAX_WORDS = 2, 25

_SUBJECTS = frozenset("i you he she it we they there this that these those who what everyone nobody someone".split())
_DETERMINERS = frozenset("the a an my your his her its our their this that these those some any no every".split())
_OPENERS = frozenset("don't let's please never do how why where when".split())
_FINITE = frozenset(
    "is are was were am has have had does do did will would can could may might must shall should isn't aren't "
    "wasn't weren't don't doesn't didn't won't wouldn't can't couldn't it's that's he's she's there's i'm you're "
    "we're they're i'll you'll he'll she'll we'll they'll i've you've we've they've went came took made saw got "
    "gave found told knew said left felt kept began ran stood sat lost paid met wrote became grew drew fell held "
    "led brought bought thought caught taught sold spent sent built spoke broke chose drove ate flew rose threw "
    "wore won".split()
)


@dataclass(frozen=True, slots=True)
class Example:
    text: str  #: as WordNet quotes it
    kind: str  #: `sentence`, or `phrase` for a fragment ("mitigating circumstances")
    sense: str  #: synset it illustrates
    same_sense: bool  #: of the meaning whose definition is shown


def examples(lexicon: Lexicon, word: str, choice: Choice) -> list[Example]:
    """
    Quotes that contain a form of `word`, at most three, best first.

    A quote of another meaning is used only where the chosen one has no sentence, and is marked.
    """
    found = []
    for sense in (choice.sense, *choice.others):
        if sense.pos != choice.sense.pos:
            continue
        for text in sense.examples:
            if is_fit(text) and lexicon.has_form(text, word, sense.pos):
                kind = "sentence" if is_sentence(text, lexicon) else "phrase"
                found.append(Example(text, kind, sense.id, sense is choice.sense))
    own = [example for example in found if example.same_sense]
    pool = own if any(example.kind == "sentence" for example in own) else found
    ranked = sorted(pool, key=lambda example: (example.kind != "sentence", not example.same_sense))
    return list({example.text: example for example in reversed(ranked)}.values())[::-1][:3]


def is_fit(text: str) -> bool:
    """Neither too short or long to learn from, nor about what no learner should meet unasked."""
    words = [token.lower() for token in tokens(text)]
    return MIN_WORDS <= len(words) <= MAX_WORDS and UNFIT.isdisjoint(words)


def is_sentence(text: str, lexicon: Lexicon) -> bool:
    """
    Whether a quote has a finite verb, as far as its words tell; in doubt it is a phrase.

    WordNet quotes without capital and full stop, so those tell nothing.
    """
    words = [token.lower() for token in text.split()]
    words = [word.strip(".,;:!?()`'\"") for word in words]
    if len(words) < 3:
        return False
    if words[0] in _SUBJECTS - _DETERMINERS or words[0] in _OPENERS:
        return True
    if not _FINITE.isdisjoint(words[1:]):
        return True
    if words[0] in _FINITE and ("'" in words[0] or words[1] in _SUBJECTS):
        return True
    if _is_imperative(words, lexicon):
        return True
    return any(_is_finite_at(words, i, lexicon) for i in range(1, len(words)))


def _is_imperative(words: list[str], lexicon: Lexicon) -> bool:
    """`pass the salt`: a base form, then what only an object begins with."""
    first, second = words[0], words[1]
    starts_object = second in _DETERMINERS or second in {"me", "him", "them", "us", "it", "up", "yourself"}
    return starts_object and lexicon.tags(first, "verb") > lexicon.tags(first, "noun") and first not in _DETERMINERS


def _is_finite_at(words: list[str], i: int, lexicon: Lexicon) -> bool:
    """`the bell rang`, `her heart beats`: a form in -ed or -s, or an irregular one, right after its subject."""
    word, before = words[i], words[i - 1]
    bases = [base for base in lexicon.base_forms(word, "verb") if base != word]
    if not bases or word.endswith("ing") or not _is_subject(before, lexicon):
        return False
    if word.endswith("s"):
        # houses, works: a plural unless the verb is the commoner word
        return all(lexicon.tags(base, "verb") > 2 * lexicon.tags(base, "noun") for base in bases)
    # "a bone cracked by the dog" is a phrase
    return not lexicon.tags(word, "noun") and words[i + 1 : i + 2] != ["by"]


def _is_subject(word: str, lexicon: Lexicon) -> bool:
    if word in _DETERMINERS:
        return False
    counts = [sum(lexicon.tags(base, pos) for base in lexicon.base_forms(word, pos)) for pos in PARTS]
    return word in _SUBJECTS or (counts[0] > 0 and 2 * counts[0] >= max(counts))
