"""Look English words up in `lexicon.sqlite`: senses, definitions, examples, related words."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from . import morphology
from .packing import LETTER, POS, synset_id, unpack

LEXICON = Path(__file__).with_name("lexicon.sqlite")
SOURCE = "WordNet 3.0"
LICENCE = "WordNet"

DERIVED, OPPOSITE, PERTAINS_TO = "+", "!", "\\"

#: What word lists call a part of speech -> WordNet's four. Others (prepositions, pronouns …) it does not hold.
_POS_NAMES = {
    **dict.fromkeys(("noun", "n", "n.", "명사"), "noun"),
    **dict.fromkeys(("verb", "v", "v.", "be-verb", "have-verb", "do-verb", "동사"), "verb"),
    **dict.fromkeys(("adjective", "adj", "adj.", "a", "형용사"), "adjective"),
    **dict.fromkeys(("adverb", "adv", "adv.", "r", "부사"), "adverb"),
}


@dataclass(frozen=True, slots=True)
class Link:
    """WordNet's word that two words belong together."""

    word: str
    kind: str  #: DERIVED, OPPOSITE or PERTAINS_TO
    other: str  #: lower case
    other_pos: str


@dataclass(frozen=True, slots=True)
class Sense:
    """One meaning of a word."""

    id: str  #: of the synset in WordNet 3.0: `02228049-v`
    pos: str  #: noun, verb, adjective, adverb
    tags: int  #: how often WordNet's tagged texts have the word in this sense
    domain: str  #: lexicographer file: `noun.animal`
    definition: str
    examples: tuple[str, ...]  #: as WordNet quotes them; some are of a synonym and lack the word
    words: tuple[str, ...]  #: the word and its synonyms
    hypernyms: tuple[str, ...]  #: one word for each broader meaning
    links: tuple[Link, ...]  #: from single words of this sense to words of others

    def linked(self, word: str, kind: str) -> list[tuple[str, str]]:
        """Words linked with `word` in this sense by DERIVED, OPPOSITE or PERTAINS_TO, as (word, part of speech)."""
        return [(x.other, x.other_pos) for x in self.links if x.kind == kind and x.word.lower() == word.lower()]


class LexiconMissing(Exception):
    """The database file is not there or is no lexicon."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} cannot be read as a lexicon ({reason}); `make lexicon` builds it.")
        self.path = path


class Lexicon:
    """
    The lexicon, opened read-only; may be shared between threads.

    Each thread gets a connection of its own on its first look-up. The file never changes while it is open
    (`immutable`), so it takes no locks and may lie on a read-only disk.
    """

    def __init__(self, path: Path = LEXICON) -> None:
        """Raises LexiconMissing when `path` is not a lexicon."""
        self._path = path
        self._local = threading.local()
        try:
            row = self._db.execute("SELECT value FROM about WHERE name = 'dictionary'").fetchone()
        except sqlite3.Error as error:
            raise LexiconMissing(path, str(error)) from error
        self._dictionary: bytes = row[0]
        self._irregular = lru_cache(maxsize=20_000)(self._read_irregular)

    @cached_property
    def version(self) -> str:
        """sha256 of the file, in hexadecimal: what a result says it was looked up in."""
        with self._path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def senses(self, word: str, pos: str) -> list[Sense]:
        """Meanings of `word` as that part of speech, the most frequent first; empty when there is none."""
        return [self._sense(number, pos, tags) for number, tags in self._entries(word, pos)]

    def parts_of_speech(self, word: str) -> list[str]:
        """The parts of speech `word` has, the most frequent first."""
        counts = {pos: sum(tags for _, tags in entries) for pos in LETTER if (entries := self._entries(word, pos))}
        return sorted(counts, key=lambda pos: -counts[pos])

    def tags(self, word: str, pos: str | None = None) -> int:
        """How often the tagged texts have `word`, in any sense: a rough measure of how common it is."""
        return sum(tags for name in ([pos] if pos else LETTER) for _, tags in self._entries(word, name))

    def has_form(self, text: str, word: str, pos: str) -> bool:
        """Whether some form of `word` (taught, cities, gave up) stands in `text`."""
        return morphology.contains(text, word, pos, self._irregular)

    def base_forms(self, form: str, pos: str) -> list[str]:
        """The words that `form` is a form of and that the lexicon has as that part of speech."""
        forms = morphology.base_forms(form, pos, self._irregular)
        return sorted(base for base in forms if self._entries(base, pos))

    def _entries(self, word: str, pos: str) -> list[tuple[int, int]]:
        row = self._db.execute(
            "SELECT senses FROM lemma WHERE lemma = ? AND pos = ?", (word.lower(), LETTER[pos])
        ).fetchone()
        pairs = [entry.split(":") for entry in row[0].split()] if row else []
        return [(int(number), int(tags)) for number, tags in pairs]

    def _sense(self, number: int, pos: str, tags: int) -> Sense:
        row = self._db.execute("SELECT entry FROM synset WHERE number = ?", (number,)).fetchone()
        domain, definition, *lists = unpack(row[0], self._dictionary).split("\t")
        examples, words, hypernyms, links = (tuple(part.split("|")) if part else () for part in lists)
        return Sense(
            synset_id(number),
            pos,
            tags,
            domain,
            definition,
            examples,
            words,
            hypernyms,
            tuple(_link(text, words) for text in links),
        )

    def _read_irregular(self, form: str, pos: str) -> list[str]:
        rows = self._db.execute("SELECT lemma FROM irregular WHERE form = ? AND pos = ?", (form, LETTER[pos]))
        return [lemma for (lemma,) in rows]

    @property
    def _db(self) -> sqlite3.Connection:
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        if db is None:
            db = sqlite3.connect(f"{self._path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
            self._local.db = db
        return db


def _link(text: str, words: tuple[str, ...]) -> Link:
    """Read `0+n:decision`, as `build.link` writes it."""
    head, _, other = text.partition(":")
    return Link(words[int(head[:-2])], head[-2], other, POS[head[-1]])


@lru_cache(maxsize=1)
def default_lexicon() -> Lexicon:
    """The lexicon that ships with the project, opened once per process."""
    return Lexicon()


def normal_pos(name: str | None) -> str | None:
    """A word list's name of a part of speech as one of WordNet's four, or None if it is none of them."""
    return _POS_NAMES.get((name or "").strip().lower())
