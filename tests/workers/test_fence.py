"""The fence rule: an old owner overwrites nothing newer, whoever writes in whatever order."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from workers.job_types import WordFilter
from workers.tables.rows import WordRow
from workers.words import contents, database, images, records, selection
from workers.words.contents import NewContent
from workers.words.images import NewImage


def said(value: str) -> list[NewContent]:
    return [NewContent("definition", value, "ok", "offline", provenance={"source": "WordNet 3.0"})]


def rows_of(word_id: str) -> list[tuple[int, int, bool]]:
    return [(stored.version, stored.fence, stored.is_current) for stored in contents.versions(word_id)]


@pytest.mark.parametrize("order", list(permutations([11, 22, 33])))
def test_the_highest_fence_is_current_in_whatever_order_owners_write(add_words, order):
    """
    Three claims write the same field in every order: the newest claim's text is current, the others stay as versions.
    """
    word = add_words("cat")["cat"]
    for fence in order:
        contents.put(word.id, said(f"by {fence}"), fence=fence, job_id="job-1")
    assert contents.current(word.id)["definition"].value == "by 33"
    assert sorted(fence for _, fence, _ in rows_of(word.id)) == [11, 22, 33]
    assert sum(current for _, _, current in rows_of(word.id)) == 1


def test_an_old_owner_that_wakes_up_leaves_a_version_and_is_told(add_words):
    """
    A write behind a newer one answers that it is not current.
    """
    word = add_words("cat")["cat"]
    assert contents.put(word.id, said("new"), fence=9, job_id="job-2")[0].is_current
    late = contents.put(word.id, said("old"), fence=5, job_id="job-1")[0]
    assert (late.is_current, late.version) == (False, 2)
    assert contents.current(word.id)["definition"].value == "new"


def test_a_repeat_of_the_same_claim_writes_nothing(add_words):
    """
    The same job and fence again leave one row, current or not.
    """
    word = add_words("cat")["cat"]
    first = contents.put(word.id, said("one"), fence=9, job_id="job-1")[0]
    again = contents.put(word.id, said("two"), fence=9, job_id="job-1")[0]
    assert not first.repeated
    assert again.repeated
    assert again.is_current
    assert [stored.value for stored in contents.versions(word.id)] == ["one"]


def test_a_persons_edit_stays_when_an_owner_from_before_it_writes(add_words):
    """
    A claim older than the edit does not become current; a claim after it does, and the edit stays as a version.
    """
    word = add_words("cat")["cat"]
    contents.put(word.id, said("first"), fence=10, job_id="job-1")
    edited = contents.edit(word.id, "definition", "mine", edited_by="kim")
    contents.put(word.id, said("late"), fence=11, job_id="job-1")
    assert edited.is_current
    assert contents.current(word.id)["definition"].value == "mine"
    contents.put(word.id, said("regenerated"), fence=contents.current(word.id)["definition"].fence + 1, job_id="job-2")
    assert contents.current(word.id)["definition"].value == "regenerated"
    assert "mine" in [stored.value for stored in contents.versions(word.id)]


def test_a_person_wins_over_a_fence_from_a_clock_ahead(add_words):
    """
    The edit takes a fence above what the person saw, although this machine's clock is behind the server's.
    """
    word = add_words("cat")["cat"]
    contents.put(word.id, said("ahead"), fence=2**60, job_id="job-1")
    assert contents.edit(word.id, "definition", "mine", edited_by="kim").is_current


steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(1, 6), st.sampled_from(["job-1", "job-2"])),
        st.tuples(st.just("edit"), st.just(0), st.just("")),
        st.tuples(st.just("image"), st.integers(1, 6), st.sampled_from(["job-1", "job-2"])),
    ),
    max_size=12,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=steps)
def test_any_history_of_writes_leaves_one_current_version_with_the_highest_fence(add_words, steps):
    """
    Jobs, repeats and people in any order: one current row for each thing, and no row of that thing has a higher fence.
    """
    word = add_words(f"word-{records.count()}")
    record = next(iter(word.values()))
    for step, fence, job_id in steps:
        if step == "put":
            contents.put(record.id, said("x"), fence=fence, job_id=job_id)
        elif step == "edit":
            contents.edit(record.id, "definition", "mine", edited_by="kim")
        else:
            picture = NewImage("cartoon", "64x64", f"images/{fence}.webp", "minimal", "offline")
            images.put(record.id, picture, fence=fence, job_id=job_id)
    stored = contents.versions(record.id)
    assert sum(version.is_current for version in stored) == (1 if stored else 0)
    if stored:
        assert contents.current(record.id)["definition"].fence == max(version.fence for version in stored)
    written = {(fence, job) for step, fence, job in steps if step == "image"}
    picture = images.find(record.id)
    assert (picture.fence if picture else None) == (max(fence for fence, _ in written) if written else None)


def test_the_database_itself_refuses_a_second_current_row(add_words):
    """
    The partial unique index holds even against code that forgot the rule.
    """
    word = add_words("cat")["cat"]
    contents.put(word.id, said("one"), fence=1, job_id="job-1")
    contents.put(word.id, said("two"), fence=2, job_id="job-1")
    with pytest.raises(IntegrityError), database.writing() as connection:
        connection.execute(text("UPDATE contents SET is_current = 1"))


def test_an_import_from_before_an_edit_leaves_the_edit(add_words):
    """
    A row of an old claim does not overwrite what a person wrote since; one of a newer claim does.
    """
    made = add_words("cat")
    edited = records.edit(made["cat"].id, {"meaning": "고양이"}, edited_by="kim")
    row = WordRow(2, "cat", "야옹이", "noun", "A1")
    (late,) = records.import_rows([row], fence=edited.fence - 1, job_id="import-1")
    assert late.change == "superseded"
    assert records.get(made["cat"].id).meaning == "고양이"
    (newer,) = records.import_rows([row], fence=edited.fence + 1, job_id="import-2")
    assert newer.change == "updated"
    assert records.get(made["cat"].id).meaning == "야옹이"


@pytest.mark.parametrize("order", list(permutations([2, 5, 9])))
def test_the_first_of_several_rows_with_one_word_counts_in_any_order(db, order):
    """
    Rows 2, 5 and 9 of a file have the same word: whatever order the chunks run in, the word says what row 2 says.
    """
    for fence, number in enumerate(order, start=1):
        row = WordRow(number, "cat", f"row {number}", "noun", "A1")
        records.import_rows([row], fence=fence, job_id="import-1")
    (record,) = selection.search(WordFilter()).items
    assert (record.meaning, record.source_row, record.job_change) == ("row 2", 2, "created")
