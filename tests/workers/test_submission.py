"""What is refused where a job is submitted, and what only warns."""

from __future__ import annotations

import io

import pytest
from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from vocaqueue import InvalidParams, NoItems, NotSupported
from workers import submission, uploads
from workers.job_types import BatchImport, ContentGeneration, Export, ImageGeneration

HEADER = "word,meaning,pos,level\n"


@pytest.mark.parametrize("both", [{}, {"word_ids": ["a"], "filter": {}}])
def test_words_are_named_by_ids_or_by_a_filter(db, both):
    """
    Neither and both are refused, with what to give.
    """
    with pytest.raises(InvalidParams, match="give wordIds or filter") as refused:
        submission.prepare_contents(ContentGeneration(**both))
    assert refused.value.details[0].field == "wordIds"


def test_nothing_selected_is_no_job(add_words):
    """
    An empty list of ids and a filter that fits no word are both `no_items`.
    """
    add_words("cat")
    for params in (ContentGeneration(word_ids=[]), ContentGeneration(filter={"level": "C2"})):
        with pytest.raises(NoItems):
            submission.prepare_contents(params)
    with pytest.raises(NoItems, match="nothing to export"):
        submission.prepare_export(Export(filter={"q": "zzz"}))


def test_a_filter_becomes_ids_once_in_the_order_of_the_words(add_words):
    """
    The ids are those of the moment of submission; the filter stays in the parameters for the reader.
    """
    made = add_words("dog", "cat") | add_words("run", level="B1")
    prepared = submission.prepare_contents(ContentGeneration(filter={"level": ["A1"]}))
    assert prepared.params.word_ids == (made["cat"].id, made["dog"].id)
    assert prepared.params.filter.level == ("A1",)
    assert prepared.warnings == ()


def test_ids_that_are_there_twice_are_done_once_with_a_warning(db):
    """
    The order stays, and the warning counts what was taken out.
    """
    prepared = submission.prepare_contents(ContentGeneration(word_ids=["b", "a", "b", "c", "a"]))
    assert prepared.params.word_ids == ("b", "a", "c")
    assert [(warning["code"], warning["count"]) for warning in prepared.warnings] == [("duplicate_ids", 2)]


def test_a_million_ids_are_taken_and_one_more_is_not(db):
    """
    The limit of one job is said in the refusal.
    """
    ids = [f"word-{number}" for number in range(1_000_000)]
    assert len(submission.prepare_contents(ContentGeneration(word_ids=ids)).params.word_ids) == 1_000_000
    with pytest.raises(ValidationError, match="1000000"):
        ContentGeneration(word_ids=[*ids, "one more"])


def test_a_style_that_the_provider_lacks_is_replaced_with_a_warning_or_refused_when_strict(db):
    """
    All of the guide's styles are accepted; only `minimal` is drawn as asked.
    """
    asked = ImageGeneration(word_ids=["a"], style="anime")
    (warning,) = submission.prepare_images(asked).warnings
    assert (warning["code"], warning["style"], warning["styleApplied"]) == ("style_not_supported", "anime", "minimal")
    assert "anime" in warning["message"]
    assert submission.prepare_images(ImageGeneration(word_ids=["a"], style="minimal")).warnings == ()
    with pytest.raises(InvalidParams, match="minimal") as refused:
        submission.prepare_images(ImageGeneration(word_ids=["a"], style="anime", strict_style=True))
    assert refused.value.details[0].code == "style_not_supported"
    with pytest.raises(ValidationError, match="watercolor"):
        ImageGeneration(word_ids=["a"], style="cubist")


@pytest.mark.parametrize("size", ["512", "0x512", "63x64", "2049x64", "512x512x512", "512 x 512", "-64x64", "٦٤x٦٤"])
def test_a_size_that_is_none_is_refused_with_an_example(size):
    """
    Sizes are two sides of 64 to 2048 pixels.
    """
    with pytest.raises(ValidationError, match="512x512"):
        ImageGeneration(word_ids=["a"], size=size)


def test_a_size_that_the_provider_does_not_draw_is_refused(db):
    """
    The smallest side of the contract is below what a card can be read at.
    """
    with pytest.raises(InvalidParams, match="128 to 2048") as refused:
        submission.prepare_images(ImageGeneration(word_ids=["a"], size="64x512"))
    assert refused.value.details[0].field == "size"


@pytest.mark.parametrize(
    ("key", "prepare", "params"),
    [
        ("ANTHROPIC_API_KEY", submission.prepare_contents, ContentGeneration(word_ids=["a"])),
        ("OPENAI_API_KEY", submission.prepare_images, ImageGeneration(word_ids=["a"])),
    ],
)
def test_with_the_key_of_a_paid_provider_the_job_is_refused(db, monkeypatch, key, prepare, params):
    """
    Nobody is left to believe that the words went to the provider whose key is set.
    """
    monkeypatch.setenv(key, "secret")
    with pytest.raises(NotSupported, match=f"{key} is set") as refused:
        prepare(params)
    assert "secret" not in str(refused.value)


@pytest.fixture
def prepare(files):
    def hand_in(data: bytes | str, name: str = "words.csv", **options):
        data = data.encode() if isinstance(data, str) else data
        upload = uploads.save(files, io.BytesIO(data), name)
        return submission.prepare_import(BatchImport(upload_id=upload.id, **options))

    return hand_in


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("word,meaning\n", "columns part of speech and level are missing"),
        ("headword,pos,CEFR,notes\n", "column meaning is missing"),
        ("a,b\n", "columns word, meaning, part of speech and level are missing"),
        ("word;meaning;pos;level\n", "separated by commas"),
        ("word,단어,뜻,품사,레벨\n", "more than one column is word"),
    ],
)
def test_a_csv_without_the_needed_columns_is_refused_by_their_names(prepare, header, says):
    """
    One sentence names what is missing and what the first row says instead.
    """
    with pytest.raises(InvalidParams, match=says) as refused:
        prepare(header + "x,y,z,w\n")
    assert {detail.code for detail in refused.value.details} <= {"missing_column", "double_column"}
    assert {detail.field for detail in refused.value.details} == {"uploadId"}


def test_a_word_list_is_accepted_under_english_and_korean_headers(prepare):
    """
    Several names of each column are known, with a byte order mark, quotes and capital letters too.
    """
    for header in ("word,meaning,part of speech,level", "단어,뜻,품사,난이도", '\ufeff"Word",Korean,POS,CEFR Level'):
        assert prepare(header + "\ncat,고양이,noun,A1\n").warnings == ()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"PK\x03\x04rest", "Excel or ZIP"),
        ((HEADER + "단어,뜻,n,A1\n").encode("cp949"), "another encoding"),
        ((HEADER + "cat,x,n,A1\n").encode("utf-16"), "another encoding"),
    ],
)
def test_what_is_no_utf_8_csv_is_not_supported_yet(prepare, data, says):
    """
    The sentence says what the file is and how to save it.
    """
    with pytest.raises(NotSupported, match=says):
        prepare(data)


@pytest.mark.parametrize(
    "option",
    [
        {"sheet": "Sheet1"}, {"encoding": "cp949"}, {"delimiter": ";"}, {"header_row": 2}, {"mapping": {"a": "word"}},
        {"mode": "insert"}, {"empty_cells": "clear"}, {"all_or_nothing": True},
    ],
)  # fmt: skip
def test_options_of_a_later_version_are_named_and_refused(prepare, option):
    """
    An option that would be ignored is refused instead, by its name in JSON.
    """
    (name,) = option
    with pytest.raises(NotSupported, match=f"leave “{to_camel(name)}” out"):
        prepare(HEADER + "cat,고양이,noun,A1\n", **option)


def test_options_that_say_what_holds_anyway_are_fine(prepare):
    """
    UTF-8, a comma, the first row and upsert may be said.
    """
    options = {"encoding": "UTF-8", "delimiter": ",", "header_row": 1, "mode": "upsert", "empty_cells": "keep"}
    prepare(HEADER + "cat,고양이,noun,A1\n", **options)


def test_files_without_rows_and_uploads_that_are_not_there(prepare, files):
    """
    An empty file, a header alone and an unknown upload are refused, each in its way.
    """
    for data in ("", "\n\n", HEADER):
        with pytest.raises(NoItems):
            prepare(data)
    with pytest.raises(InvalidParams, match="Upload the file again") as refused:
        submission.prepare_import(BatchImport(upload_id="nobody"))
    assert refused.value.details[0].code == "upload_not_found"
    with pytest.raises(ValidationError):
        BatchImport(upload_id="../../etc")


def test_a_letter_cut_by_the_end_of_what_is_read_is_no_fault(prepare):
    """
    Three-byte letters lie across the border of the first megabyte.
    """
    for shift in range(3):
        prepare(HEADER + "x" * shift + "cat,고양이,noun,A1\n" + "글,글,noun,A1\n" * 80_000)


@pytest.mark.parametrize("params", [Export(format="xlsx"), Export(format="jsonl"), Export(encoding="cp949")])
def test_other_formats_are_not_supported_yet(add_words, params):
    """
    Formats of a later version are refused with what to ask for instead.
    """
    add_words("cat")
    with pytest.raises(NotSupported, match=r"csv|utf-8-sig"):
        submission.prepare_export(params)


def test_columns_that_nobody_knows_are_named():
    """
    The refusal lists what there is.
    """
    with pytest.raises(ValidationError, match=r"colour; choose from id, word"):
        Export(columns=["word", "colour"])
    with pytest.raises(ValidationError, match="once"):
        Export(columns=["word", "word"])
