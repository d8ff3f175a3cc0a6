"""Import: good rows, bad rows, repeats, kills, big files."""

from __future__ import annotations

import io
import multiprocessing
import random
import time
import tracemalloc

import pytest

from vocaqueue import JobFatal
from vocaqueue.outcome import Kind
from workers import uploads
from workers.job_types import BatchImport, WordFilter
from workers.tables import parts
from workers.tables.rows import clean_cell, guard_cell
from workers.words import records, selection

HEADER = "word,meaning,part of speech,level\n"


@pytest.fixture
def upload(files):
    """Hand in a file and answer the parameters that import it."""

    def hand_in(text: str | bytes, name: str = "words.csv") -> BatchImport:
        data = text.encode() if isinstance(text, str) else text
        return BatchImport(upload_id=uploads.save(files, io.BytesIO(data), name).id)

    return hand_in


def words() -> dict[str, tuple[str, str, str]]:
    found = selection.search(WordFilter(), limit=100).items
    return {record.word: (record.meaning, record.pos, record.level) for record in found}


def test_a_word_list_becomes_words(upload, start):
    """
    Quotes, commas and line ends inside cells, blanks around them and short names of parts of speech are all read.
    """
    run = start(
        upload('\ufeff단어,뜻,품사,난이도\r\n abandon ,"버리다, 포기하다",v.,b1\r\n\r\nable,"할 수\n있는",형용사,\r\n')
    )
    result = run.all()
    assert words() == {"abandon": ("버리다, 포기하다", "verb", "B1"), "able": ("할 수\n있는", "adjective", "")}
    assert result == {"file": "words.csv", "rows": 2, "created": 2, "updated": 0, "unchanged": 0, "failed": 0}


def test_columns_may_come_in_any_order_beside_others(upload, start):
    """
    Only the header says where a column is; columns that nobody asked for are left out.
    """
    start(upload("notes,CEFR,Meaning (Korean),Headword,Part_of_Speech\nhi,A1,고양이,cat,noun\n")).all()
    assert words() == {"cat": ("고양이", "noun", "A1")}


def test_bad_rows_fail_one_by_one_with_their_number(upload, start):
    """
    Each bad row has a code and a sentence that names the row as a spreadsheet counts it; the others are imported.
    """
    lines = [
        "cat,고양이,noun,A1",  # row 2
        ",이름 없음,noun,A1",
        "dog,,noun,A1",
        "",
        "bird,새, 날개,noun,A1",  # row 6: a comma without quotes
        "x" * 201 + ",긴,noun,A1",
        "cat,야옹이,noun,A1",
    ]
    text = (
        HEADER + "\n".join(lines) + "\n"
    ).encode() + b"caf\xe9,\xff,noun,A1\nfish,\xeb\xac\xbc\xea\xb3\xa0\xea\xb8\xb0\n"
    run = start(upload(text), prepare=False)
    result = run.all(chunk=3)
    failed = [outcome for _, outcome in sorted(run.outcomes.items()) if outcome.kind is Kind.FAILED]
    assert [(outcome.code, outcome.message.split(":")[0]) for outcome in failed] == [
        ("missing_word", "Row 3"),
        ("missing_meaning", "Row 4"),
        ("too_many_cells", "Row 6"),
        ("word_too_long", "Row 7"),
        ("duplicate_row", "Row 8"),
        ("bad_encoding", "Row 9"),
    ]
    assert not any(outcome.retryable for outcome in failed)
    assert words() == {"cat": ("고양이", "noun", "A1"), "fish": ("물고기", "", "")}
    assert (result["rows"], result["created"], result["failed"]) == (8, 2, 6)


def test_the_same_list_again_changes_nothing(upload, start):
    """
    Every row of a second import is skipped as unchanged, and no word is written anew.
    """
    text = HEADER + "".join(f"word{n},뜻 {n},noun,A1\n" for n in range(50))
    start(upload(text)).all()
    before = records.get_many(selection.ids(WordFilter()))
    again = start(upload(text))
    result = again.all()
    assert again.codes == ["unchanged"] * 50
    assert (result["created"], result["unchanged"]) == (0, 50)
    after = records.get_many(selection.ids(WordFilter()))
    assert {i: r.updated_at_ms for i, r in after.items()} == {i: r.updated_at_ms for i, r in before.items()}


def test_a_newer_list_updates_and_an_empty_level_takes_nothing_away(upload, start):
    """
    A known word gets the new meaning under its old id; an empty cell leaves the level that is there.
    """
    start(upload(HEADER + "cat,고양이,noun,A1\n")).all()
    (before,) = selection.search(WordFilter()).items
    result = start(upload(HEADER + "cat,야옹이,noun,\n")).all()
    (after,) = selection.search(WordFilter()).items
    assert (after.id, after.meaning, after.level) == (before.id, "야옹이", "A1")
    assert result["updated"] == 1


@pytest.mark.parametrize("seed", range(5))
def test_an_import_killed_at_any_chunk_and_repeated_ends_the_same(upload, start, seed):
    """
    Chunks of random sizes in random order, many done two or three times under new fences and one late under its old
    one: every row is one word, and the answers of the last try count created words as created.
    """
    chance = random.Random(seed)
    run = start(upload(HEADER + "".join(f"word{n},뜻 {n},noun,A1\n" for n in range(2300)))).plan()
    run.plan()  # the planner was killed as well
    indexes = list(range(run.total))
    chunks = []
    while indexes:
        size = chance.randint(1, 400)
        chunks.append((indexes[:size], 1 + len(chunks)))
        indexes = indexes[size:]
    chance.shuffle(chunks)
    for chunk, fence in chunks:
        for _ in range(chance.randint(0, 2)):
            run.work(chunk[: chance.randint(1, len(chunk))])
        run.settle(chunk)
        if chance.random() < 0.3:
            run.work(chunk, fence)  # an old owner wakes up
    result = run.finish()
    assert records.count() == 2300
    assert run.count(Kind.DONE) == 2300
    assert (result["created"], result["updated"], result["unchanged"]) == (2300, 0, 0)
    assert run.finish() == result


def _import_all(run) -> None:
    for start_at in range(0, run.total, 500):
        run.work(list(range(start_at, min(start_at + 500, run.total))))


def test_an_import_killed_by_the_system_leaves_whole_chunks_and_can_go_on(upload, start):
    """
    A process killed with SIGKILL in the middle of writing, three times: whole chunks are there or not, and the next
    worker completes them.
    """
    run = start(upload(HEADER + "".join(f"word{n},뜻 {n},noun,A1\n" for n in range(20_000)))).plan()
    for delay_s in (0.15, 0.3, 0.45):
        child = multiprocessing.get_context("fork").Process(target=_import_all, args=(run,))
        child.start()
        time.sleep(delay_s)
        child.kill()
        child.join()
        assert records.count() % 500 == 0
    _import_all(run)
    assert run.finish()["created"] == records.count() == 20_000


def test_parts_go_when_all_rows_are_in_and_stay_while_some_can_be_tried_again(upload, start, files):
    """
    After a clean import no working file is left; with a failed row they stay, until a cleanup takes them.
    """
    clean = start(upload(HEADER + "cat,고양이,noun,A1\n"))
    clean.all()
    assert not files.path(clean.source["parts"]).exists()
    faulty = start(upload(HEADER + "cat,,noun,A1\ndog,개,noun,A1\n"))
    faulty.all()
    assert faulty.work([0])[0].code == "missing_meaning"
    files.remove(faulty.source["parts"])
    with pytest.raises(JobFatal, match="submit it again"):
        faulty.work([0])


def test_an_upload_that_is_gone_or_breaks_later_ends_the_job_with_a_sentence(upload, start, files):
    """
    The plan says that the upload is gone, that the columns are missing, or from which row on the file is no CSV.
    """
    gone = upload(HEADER + "cat,고양이,noun,A1\n")
    run = start(gone)
    files.remove(f"uploads/{gone.upload_id}")
    with pytest.raises(JobFatal, match="Upload the file again") as fatal:
        run.plan()
    assert fatal.value.code == "upload_not_found"
    with pytest.raises(JobFatal) as fatal:
        start(upload("a,b\n1,2\n"), prepare=False).plan()
    assert fatal.value.code == "missing_columns"
    with pytest.raises(JobFatal, match="After row 2 ") as fatal:
        start(upload(HEADER + 'cat,고양이,noun,A1\ndog,"' + "x\n" * 600_000)).plan()
    assert fatal.value.code == "bad_csv"


def test_planning_a_long_file_takes_little_memory(upload, start):
    """
    100,000 rows are spooled with less than 8 MB at any moment.
    """
    params = upload(HEADER + "".join(f"word{n},뜻 {n},noun,A1\n" for n in range(100_000)))
    run = start(params)
    tracemalloc.start()
    run.plan()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert run.total == 100_000
    assert peak < 8_000_000
    assert [item.id for item in run.handler.load([99_999, 0, 1000], run.context())] == [
        "row-100001",
        "row-2",
        "row-1002",
    ]


def test_a_guarded_cell_comes_back_as_it_was():
    """
    What the export guards against formulas the import takes for the same text.
    """
    for text in ("=1+1", "-가", "+82", "@home", "plain", "'tis", "it's"):
        assert clean_cell(guard_cell(text)) == text


def test_parts_are_read_without_the_others(files):
    """
    Any few entries of a long list come back in the order asked for.
    """
    assert parts.spool(({"n": n} for n in range(2500)), files, "jobs/x/parts") == 2500
    assert parts.pick([2499, 0, 1000], files, "jobs/x/parts") == [{"n": 2499}, {"n": 0}, {"n": 1000}]
    assert files.list("jobs/x/parts") == ["000000.jsonl", "000001.jsonl", "000002.jsonl"]
