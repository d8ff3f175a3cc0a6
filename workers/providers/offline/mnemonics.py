"""
Memory aids that are true: the parts of a word, its family, a word hidden in its letters.

Nothing here makes up a story or an origin. What WordNet or the table in `parts.py` does not prove is not offered.
"""

# ruff: noqa: SIM905  (lists of words are easier to read and to mend as text)

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...lexicon.lexicon import DERIVED, OPPOSITE, PERTAINS_TO, Lexicon
from ...lexicon.lexicon import SOURCE as WORDNET
from ...lexicon.senses import Choice
from .parts import BY_HAND, NEGATIONS, NOT_A_HALF, SUFFIXES
from .taste import NO_HOOK, UNFIT

TABLE = "vocaqueue word parts, checked by hand"
SPELLING = "spelling, " + WORDNET

#: Hidden words must be things one can see.
_VISIBLE = frozenset(
    f"noun.{name}" for name in "animal artifact body food object person phenomenon plant shape substance".split()
)
_KOREAN_POS = {"noun": "명사", "verb": "동사", "adjective": "형용사", "adverb": "부사"}
_HIDDEN_MIN_TAGS = 8  #: below this WordNet's texts hardly know the word, nor do learners
_HIDDEN_MIN_SHARE = 0.4  #: of the letters; a smaller word inside a long one helps nobody
_PREFIXES = frozenset({"re", "un", "in", "dis", "im", "de", "co", "ex", "non", "pre"})


@dataclass(frozen=True, slots=True)
class Mnemonic:
    kind: str  #: word_parts, word_family, hidden_word
    text: str  #: for a Korean learner, one line
    parts: tuple[str, ...]  #: the English pieces or words it is built on
    source: str


def mnemonics(lexicon: Lexicon, word: str, choice: Choice | None) -> list[Mnemonic]:
    """At most one of each kind, the most telling first; empty when nothing true was found."""
    parts = word_parts(lexicon, word, choice)
    family = word_family(word, choice, lexicon, known=parts.parts if parts else ()) if choice else None
    # A word of clear parts needs no spelling trick, and the trick would cut across its parts.
    hidden = hidden_word(lexicon, word, choice) if choice and not parts else None
    return [found for found in (parts, family, hidden) if found]


def word_parts(lexicon: Lexicon, word: str, choice: Choice | None) -> Mnemonic | None:
    """Prefix, stem, suffix or the halves of a compound, where the table or WordNet proves them."""
    word = word.lower()
    if word in BY_HAND:
        return _parts(word, BY_HAND[word], TABLE)
    if choice is None:
        return None
    for find in (_negation, _suffixed, _compound):
        if pieces := find(lexicon, word, choice):
            return _parts(word, pieces, f"{WORDNET}; {TABLE}" if any(m for _, m in pieces) else WORDNET)
    return None


def word_family(word: str, choice: Choice, lexicon: Lexicon, known: tuple[str, ...] = ()) -> Mnemonic | None:
    """Up to three common words that WordNet links with this one as of the same stem; `known` are shown already."""
    word = word.lower()
    related = choice.sense.linked(word, DERIVED) + choice.sense.linked(word, PERTAINS_TO)
    common = sorted((pair for pair in related if lexicon.tags(*pair)), key=lambda pair: -lexicon.tags(*pair))
    members = {other: pos for other, pos in reversed(common) if _is_relative(other, word) and other not in known}
    chosen = list(reversed(members.items()))[:3]
    if not chosen:
        return None
    listed = ", ".join(f"{other}({_KOREAN_POS[pos]})" for other, pos in chosen)
    return Mnemonic("word_family", f"같은 어족: {listed}", tuple(other for other, _ in chosen), WORDNET)


def hidden_word(lexicon: Lexicon, word: str, choice: Choice) -> Mnemonic | None:
    """A common, visible thing spelt inside the word: a trick of spelling, never its origin."""
    word = word.lower()
    if not word.isalpha() or len(word) < 5:
        return None
    found = sorted(
        (
            (lexicon.tags(inner, "noun"), inner, start)
            for inner, start in _inner_words(word)
            if _is_hook(lexicon, inner, start, word, choice)
        ),
        reverse=True,
    )
    if not found:
        return None
    _, inner, start = found[0]
    spelt = "·".join(filter(None, (word[:start], inner.upper(), word[start + len(inner) :])))
    return Mnemonic("hidden_word", f"철자 속 단어: {spelt} → {inner} (철자 연상, 어원 아님)", (inner,), SPELLING)


def _is_relative(other: str, word: str) -> bool:
    """Visibly of the same stem, and more than the same word with an ending that every word takes."""
    shared = max(3, min(4, len(word) - 2))
    regular = {word, word + "ing", word + "ness", word.removesuffix("e") + "ing"}
    return other.isalpha() and other[:shared] == word[:shared] and other not in regular | UNFIT


def _parts(word: str, pieces: tuple[tuple[str, str], ...], source: str) -> Mnemonic:
    shown = " + ".join(f"{piece}({meaning})" if meaning else piece for piece, meaning in pieces)
    return Mnemonic("word_parts", f"{word} = {shown}", tuple(piece for piece, _ in pieces), source)


def _compound(lexicon: Lexicon, word: str, choice: Choice) -> tuple[tuple[str, str], ...] | None:
    """Two words written as one, where one of them stands in the definition or is the broader meaning."""
    sense = choice.sense
    for cut in range(3, len(word) - 2):
        first, second = word[:cut], word[cut:]
        if second in NOT_A_HALF or not (lexicon.tags(first) and lexicon.tags(second, sense.pos)):
            continue
        told = f"{sense.definition} | {' | '.join(sense.hypernyms)}"
        if all(_mentions(lexicon, told, half) for half in (first, second)):
            return (first, ""), (second, "")
        if len(first) > 3 and len(second) > 3 and any(_mentions(lexicon, told, half) for half in (first, second)):
            return (first, ""), (second, "")
    return None


def _negation(lexicon: Lexicon, word: str, choice: Choice) -> tuple[tuple[str, str], ...] | None:
    opposites = [other for other, _ in choice.sense.linked(word, OPPOSITE)]
    for prefix, meaning in NEGATIONS:
        stem = word.removeprefix(prefix)
        if stem != word and (stem in opposites or (prefix == "mis" and _is_derived(lexicon, word, stem, choice))):
            return (f"{prefix}-", meaning), (stem, "")
    return None


def _suffixed(lexicon: Lexicon, word: str, choice: Choice) -> tuple[tuple[str, str], ...] | None:
    for suffix, made, put_to, meaning in SUFFIXES:
        if made != choice.sense.pos or not word.endswith(suffix):
            continue
        for stem in _stems(word.removesuffix(suffix), suffix):
            if len(stem) < 3 or stem in UNFIT or stem == word:
                continue
            if any(_proves(lexicon, word, stem, pos, choice) for pos in put_to):
                return (stem, ""), (f"-{suffix}", meaning)
    return None


def _stems(rest: str, suffix: str) -> Iterator[str]:
    """How the stem was spelt before the ending: noise-y, danger-ous, happi-ness, runn-er, decis-ion …"""
    yield rest
    yield rest + "e"
    if rest.endswith("i"):
        yield rest[:-1] + "y"
    if len(rest) > 3 and rest[-1] == rest[-2]:
        yield rest[:-1]
    if suffix == "ly":
        yield rest + "le"
        yield rest + "l"
        yield rest.removesuffix("al")
    if suffix == "sion":
        yield rest + "de"
        yield rest + "d"
    if suffix in {"ation", "ition", "ity"}:
        yield rest + "y"
    if suffix == "ic":
        yield rest + "y"


def _proves(lexicon: Lexicon, word: str, stem: str, pos: str, choice: Choice) -> bool:
    if not lexicon.tags(stem, pos):
        return False
    linked = [kind for kind in (DERIVED, PERTAINS_TO) if (stem, pos) in choice.sense.linked(word, kind)]
    return bool(linked) or (len(stem) > 3 and lexicon.has_form(choice.sense.definition, stem, pos))


def _is_derived(lexicon: Lexicon, word: str, stem: str, choice: Choice) -> bool:
    return any(lexicon.has_form(choice.sense.definition, stem, pos) for pos in lexicon.parts_of_speech(stem))


def _mentions(lexicon: Lexicon, text: str, half: str) -> bool:
    return any(lexicon.has_form(text, half, pos) for pos in lexicon.parts_of_speech(half))


def _inner_words(word: str) -> Iterator[tuple[str, int]]:
    for start in range(len(word) - 2):
        for end in range(start + 3, len(word) + 1):
            inner = word[start:end]
            if inner != word and len(inner) >= _HIDDEN_MIN_SHARE * len(word):
                yield inner, start


def _is_hook(lexicon: Lexicon, inner: str, start: int, word: str, choice: Choice) -> bool:
    before, after = word[:start], word[start + len(inner) :]
    # At the beginning stands the stem as a rule, and beside another word the half of a compound.
    if not before or inner in NO_HOOK or (not after and (before in _PREFIXES or lexicon.tags(before))):
        return False
    senses = lexicon.senses(inner, "noun")
    if not senses or senses[0].tags < _HIDDEN_MIN_TAGS or senses[0].domain not in _VISIBLE:
        return False
    # A capital or another part of speech in first place: Will, may, her.
    if inner not in senses[0].words or lexicon.parts_of_speech(inner)[0] != "noun":
        return False
    # What the definition speaks of is the stem, not a trick.
    told = " ".join((choice.sense.definition, *choice.sense.hypernyms, *choice.sense.words))
    return not _mentions(lexicon, told, inner)
