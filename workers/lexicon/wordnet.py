"""Read the files of WordNet 3.0 as Princeton publishes them (wndb(5WN), cntlist(5WN))."""

# ruff: noqa: SIM905  (lists of words are easier to read and to mend as text)

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: File suffix, our name of the part of speech, the digit WordNet uses for it in sense keys.
PARTS = (("noun", "noun", 1), ("verb", "verb", 2), ("adj", "adjective", 3), ("adv", "adverb", 4))
POS_OF_LETTER = {"n": "noun", "v": "verb", "a": "adjective", "s": "adjective", "r": "adverb"}

#: Names of the lexicographer files, by number (lexnames(5WN)).
DOMAINS = (
    "adj.all adj.pert adv.all noun.Tops noun.act noun.animal noun.artifact noun.attribute noun.body noun.cognition "
    "noun.communication noun.event noun.feeling noun.food noun.group noun.location noun.motive noun.object "
    "noun.person noun.phenomenon noun.plant noun.possession noun.process noun.quantity noun.relation noun.shape "
    "noun.state noun.substance noun.time verb.body verb.change verb.cognition verb.communication verb.competition "
    "verb.consumption verb.contact verb.creation verb.emotion verb.motion verb.perception verb.possession "
    "verb.social verb.stative verb.weather adj.ppl"
).split()

TELLING_LENGTH = 40  #: characters; a definition cut shorter than this loses its point


@dataclass(frozen=True, slots=True)
class Pointer:
    """A link between two synsets, or between two words of them."""

    symbol: str  #: "@" hypernym, "+" derived form, "!" opposite, "\\" pertains to …
    target: str  #: id of the synset pointed to
    source_word: int  #: from 1; 0: the whole synset
    target_word: int


@dataclass(frozen=True, slots=True)
class Synset:
    id: str  #: offset, dash, letter, as the Open Multilingual Wordnet writes it: `02228049-v`
    pos: str  #: noun, verb, adjective, adverb
    domain: str  #: name of the lexicographer file
    words: tuple[str, ...]  #: as written, with spaces
    lex_ids: tuple[int, ...]
    pointers: tuple[Pointer, ...]
    gloss: str
    head: str | None  #: for a satellite adjective: id of the cluster's head


@dataclass(frozen=True, slots=True)
class Sense:
    lemma: str  #: lower case, with spaces
    pos: str
    rank: int  #: from 1, the most frequent first
    synset: str
    tags: int  #: how often this sense was found in the tagged texts; 0: never


def read_synsets(folder: Path) -> dict[str, Synset]:
    """All synsets by id."""
    return {synset.id: synset for suffix, _, _ in PARTS for synset in _data_file(folder / f"data.{suffix}")}


def read_senses(folder: Path, synsets: dict[str, Synset]) -> Iterator[Sense]:
    """All senses, lemma by lemma, each lemma's in WordNet's order."""
    tags = _tag_counts(folder / "cntlist.rev")
    for suffix, pos, digit in PARTS:
        for line in _lines(folder / f"index.{suffix}"):
            fields = line.split()
            count = int(fields[2])
            for rank, offset in enumerate(fields[-count:], start=1):
                synset_id = f"{offset}-{suffix[0] if suffix != 'adv' else 'r'}"
                yield Sense(
                    lemma=fields[0].replace("_", " "),
                    pos=pos,
                    rank=rank,
                    synset=synset_id,
                    tags=tags.get((fields[0], digit, rank), 0),
                )


def read_exceptions(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Irregular forms: form, part of speech, lemma."""
    for suffix, pos, _ in PARTS:
        for line in _lines(folder / f"{suffix}.exc"):
            form, *lemmas = line.replace("_", " ").split()
            for lemma in lemmas:
                yield form, pos, lemma


def split_gloss(gloss: str) -> tuple[str, list[str]]:
    """
    The definition and the quoted examples.

    The definition ends at its first semicolon, unless what stands before is too short to tell much ("small brush; has
    long handle"). A semicolon inside brackets ends nothing.
    """
    quotes = [re.sub(r"\s+", " ", quote).strip() for quote in re.findall(r'"([^"]+)"', gloss)]
    bare = re.sub(r"\s+", " ", gloss.partition('"')[0])
    depth = 0
    for position, sign in enumerate(bare):
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if sign == ";" and depth <= 0 and position >= TELLING_LENGTH:
            bare = bare[:position]
            break
    return bare.strip(" ;:,-"), list(dict.fromkeys(filter(None, quotes)))


def _data_file(path: Path) -> Iterator[Synset]:
    for line in _lines(path):
        head, _, gloss = line.partition(" | ")
        fields = head.split()
        letter = fields[2]
        count = int(fields[3], 16)
        words = fields[4 : 4 + 2 * count : 2]
        rest = fields[4 + 2 * count :]
        pointers = []
        for i in range(int(rest[0])):
            symbol, offset, target_letter, ends = rest[1 + 4 * i : 5 + 4 * i]
            target = f"{offset}-{target_letter.replace('s', 'a')}"
            pointers.append(Pointer(symbol, target, int(ends[:2], 16), int(ends[2:], 16)))
        similar = [p.target for p in pointers if p.symbol == "&"]
        yield Synset(
            id=f"{fields[0]}-{letter.replace('s', 'a')}",
            pos=POS_OF_LETTER[letter],
            domain=DOMAINS[int(fields[1])],
            words=tuple(re.sub(r"\((a|p|ip)\)$", "", word).replace("_", " ") for word in words),
            lex_ids=tuple(int(x, 16) for x in fields[5 : 5 + 2 * count : 2]),
            pointers=tuple(pointers),
            gloss=gloss.strip(),
            head=similar[0] if letter == "s" and similar else None,
        )


def _tag_counts(path: Path) -> dict[tuple[str, int, int], int]:
    """Tag counts by lemma, part of speech digit and sense number; satellites (5) count as adjectives (3)."""
    counts = {}
    for line in _lines(path):
        key, rank, count = line.split()
        lemma, _, lexical = key.partition("%")
        digit = int(lexical[0])
        counts[lemma.lower(), 3 if digit == 5 else digit, int(rank)] = int(count)
    return counts


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as file:
        # The licence stands at the head of each file, in lines that begin with two spaces.
        yield from (line.rstrip("\n") for line in file if line.strip() and not line.startswith("  "))
