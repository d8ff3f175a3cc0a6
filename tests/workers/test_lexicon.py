"""The lexicon: what it is built from, how words are found in it, which meaning is chosen."""

from __future__ import annotations

import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from workers.lexicon import build
from workers.lexicon.lexicon import DERIVED, LEXICON, OPPOSITE, Lexicon, LexiconMissing, default_lexicon, normal_pos
from workers.lexicon.packing import pack, synset_id, synset_number, unpack
from workers.lexicon.senses import choose_sense
from workers.lexicon.wordnet import split_gloss


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return default_lexicon()


def test_the_committed_file_is_small_and_has_its_licence_beside_it():
    """
    The database stays under 12 MB, and the notice that WordNet asks for lies next to it.
    """
    assert LEXICON.stat().st_size < 12_000_000
    assert "Princeton University" in LEXICON.with_name("NOTICE").read_text(encoding="utf-8")


def test_the_version_is_the_hash_of_the_file(lexicon, tmp_path):
    """
    A lexicon that differs in one byte has another version.
    """
    copy = tmp_path / "other.sqlite"
    shutil.copy(LEXICON, copy)
    with copy.open("ab") as file:
        file.write(b"\0")
    assert len(lexicon.version) == 64
    assert Lexicon(copy).version != lexicon.version


def test_nothing_can_be_written(lexicon):
    """
    The connection is read-only, whatever the rights of the file are.
    """
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        lexicon._db.execute("DELETE FROM lemma")


def test_a_read_only_disk_is_enough(tmp_path):
    """
    No journal or lock file is made beside the database.
    """
    copy = tmp_path / "lexicon.sqlite"
    shutil.copy(LEXICON, copy)
    assert Lexicon(copy).senses("dog", "noun")
    assert [path.name for path in tmp_path.iterdir()] == ["lexicon.sqlite"]


@pytest.mark.parametrize("content", [None, b"", b"no database at all, but long enough to be read as one" * 50])
def test_a_missing_or_broken_file_says_how_to_get_one(tmp_path, content):
    """
    The error names the file and the command that builds it.
    """
    path = tmp_path / "lexicon.sqlite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LexiconMissing, match="make lexicon"):
        Lexicon(path)


def test_threads_share_one_lexicon(lexicon):
    """
    Look-ups from many threads at once find what one thread finds.
    """
    words = ["dog", "apple", "teacher", "city", "water", "music", "hand", "night"] * 20
    alone = [lexicon.senses(word, "noun")[0].id for word in words]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda word: lexicon.senses(word, "noun")[0].id, words))
    assert together == alone


def test_a_sense_carries_what_wordnet_knows(lexicon):
    """
    Synset, definition, example, synonyms, broader meaning, domain and links are all there.
    """
    sense = lexicon.senses("decide", "verb")[0]
    assert sense.id == "00697607-v"
    assert sense.definition == "reach, make, or come to a decision about something"
    assert "We finally decided after lengthy deliberations" in sense.examples
    assert "determine" in sense.words
    assert sense.domain == "verb.cognition"
    assert ("decision", "noun") in sense.linked("decide", DERIVED)
    assert lexicon.senses("rainbow", "noun")[0].hypernyms == ("bow",)
    assert ("unhappy", "adjective") in lexicon.senses("happy", "adjective")[0].linked("happy", OPPOSITE)


@pytest.mark.parametrize(
    ("text", "word", "pos"),
    [
        ("She taught him French", "teach", "verb"),
        ("two cities were destroyed", "city", "noun"),
        ("he stopped at the corner", "stop", "verb"),
        ("the happiest person alive", "happy", "adjective"),
        ("he lost his credit cards", "credit card", "noun"),
        ("she gave up smoking", "give up", "verb"),
        ("the dog's tail", "dog", "noun"),
        ("Stop!", "stop", "verb"),
    ],
)
def test_inflected_forms_are_recognised(lexicon, text, word, pos):
    """
    Plurals, tenses, comparison and forms of compounds count as the word.
    """
    assert lexicon.has_form(text, word, pos)


@pytest.mark.parametrize(
    ("text", "word", "pos"),
    [
        ("the category of verbs", "cat", "noun"),
        ("a busy street", "bus", "noun"),
        ("", "cat", "noun"),
        ("give it up", "give up", "verb"),
    ],
)
def test_letters_inside_another_word_are_no_form(lexicon, text, word, pos):
    """
    Only whole words count.
    """
    assert not lexicon.has_form(text, word, pos)


def test_the_part_of_speech_decides_the_meaning(lexicon):
    """
    The verb bear is no animal.
    """
    verb, noun = choose_sense(lexicon, "bear", "verb"), choose_sense(lexicon, "bear", "noun")
    assert verb is not None
    assert noun is not None
    assert verb.sense.domain.startswith("verb.")
    assert noun.sense.domain == "noun.animal"


def test_a_second_meaning_as_frequent_makes_the_choice_ambiguous(lexicon):
    """
    A choice that may be wrong says so, one that can hardly be wrong does not.
    """
    assert choose_sense(lexicon, "headache", "noun").ambiguous
    assert not choose_sense(lexicon, "umbrella", "noun").ambiguous
    assert not choose_sense(lexicon, "airport", "noun").ambiguous


@pytest.mark.parametrize("word", ["prick", "gook", "bitch"])
def test_no_offensive_meaning_is_chosen(lexicon, word):
    """
    A slur or an obscene sense gives way to another meaning, or to none.
    """
    choice = choose_sense(lexicon, word, "noun")
    assert choice is None or not any(mark in choice.sense.definition for mark in ("slur", "obscene", "insulting"))


def test_a_preposition_is_not_looked_up_as_a_noun(lexicon):
    """
    WordNet has no prepositions; `at` must not become the chemical element.
    """
    assert choose_sense(lexicon, "at", "preposition") is None
    assert choose_sense(lexicon, "zzxqv", "noun") is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Noun", "noun"), (" adj. ", "adjective"), ("부사", "adverb"), ("preposition", None), ("", None), (None, None)],
)
def test_names_of_parts_of_speech(name, expected):
    """
    The usual names in English and Korean are understood, all others are none of the four.
    """
    assert normal_pos(name) == expected


@pytest.mark.parametrize(
    ("gloss", "definition", "examples"),
    [
        (
            'a semicolon (in brackets; like this) ends nothing and this one does; not shown; "an example"',
            "a semicolon (in brackets; like this) ends nothing and this one does",
            ["an example"],
        ),
        ("small brush; has long handle; used to clean teeth", "small brush; has long handle; used to clean teeth", []),
        ('feel remorse; "I regret it"; "he; too"', "feel remorse", ["I regret it", "he; too"]),
    ],
)
def test_a_gloss_is_split_into_definition_and_examples(gloss, definition, examples):
    """
    The definition ends at the first semicolon that leaves it telling; quotes are examples.
    """
    assert split_gloss(gloss) == (definition, examples)


def test_what_is_packed_is_unpacked():
    """
    Synset ids and texts survive the way they are stored.
    """
    assert synset_id(synset_number("02228049-v")) == "02228049-v"
    assert unpack(pack("무지개 rainbow", b"a rainbow"), b"a rainbow") == "무지개 rainbow"


def test_another_edition_is_refused(tmp_path):
    """
    A folder without WordNet 3.0 ends the build with a sentence that says what to install.
    """
    with pytest.raises(SystemExit, match="wordnet-base"):
        build.build(tmp_path, tmp_path / "out.sqlite")
    assert not (tmp_path / "out.sqlite").exists()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not build.WORDNET.is_dir(), reason="needs Debian's wordnet-base")
def test_the_build_repeats_itself(tmp_path: Path):
    """
    Two builds of the same files are the same bytes.
    """
    assert build.build(target=tmp_path / "a.sqlite") == build.build(target=tmp_path / "b.sqlite")
