"""Texts and pictures by the offline provider, written into a real database."""

from __future__ import annotations

import io

import pytest
from PIL import Image as Picture

from vocaqueue.outcome import Kind
from workers.job_types import ContentGeneration, ImageGeneration
from workers.words import contents, images, records


@pytest.fixture
def words(add_words):
    return add_words("abandon", pos="verb", meaning="버리다", level="B1") | add_words("apple", meaning="사과")


def ids(words) -> list[str]:
    return [record.id for record in words.values()]


def test_texts_are_written_with_where_they_come_from(words, start):
    """
    A definition, and mnemonic and examples or the reason why not, each with provider and provenance; the result counts.
    """
    run = start(ContentGeneration(word_ids=ids(words)))
    result = run.all()
    assert run.count(Kind.DONE) == 2
    found = contents.current(words["abandon"].id)
    assert set(found) == {"definition", "examples", "mnemonic"}
    assert found["definition"].value
    assert (found["definition"].provider, found["definition"].provenance["source"]) == ("offline", "WordNet 3.0")
    assert found["definition"].provenance["ai"] is False
    assert all(content.reason for content in found.values() if content.status != "ok")
    assert sum(result["fields"]["definition"].values()) == 2


def test_only_what_the_options_ask_for_is_made_beside_the_definition(words, start):
    """
    Etymology has no source yet and says so; what was not asked for has no row.
    """
    options = {"generateMnemonic": False, "generateExamples": False, "generateEtymology": True}
    run = start(ContentGeneration(word_ids=ids(words), options=options))
    result = run.all()
    found = contents.current(words["apple"].id)
    assert set(found) == {"definition", "etymology"}
    assert (found["etymology"].status, found["etymology"].reason) == ("unavailable", "no_source_for_etymology")
    assert result["reasons"]["no_source_for_etymology"] == 2
    assert run.count(Kind.DONE) == 2


def test_a_second_run_skips_all_and_regenerate_does_not(words, start):
    """
    Nothing is written by the second run; regenerate writes second versions and keeps the first.
    """
    start(ContentGeneration(word_ids=ids(words))).all()
    again = start(ContentGeneration(word_ids=ids(words)))
    result = again.all()
    assert again.codes == ["unchanged", "unchanged"]
    assert result == {"fields": {}, "reasons": {}}
    start(ContentGeneration(word_ids=ids(words), regenerate=True)).all()
    stored = contents.versions(words["apple"].id, "definition")
    assert [(version.version, version.is_current) for version in stored] == [(2, True), (1, False)]


def test_only_the_missing_field_is_made_for_a_word_that_has_the_others(words, start):
    """
    What a person wrote stays untouched by a run without regenerate, and the other fields are made.
    """
    apple = words["apple"].id
    contents.edit(apple, "definition", "my own", edited_by="kim")
    run = start(ContentGeneration(word_ids=[apple]))
    run.all()
    assert run.count(Kind.DONE) == 1
    found = contents.current(apple)
    assert found["definition"].value == "my own"
    assert {"examples", "mnemonic"} <= set(found)
    assert len(contents.versions(apple, "definition")) == 1


def test_a_word_that_the_lexicon_does_not_have_fails_with_the_reasons(add_words, start):
    """
    An item of which every field is unavailable is a final failure, tried again in its job too; the reasons are kept.
    A second job, which would learn nothing new, skips it.
    """
    made = add_words("zzxqv")
    run = start(ContentGeneration(word_ids=ids(made))).plan()
    for _ in range(2):
        (outcome,) = run.settle([0])
        assert (outcome.kind, outcome.code, outcome.retryable) == (Kind.FAILED, "no_content", False)
        assert "not_in_lexicon" in outcome.message
    assert [version.version for version in contents.versions(made["zzxqv"].id, "definition")] == [1]
    assert contents.current(made["zzxqv"].id)["definition"].reason == "not_in_lexicon"
    second = start(ContentGeneration(word_ids=ids(made)))
    second.all()
    assert second.codes == ["unchanged"]


@pytest.mark.parametrize("params", [ContentGeneration, ImageGeneration])
def test_an_id_nobody_knows_fails_and_the_others_are_done(words, start, params):
    """
    `word_not_found` is final and names the id.
    """
    run = start(params(word_ids=["nobody", *ids(words)]))
    run.all()
    assert (run.codes[0], run.outcomes[0].retryable) == ("word_not_found", False)
    assert "nobody" in run.outcomes[0].message
    assert run.count(Kind.DONE) == 2


@pytest.mark.parametrize("regenerate", [False, True])
@pytest.mark.parametrize("params", [ContentGeneration, ImageGeneration])
def test_an_item_called_again_after_a_kill_is_done_and_made_once(words, start, params, regenerate):
    """
    The worker wrote and died before the ledger heard: the next one answers done, and there is no second version.
    """
    run = start(params(word_ids=ids(words), regenerate=regenerate)).plan()
    run.work([0, 1])
    run.settle([0, 1])
    run.work([0, 1])
    assert run.count(Kind.DONE) == 2
    for word_id in ids(words):
        assert all(version.version == 1 for version in contents.versions(word_id))
        assert params is ContentGeneration or images.find(word_id).version == 1


def test_what_a_person_wrote_meanwhile_stays_and_the_item_says_so(words, start):
    """
    A claim from before the edit regenerates: its text is kept as a version, and the item is skipped as `newer_exists`.
    """
    apple = words["apple"].id
    options = {"generateMnemonic": False, "generateExamples": False}
    run = start(ContentGeneration(word_ids=[apple], options=options, regenerate=True)).plan()
    contents.edit(apple, "definition", "mine", edited_by="kim")
    assert run.settle([0])[0].code == "newer_exists"
    assert contents.current(apple)["definition"].value == "mine"
    assert len(contents.versions(apple, "definition")) == 2


def test_a_card_is_drawn_stored_and_found_under_the_style_asked_for(words, start, files):
    """
    The file is a WebP of the size asked for; the record says which style was really drawn.
    """
    run = start(ImageGeneration(word_ids=ids(words), style="anime", size="320x256"))
    result = run.all()
    picture = images.find(words["apple"].id, "anime", "320x256")
    assert (picture.style, picture.style_applied, picture.provider) == ("anime", "minimal", "offline")
    assert picture.file.startswith(f"images/{words['apple'].id}/anime-320x256-")
    with files.open(picture.file) as stream:
        card = Picture.open(io.BytesIO(stream.read()))
    assert (card.format, card.size) == ("WEBP", (320, 256))
    assert result == {"images": 2, "stylesApplied": {"minimal": 2}}
    assert images.find(words["apple"].id, "cartoon") is None
    assert images.find(words["apple"].id).file == picture.file


def test_pictures_are_drawn_once_until_regenerated_or_lost(words, start, files):
    """
    A second run skips; a picture whose file is gone is drawn again, and so is one that regenerate asks for.
    """
    start(ImageGeneration(word_ids=ids(words))).all()
    again = start(ImageGeneration(word_ids=ids(words)))
    again.all()
    assert again.codes == ["unchanged", "unchanged"]
    files.remove(images.find(words["apple"].id).file)
    healed = start(ImageGeneration(word_ids=ids(words)))
    healed.all()
    assert sorted(healed.codes) == ["", "unchanged"]
    assert files.exists(images.find(words["apple"].id).file)
    regenerated = start(ImageGeneration(word_ids=ids(words), regenerate=True))
    regenerated.all()
    assert regenerated.count(Kind.DONE) == 2
    assert images.find(words["apple"].id).job_id == regenerated.job_id


def test_a_meaning_that_the_font_cannot_draw_fails_that_word_only(words, start):
    """
    Better no card than empty boxes: the item fails with the provider's code and sentence.
    """
    records.edit(words["apple"].id, {"meaning": "\U000131b0"}, edited_by="kim")
    run = start(ImageGeneration(word_ids=ids(words)))
    run.all()
    assert sorted(run.codes) == ["", "text_not_drawable"]
