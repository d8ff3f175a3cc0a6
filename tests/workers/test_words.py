"""The words: finding, editing, showing, and the end of older versions."""

from __future__ import annotations

import json

import pytest

from vocaqueue import InvalidParams
from workers.job_types import WordFilter
from workers.words import contents, images, payloads, records, selection, versions
from workers.words.contents import NewContent
from workers.words.fence import WordNotFound
from workers.words.images import NewImage


def said(value: str) -> list[NewContent]:
    return [NewContent("definition", value, "ok", "offline", provenance={"source": "WordNet 3.0"})]


def test_a_word_that_is_not_there_cannot_be_written_to(db):
    """
    Contents, edits and pictures of an unknown id are refused with its name.
    """
    with pytest.raises(WordNotFound, match="nobody"):
        contents.put("nobody", said("x"), fence=1, job_id="job-1")
    with pytest.raises(WordNotFound):
        contents.edit("nobody", "definition", "x", edited_by="kim")
    with pytest.raises(WordNotFound):
        images.put("nobody", NewImage("cartoon", "64x64", "f", "minimal", "offline"), fence=1, job_id="job-1")
    with pytest.raises(WordNotFound):
        records.get("nobody")


def test_a_filter_narrows_by_all_it_says(add_words):
    """
    Text, level, part of speech and what is missing, alone and together; the order is by word.
    """
    made = add_words("cat", "concur", "100%_sure") | add_words("run", pos="verb", level="B1", meaning="달리다")
    contents.put(made["cat"].id, said("x"), fence=1, job_id="job-1")
    nothing = [NewContent("definition", None, "unavailable", "offline", reason="not_in_lexicon")]
    contents.put(made["run"].id, nothing, fence=1, job_id="job-1")
    images.put(made["run"].id, NewImage("cartoon", "64x64", "f", "minimal", "offline"), fence=1, job_id="job-1")

    def found(**filter_) -> list[str]:
        return [record.word for record in selection.search(WordFilter(**filter_)).items]

    assert found() == ["100%_sure", "cat", "concur", "run"]
    assert found(q="C") == ["cat", "concur"]
    assert found(q="%_") == ["100%_sure"]
    assert found(q="달리") == ["run"]
    assert found(level="B1,C1") == ["run"]
    assert found(pos=["noun"], q="cat") == ["cat"]
    assert found(missing="image") == ["100%_sure", "cat", "concur"]
    assert found(missing="content") == ["100%_sure", "concur", "run"]
    assert list(selection.ids(WordFilter(level="B1"))) == [made["run"].id]


def test_pages_of_a_search_cover_everything_once(add_words):
    """
    Pages follow each other without gap or repeat, and each knows the total.
    """
    add_words(*(f"w{number:03d}" for number in range(45)))
    pages = [selection.search(WordFilter(), page=page, limit=20) for page in (1, 2, 3, 4)]
    assert [len(page.items) for page in pages] == [20, 20, 5, 0]
    assert {page.total for page in pages} == {45}
    assert len({record.id for page in pages for record in page.items}) == 45


def test_more_ids_than_one_statement_may_hold(add_words):
    """
    Look-ups by thousands of ids are cut into statements that SQLite takes.
    """
    made = add_words(*(f"w{number:05d}" for number in range(2500)))
    ids = [record.id for record in made.values()]
    assert len(records.get_many([*ids, "nobody"])) == 2500
    assert contents.current_of(ids) == {}
    assert images.current_of(ids) == {}
    assert len(list(selection.ids(WordFilter()))) == 2500


def test_an_edit_of_a_word_checks_what_it_is_given(add_words):
    """
    Unknown fields, empty or long ones and a word that is there twice are refused by name; a good edit is noted.
    """
    made = add_words("cat", "dog")
    edited = records.edit(made["cat"].id, {"meaning": " 고양이 "}, edited_by="kim")
    assert (edited.meaning, edited.edited_by, edited.job_id) == ("고양이", "kim", None)
    assert edited.fence > made["cat"].fence
    for changes, code in [
        ({"meaning": "  "}, "empty"),
        ({"meaning": "x" * 2001}, "too_long"),
        ({"id": "x"}, "unknown_field"),
        ({"level": 3}, "not_text"),
        ({"word": "dog"}, "word_exists"),
    ]:
        with pytest.raises(InvalidParams) as refused:
            records.edit(made["cat"].id, changes, edited_by="kim")
        assert [detail.code for detail in refused.value.details] == [code]


def test_older_versions_are_taken_away_and_the_current_ones_stay(add_words):
    """
    `remove_older` takes what is not current and old enough, of texts and pictures.
    """
    word = add_words("cat")["cat"]
    for fence in range(1, 1204):
        contents.put(word.id, said(str(fence)), fence=fence, job_id="job-1")
    assert versions.remove_older(before_ms=0) == 0
    assert versions.remove_older(before_ms=2**53) == 1202
    assert contents.current(word.id)["definition"].value == "1203"


def test_words_as_the_api_shows_them(add_words):
    """
    A page is the contract's list; a word carries its texts in full, a page only their states; all of it is JSON.
    """
    made = add_words("cat", "dog")
    contents.put(made["cat"].id, said("a small animal"), fence=1, job_id="job-1")
    picture = NewImage("anime", "64x64", "images/x.webp", "minimal", "offline")
    images.put(made["cat"].id, picture, fence=1, job_id="job-1")
    page = payloads.page_of_words(WordFilter(), page=1, limit=1)
    assert {name: page[name] for name in ("page", "limit", "total", "totalPages")} == {
        "page": 1, "limit": 1, "total": 2, "totalPages": 2,
    }  # fmt: skip
    assert page["items"][0]["contents"] == {"definition": "ok"}
    assert page["items"][0]["images"][0]["styleApplied"] == "minimal"
    whole = payloads.whole_word(made["cat"].id)
    assert whole["contents"]["definition"]["value"] == "a small animal"
    assert whole["createdAt"].endswith("Z")
    json.dumps([page, whole])
