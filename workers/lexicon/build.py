"""
Build `lexicon.sqlite`, the small read-only extract of WordNet 3.0 that the offline provider looks words up in.

    python -m workers.lexicon.build [folder of WordNet's files]

The files are those of Debian's package wordnet-base 3.0-37 (/usr/share/wordnet). WordNet alone goes in, so that the
result needs no licence but WordNet's (see NOTICE). The same files and the same SQLite give the same bytes.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from .packing import LETTER, pack, synset_number
from .wordnet import Pointer, Sense, Synset, read_exceptions, read_senses, read_synsets, split_gloss

WORDNET = Path("/usr/share/wordnet")
TARGET = Path(__file__).with_name("lexicon.sqlite")
#: sha256 over WordNet's files in the order of their names; another edition has other synset numbers.
WORDNET_SHA256 = "0edb56714d62cdd94fef964f1ee6ce024f7f4a05c827212b86984a8a73954026"

SCHEMA = """
PRAGMA page_size = 4096;
-- pos: n, v, a, r, as WordNet has them
CREATE TABLE about (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
-- senses: "number:tags" in WordNet's order, the most frequent first
CREATE TABLE lemma (lemma TEXT, pos TEXT, senses TEXT NOT NULL, PRIMARY KEY (lemma, pos)) WITHOUT ROWID;
-- number: see synset_number; entry: see pack
CREATE TABLE synset (number INTEGER PRIMARY KEY, entry BLOB NOT NULL);
CREATE TABLE irregular (form TEXT, pos TEXT, lemma TEXT, PRIMARY KEY (form, pos, lemma)) WITHOUT ROWID;
"""
LINKS = "+!\\"  # derived form, opposite, what an adverb or adjective pertains to

_WORD = re.compile(r"[a-z][a-z'.-]*")
_PAIR = re.compile(r"[a-z][a-z'.-]* [a-z][a-z'-]*")


def build(folder: Path = WORDNET, target: Path = TARGET) -> str:
    """
    Write the database anew.

    Args:
        folder: Where WordNet's files are.
        target: The file to write; replaced when it is complete.

    Returns:
        sha256 of the file, in hexadecimal: the version of the lexicon.

    Raises:
        SystemExit: The files are missing or are another edition.
    """
    check_edition(folder)
    synsets = read_synsets(folder)
    senses = list(read_senses(folder, synsets))
    kept = choose(synsets, senses)

    new = target.with_suffix(".new")
    new.unlink(missing_ok=True)
    with sqlite3.connect(new, isolation_level=None) as db:
        db.executescript(SCHEMA)
        db.execute("BEGIN")
        entries = sorted((synset_number(id_), entry(synsets[id_], synsets)) for id_ in kept)
        dictionary = frequent_phrases(text for _, text in entries)
        db.executemany("INSERT INTO about VALUES (?, ?)", [("source", "WordNet 3.0"), ("dictionary", dictionary)])
        db.executemany("INSERT INTO lemma VALUES (?, ?, ?)", sorted(lemma_rows(senses, kept)))
        db.executemany("INSERT INTO synset VALUES (?, ?)", ((n, pack(text, dictionary)) for n, text in entries))
        db.executemany("INSERT OR IGNORE INTO irregular VALUES (?, ?, ?)", sorted(irregular_rows(folder)))
        db.execute("COMMIT")
        db.execute("VACUUM")
    db.close()
    new.replace(target)
    return hashlib.sha256(target.read_bytes()).hexdigest()


def check_edition(folder: Path) -> None:
    digest = hashlib.sha256()
    files = sorted(path for pattern in ("data.*", "index.*", "cntlist.*", "*.exc") for path in folder.glob(pattern))
    for file in files:
        digest.update(file.read_bytes())
    if digest.hexdigest() != WORDNET_SHA256:
        what = "holds another edition of WordNet" if files else "holds no WordNet files"
        raise SystemExit(f"{folder} {what}; install Debian's wordnet-base 3.0-37 or name its folder as an argument.")


def choose(synsets: dict[str, Synset], senses: Iterable[Sense]) -> set[str]:
    """
    Ids of the synsets worth their bytes to a learner.

    All that occur in the tagged texts, all that a single lower-case word names, and pairs of words ("ice cream")
    outside of the names of plants and animals; of names of one thing (Paris) only the tagged.
    """
    tagged = {sense.synset for sense in senses if sense.tags}
    return tagged | {synset.id for synset in synsets.values() if _is_vocabulary(synset)}


def lemma_rows(senses: Iterable[Sense], kept: set[str]) -> Iterable[tuple[str, str, str]]:
    rows: dict[tuple[str, str], list[str]] = defaultdict(list)
    for sense in senses:
        if sense.synset in kept:
            rows[sense.lemma, LETTER[sense.pos]].append(f"{synset_number(sense.synset)}:{sense.tags}")
    return ((lemma, pos, " ".join(entries)) for (lemma, pos), entries in rows.items())


def entry(synset: Synset, synsets: dict[str, Synset]) -> str:
    """Six fields with tabs between: domain, definition, then with `|` in them examples, words, hypernyms, links."""
    definition, examples = split_gloss(synset.gloss)
    hypernyms = [synsets[p.target].words[0] for p in synset.pointers if p.symbol in {"@", "@i"}]
    links = sorted({link(p, synsets) for p in synset.pointers if p.symbol in LINKS and p.source_word})
    lists = (examples, synset.words, hypernyms, links)
    return "\t".join((synset.domain, definition, *map("|".join, lists)))


def link(pointer: Pointer, synsets: dict[str, Synset]) -> str:
    """`0+n:decision`: from the first word of the synset, a derived form, the noun decision."""
    target = synsets[pointer.target]
    other = target.words[pointer.target_word - 1].lower()
    return f"{pointer.source_word - 1}{pointer.symbol}{LETTER[target.pos]}:{other}"


def frequent_phrases(texts: Iterable[str]) -> bytes:
    """A dictionary for zlib, without which rows this short would hardly shrink; the best phrases come last."""
    saved: Counter[str] = Counter()
    for text in texts:
        words = text.replace("\t", " ").split(" ")
        for length in (2, 3):
            for i in range(len(words) - length + 1):
                phrase = " ".join(words[i : i + length])
                saved[phrase] += len(phrase) - 3
    best = sorted(saved, key=lambda phrase: (-saved[phrase], phrase))[:2500]
    return " ".join(reversed(best)).encode()[-32_000:]


def irregular_rows(folder: Path) -> Iterable[tuple[str, str, str]]:
    return ((form, LETTER[pos], lemma) for form, pos, lemma in read_exceptions(folder))


def _is_vocabulary(synset: Synset) -> bool:
    if any(pointer.symbol == "@i" for pointer in synset.pointers):
        return False
    if any(_WORD.fullmatch(word) for word in synset.words):
        return True
    is_species = synset.domain in {"noun.plant", "noun.animal"}
    return not is_species and any(_PAIR.fullmatch(word) for word in synset.words)


if __name__ == "__main__":
    sha256 = build(*map(Path, sys.argv[1:2]))
    print(f"{TARGET.name}: {TARGET.stat().st_size / 1e6:.1f} MB, sha256 {sha256}")
