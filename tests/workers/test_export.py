"""Export: the file's content and order, formulas, repeats, kills."""

from __future__ import annotations

import csv
import io
import random

import pytest

from workers import uploads
from workers.job_types import BatchImport, Export, WordFilter
from workers.words import contents, database, images, records, selection
from workers.words.contents import NewContent
from workers.words.images import NewImage


def exported(files, run) -> list[dict[str, str]]:
    with files.open(f"jobs/{run.job_id}/words.csv") as stream:
        return list(csv.DictReader(io.TextIOWrapper(stream, encoding="utf-8", newline="")))


def test_words_come_with_what_was_made_for_them(add_words, start, files):
    """
    Texts, lists of texts and the picture stand in their columns, in the order of the words, with the credits apart.
    """
    made = add_words("zebra", "apple", meaning='사과, "하나"')
    provenance = {"source": "WordNet 3.0", "licence": "WordNet"}
    texts = [
        NewContent("definition", "a fruit", "ok", "offline", provenance=provenance),
        NewContent("examples", [{"text": "eat an apple"}, {"text": "two\napples"}], "ok", "offline"),
        NewContent("etymology", None, "unavailable", "offline", reason="no_source_for_etymology"),
    ]
    contents.put(made["apple"].id, texts, fence=1, job_id="job-1")
    picture = NewImage(
        "anime", "64x64", "images/a.webp", "minimal", "offline", {"source": "Pretendard", "licence": "OFL"}
    )
    images.put(made["apple"].id, picture, fence=1, job_id="job-1")
    run = start(Export())
    result = run.all()
    apple, zebra = exported(files, run)
    assert apple == {
        "word": "apple", "meaning": '사과, "하나"', "pos": "noun", "level": "A1", "definition": "a fruit",
        "examples": "eat an apple\ntwo\napples", "mnemonic": "", "etymology": "",
        "image": f"/api/words/{made['apple'].id}/image?style=anime&size=64x64",
    }  # fmt: skip
    assert (zebra["word"], zebra["definition"]) == ("zebra", "")
    assert result == {"file": "words.csv", "rows": 2, "credits": ["Pretendard (OFL)", "WordNet 3.0 (WordNet)"]}
    assert files.list(f"jobs/{run.job_id}") == ["words.csv"]


def test_cells_that_a_spreadsheet_would_run_are_guarded(add_words, start, files):
    """
    A cell that begins with = + - @ gets an apostrophe; any other stays as it is.
    """
    add_words("=1+1", "+82", "-less", "@home", "it's=1")
    run = start(Export(columns=["word"]))
    run.all()
    assert [row["word"] for row in exported(files, run)] == ["'+82", "'-less", "'=1+1", "'@home", "it's=1"]


def test_the_byte_order_mark_comes_when_asked_for(add_words, start, files):
    """
    `utf-8-sig` begins with the mark that Excel looks for, plain utf-8 does not; lines end as RFC 4180 says.
    """
    add_words("고양이")
    found = {}
    for encoding in ("utf-8", "utf-8-sig"):
        run = start(Export(columns=["word"], encoding=encoding))
        run.all()
        with files.open(f"jobs/{run.job_id}/words.csv") as stream:
            found[encoding] = stream.read()
    assert found["utf-8"] == "word\r\n고양이\r\n".encode()
    assert found["utf-8-sig"] == b"\xef\xbb\xbf" + found["utf-8"]


@pytest.mark.parametrize("seed", range(5))
def test_an_export_killed_and_repeated_has_every_word_once_in_order(add_words, start, files, seed):
    """
    Chunks of random sizes in random order, some done twice with other borders: one row per word, in the planned order.
    """
    chance = random.Random(seed)
    made = add_words(*(f"w{number:05d}" for number in range(2200)))
    run = start(Export(columns=["id", "word"])).plan()
    add_words("a-late-word")
    indexes = list(range(run.total))
    chance.shuffle(indexes)
    while indexes:
        size = chance.randint(1, 700)
        some, indexes = indexes[:size], indexes[size:]
        run.work(chance.sample(some, len(some) // 2))
        run.settle(some)
    result = run.finish()
    rows = exported(files, run)
    assert [row["word"] for row in rows] == sorted(made)
    assert [row["id"] for row in rows] == [made[row["word"]].id for row in rows]
    assert result["rows"] == 2200
    assert run.finish() == result  # its end was not noted
    assert exported(files, run) == rows


def test_the_newest_try_of_a_word_counts(add_words, start, files):
    """
    A word edited between two tries of its chunk is exported as the later try saw it, though the older try ends last.
    """
    made = add_words("cat")
    run = start(Export(columns=["meaning"])).plan()
    old = run.context()
    items = run.handler.load([0], old)
    records.edit(made["cat"].id, {"meaning": "고양이"}, edited_by="kim")
    run.settle([0])
    records.edit(made["cat"].id, {"meaning": "야옹이"}, edited_by="kim")
    run.handler.run_chunk(items, old)
    run.finish()
    assert exported(files, run) == [{"meaning": "고양이"}]


def test_a_word_deleted_meanwhile_fails_and_what_failed_can_be_tried_again(add_words, start, files):
    """
    The item is `word_not_found`; the working files stay, so that a retry is joined with the rows that are there.
    """
    made = add_words("cat", "dog", "fox")
    run = start(Export(columns=["word"])).plan()
    with database.writing() as connection:
        connection.execute(records.TABLE.delete().where(records.TABLE.c.word == "dog"))
    run.settle([0, 1])
    assert run.codes == ["", "word_not_found"]
    run.finish()  # after a cancel
    assert [row["word"] for row in exported(files, run)] == ["cat"]
    run.run = 2
    run.settle([1, 2])
    assert run.finish()["rows"] == 2
    assert [row["word"] for row in exported(files, run)] == ["cat", "fox"]
    assert len(made) == 3


def test_an_export_that_was_cancelled_before_it_began_has_no_file(add_words, start, files):
    """
    Without a row there is no file, and the result says so.
    """
    add_words("cat")
    assert start(Export()).finish() == {"file": None, "rows": 0, "credits": []}


def test_what_is_exported_can_be_imported_into_an_empty_database(add_words, start, files):
    """
    The round trip gives equal words, those that begin like a formula too.
    """
    add_words("-가", "=x", 'qu"ote', meaning="뜻, 둘\n셋", level="B2")
    add_words("run", pos="verb")
    run = start(Export())
    run.all()
    before = {(r.word, r.pos, r.meaning, r.level) for r in selection.search(WordFilter()).items}
    with database.writing() as connection:
        connection.execute(records.TABLE.delete())
    with files.open(f"jobs/{run.job_id}/words.csv") as stream:
        upload = uploads.save(files, stream, "words.csv")
    start(BatchImport(upload_id=upload.id)).all()
    assert {(r.word, r.pos, r.meaning, r.level) for r in selection.search(WordFilter()).items} == before
