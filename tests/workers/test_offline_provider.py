"""What the offline provider says of a word, and how much of the sample list it covers."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from workers.lexicon.lexicon import default_lexicon
from workers.providers.offline import taste
from workers.providers.offline.cards import render_card
from workers.providers.offline.model import CAPABILITIES, Field, WordData
from workers.providers.offline.sentences import is_fit, is_sentence
from workers.providers.offline.text import OfflineText

SAMPLE = Path(__file__).parents[2] / "workers" / "sample"


def sample() -> list[WordData]:
    with (SAMPLE / "words.csv").open(encoding="utf-8", newline="") as file:
        return [WordData(row["word"], row["meaning"], row["pos"], row["level"]) for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def text() -> OfflineText:
    return OfflineText()


def fields(text: OfflineText, word: str, pos: str | None) -> dict[str, Field]:
    made = text.content(WordData(word, pos=pos), definition=True, mnemonic=True, examples=True, etymology=True)
    return {field.name: field for field in made}


def hooks(text: OfflineText, word: str, pos: str) -> dict[str, dict]:
    return {hook["kind"]: hook for hook in fields(text, word, pos)["mnemonic"].value or []}


def test_the_sample_is_covered(text, capsys):
    """
    Of the sample words 95 % get a definition, 60 % a sentence with the word, 25 % a mnemonic, all of them a card.
    """
    words, found = sample(), Counter()
    for word in words:
        made = {field.name: field for field in text.content(word)}
        sentences = [one["text"] for one in made["examples"].value or [] if one["kind"] == "sentence"]
        found["definition"] += made["definition"].value is not None
        found["sentence"] += any(default_lexicon().has_form(sentence, word.word, word.pos) for sentence in sentences)
        found["mnemonic"] += made["mnemonic"].value is not None
        found["card"] += bool(render_card(word, size=(256, 256), domain=text.domain(word)).data)
    share = {name: 100 * count / len(words) for name, count in found.items()}
    with capsys.disabled():
        print(f"\n{len(words)} sample words:", ", ".join(f"{name} {value:.1f} %" for name, value in share.items()))
    assert share["definition"] >= 95
    assert share["sentence"] >= 60
    assert share["mnemonic"] >= 25
    assert share["card"] == 100


def test_the_sample_is_spread_and_licensed():
    """
    300 to 500 words of all levels and parts of speech, none twice, each with a gloss, with licence and credits.
    """
    words = sample()
    assert 300 <= len(words) <= 500
    assert {word.level for word in words} == {"A1", "A2", "B1", "B2", "C1", "C2"}
    assert {"noun", "verb", "adjective", "adverb"} <= {word.pos for word in words}
    assert len({(word.word, word.pos) for word in words}) == len(words)
    assert all(word.meaning for word in words)
    assert taste.NO_HOOK.isdisjoint(word.word for word in words if word.word != "wound")
    assert "Attribution-ShareAlike 4.0" in (SAMPLE / "LICENSE").read_text(encoding="utf-8")
    assert "Tono" in (SAMPLE / "CREDITS.md").read_text(encoding="utf-8")


def test_every_empty_field_has_a_reason_and_every_full_one_a_source(text):
    """
    No field is empty without a reason, and nothing comes without saying whose data it is.
    """
    for word in sample():
        for field in text.content(word, etymology=True):
            assert (field.value is None) == (field.status == "unavailable")
            assert (field.reason is None) == (field.status == "ok")
            assert field.value is None or field.source
            assert field.provenance["provider"] == "offline"
            assert field.provenance["ai"] is False
            assert field.provenance["generatedBy"] in {"lookup", "rule"}
            assert field.provenance["lexicon"] == default_lexicon().version


def test_no_example_is_made_up(text):
    """
    Every example is a quote of WordNet, word for word.
    """
    for word in sample():
        for example in fields(text, word.word, word.pos)["examples"].value or []:
            senses = default_lexicon().senses(word.word, word.pos)
            assert any(example["text"] in sense.examples for sense in senses if sense.id == example["sense"])


@pytest.mark.parametrize(
    ("word", "pos", "name", "reason"),
    [
        ("zzxqv", "noun", "definition", "not_in_lexicon"),
        ("zzxqv", "noun", "examples", "not_in_lexicon"),
        ("without", "preposition", "definition", "not_in_lexicon"),
        ("bicycle", "noun", "examples", "no_example_in_lexicon"),
        ("zzxqv", "noun", "mnemonic", "no_mnemonic_found"),
        ("decide", "verb", "etymology", "no_source_for_etymology"),
        ("headache", "noun", "definition", "sense_ambiguous"),
        ("cruel", "adjective", "examples", "only_phrases"),
        ("rainbow", "noun", "examples", "example_of_other_sense"),
        ("wop", "noun", "definition", "only_offensive_senses"),
    ],
)
def test_reasons(text, word, pos, name, reason):
    """
    What is missing or doubtful says why, in a code.
    """
    assert fields(text, word, pos)[name].reason == reason


def test_only_what_was_asked_for_is_made(text):
    """
    Each kind of content can be left out.
    """
    made = text.content(WordData("decide", pos="verb"), definition=False, mnemonic=True, examples=False)
    assert [field.name for field in made] == ["mnemonic"]


def test_the_same_word_gets_the_same_content(text):
    """
    A second provider answers exactly as the first did.
    """
    words = sample()[::10]
    assert [text.content(word) for word in words] == [OfflineText().content(word) for word in words]


def test_sentences_come_before_phrases(text):
    """
    A fragment is labelled and stands behind every whole sentence.
    """
    for word in sample():
        kinds = [example["kind"] for example in fields(text, word.word, word.pos)["examples"].value or []]
        assert kinds == sorted(kinds, key=["sentence", "phrase"].index)
        assert len(kinds) <= 3


@pytest.mark.parametrize(
    ("quote", "whole"),
    [
        ("We finally decided after lengthy deliberations", True),
        ("the dog barked all night", True),
        ("he's a tiger on the tennis court", True),
        ("Close the door", True),
        ("mitigating circumstances", False),
        ("a bone cracked by the dog", False),
        ("the happiest person alive", False),
        ("anxious to see the new show at the museum", False),
    ],
)
def test_what_is_a_sentence(quote, whole):
    """
    A sentence has a finite verb.
    """
    assert is_sentence(quote, default_lexicon()) is whole


def test_unfit_quotes_are_left_out(text):
    """
    Quotes about sex, drugs or killing are not shown; other quotes of the same word are.
    """
    shown = [example["text"] for example in fields(text, "sell", "verb")["examples"].value]
    assert shown == ["He sold his house in January"]
    assert not is_fit("they killed all the prisoners")


@pytest.mark.parametrize(
    ("word", "pos", "parts"),
    [
        ("unnecessary", "adjective", ("un-", "necessary")),
        ("dislike", "verb", ("dis-", "like")),
        ("teacher", "noun", ("teach", "-er")),
        ("dangerous", "adjective", ("danger", "-ous")),
        ("carefully", "adverb", ("careful", "-ly")),
        ("government", "noun", ("govern", "-ment")),
        ("rainbow", "noun", ("rain", "bow")),
        ("toothbrush", "noun", ("tooth", "brush")),
        ("submarine", "noun", ("sub-", "marine")),
    ],
)
def test_word_parts(text, word, pos, parts):
    """
    Prefixes, suffixes and compounds that WordNet or the table proves are named with their source.
    """
    hook = hooks(text, word, pos)["word_parts"]
    assert tuple(hook["parts"]) == parts
    assert hook["source"]


@pytest.mark.parametrize(
    ("word", "pos"),
    [
        ("butter", "noun"), ("liver", "noun"), ("carpet", "noun"), ("season", "noun"), ("corner", "noun"),
        ("uncle", "noun"), ("discuss", "verb"), ("under", "adverb"), ("number", "noun"), ("passion", "noun"),
        ("animal", "noun"), ("capable", "adjective"), ("reply", "verb"), ("family", "noun"), ("father", "noun"),
    ],
)  # fmt: skip
def test_no_parts_are_invented(text, word, pos):
    """
    What only looks like a prefix, a suffix or a compound is not taken for one.
    """
    assert "word_parts" not in hooks(text, word, pos)


def test_a_hidden_word_is_called_a_trick_of_spelling(text):
    """
    The hidden word is marked in the word and never called its origin.
    """
    hook = hooks(text, "prejudice", "noun")["hidden_word"]
    assert "preju·DICE" in hook["text"]
    assert "어원 아님" in hook["text"]


def test_hidden_words_are_decent_and_no_stems(text):
    """
    Over all sample words no hidden word is grim, or the stem or half of the word it stands in.
    """
    for word in sample():
        found = hooks(text, word.word, word.pos)
        if hook := found.get("hidden_word"):
            inner = hook["parts"][0]
            assert inner not in taste.NO_HOOK
            assert not word.word.startswith(inner)
            assert "word_parts" not in found
    for word, pos in [("class", "noun"), ("title", "noun"), ("document", "noun"), ("skill", "noun"), ("shell", "noun")]:
        assert "hidden_word" not in hooks(text, word, pos)


def test_relatives_are_other_words_of_the_same_stem(text):
    """
    The word family leaves out plain inflections and what the word's parts show already.
    """
    assert hooks(text, "decide", "verb")["word_family"]["parts"] == ["decision", "decisive"]
    assert "word_family" not in hooks(text, "dancer", "noun")
    for word in sample():
        found = hooks(text, word.word, word.pos)
        relatives = found.get("word_family", {"parts": []})["parts"]
        assert word.word not in relatives
        assert set(relatives).isdisjoint(found.get("word_parts", {"parts": []})["parts"])


def test_capabilities_promise_what_the_provider_keeps():
    """
    No network, no AI, no cost, one style.
    """
    assert CAPABILITIES["styles"] == ["minimal"]
    assert (CAPABILITIES["needsNetwork"], CAPABILITIES["ai"], CAPABILITIES["costUsd"]) == (False, False, 0)
