"""What a row of a word list must hold: the columns by their many names, and the cleaning of the cells."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: The columns of a word list, each with the headers that people give it, as `_plain` writes them.
_HEADER_NAMES = {
    "word": "word words headword term english vocabulary 단어 영단어 영어 어휘 표제어",
    "meaning": "meaning meanings gloss translation korean ko 뜻 의미 해석 한국어 우리말",
    "pos": "pos partofspeech wordclass 품사",
    "level": "level cefr cefrlevel difficulty 난이도 레벨 등급 수준 단계",
}
HEADERS = {column: frozenset(names.split()) for column, names in _HEADER_NAMES.items()}
SHOWN = {"word": "word", "meaning": "meaning", "pos": "part of speech", "level": "level"}
MOST_CHARACTERS = {"word": 200, "meaning": 2000, "pos": 40, "level": 40}

_POS_NAMES = {
    "noun": "n 명사",
    "verb": "v vb 동사",
    "adjective": "a adj 형용사",
    "adverb": "adv 부사",
    "preposition": "prep 전치사",
    "conjunction": "conj 접속사",
    "pronoun": "pron 대명사",
    "determiner": "det 한정사",
    "interjection": "int interj 감탄사",
}
PARTS_OF_SPEECH = {name: pos for pos, names in _POS_NAMES.items() for name in names.split()}

GUARDED = ("=", "+", "-", "@", "\t", "\r")
_ENDS = " \t\r\n\v\f\u00a0\u3000\u200b\u200c\u200d\ufeff"
_IN_BRACKETS = re.compile(r"\([^)]*\)|\[[^\]]*\]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class WordRow:
    """A clean row. `number` is its place in the file as a spreadsheet counts it: the header is row 1."""

    number: int
    word: str
    meaning: str
    pos: str
    level: str


class BadRow(Exception):
    """A row that cannot become a word; `code` is lower_snake, the message a sentence with the row's number."""

    def __init__(self, code: str, number: int, problem: str) -> None:
        super().__init__(f"Row {number}: {problem}")
        self.code = code
        self.message = str(self)


class BadHeader(Exception):
    """The first row does not name the columns; `missing` says which, `doubled` which it names twice."""

    def __init__(self, missing: Sequence[str], doubled: Sequence[str], seen: Sequence[str]) -> None:
        self.missing, self.doubled = tuple(missing), tuple(doubled)
        problems = []
        if missing:
            one = len(missing) == 1
            problems.append(f"the column{'' if one else 's'} {_listed(missing)} {'is' if one else 'are'} missing")
        if doubled:
            problems.append(f"more than one column is {_listed(doubled)}")
        first = ", ".join(f"“{header[:40]}”" for header in seen[:12]) or "nothing"
        super().__init__(
            f"The file cannot be imported: {'; '.join(problems)}. The first row must name the columns word, meaning, "
            f"part of speech and level, separated by commas (단어, 뜻, 품사, 난이도); it says {first}."
        )


def find_columns(header: Sequence[str]) -> dict[str, int]:
    """Position of each column by its name here. Raises BadHeader."""
    plain = [_plain(cell) for cell in header]
    found = {name: [at for at, cell in enumerate(plain) if cell in names] for name, names in HEADERS.items()}
    missing = [name for name, places in found.items() if not places]
    doubled = [name for name, places in found.items() if len(places) > 1]
    if missing or doubled:
        raise BadHeader(missing, doubled, header)
    return {name: places[0] for name, places in found.items()}


def clean_row(number: int, cells: Mapping[str, str]) -> WordRow:
    """
    A row as it goes into the database: NFC, no blanks at the ends, one name per part of speech.

    Raises:
        BadRow: A needed cell is empty, a cell is too long, or was not UTF-8 in the file.
    """
    texts = {}
    for name, most in MOST_CHARACTERS.items():
        text = cells.get(name, "")
        # What is not UTF-8 arrives as lone surrogates, see `parts.read_table`.
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise BadRow("bad_encoding", number, f"the {SHOWN[name]} is not UTF-8; save the file as “CSV UTF-8”.")
        text = clean_cell(text)
        if len(text) > most:
            raise BadRow(
                f"{name}_too_long", number, f"the {SHOWN[name]} has {len(text)} characters; {most} are allowed."
            )
        if not text and name in {"word", "meaning"}:
            raise BadRow(f"missing_{name}", number, f"the {SHOWN[name]} is empty.")
        texts[name] = text
    pos = texts["pos"].casefold()
    level = texts["level"].upper() if len(texts["level"]) == 2 else texts["level"]
    pos = PARTS_OF_SPEECH.get(pos.rstrip("."), pos)
    return WordRow(number, texts["word"], texts["meaning"], pos, level)


def clean_cell(text: str) -> str:
    text = _CONTROL.sub("", unicodedata.normalize("NFC", text)).strip(_ENDS)
    return text[1:] if text.startswith("'") and text[1:].startswith(GUARDED) else text


def guard_cell(text: str) -> str:
    """The cell as a spreadsheet takes it for text: what it would read as a formula gets an apostrophe."""
    return f"'{text}" if text.startswith(GUARDED) else text


def _plain(header: str) -> str:
    """ "Part_of Speech (품사)" -> "partofspeech" """
    outside_brackets = _IN_BRACKETS.sub("", unicodedata.normalize("NFKC", header).casefold())
    return "".join(character for character in outside_brackets if character.isalnum())


def _listed(names: Sequence[str]) -> str:
    shown = [SHOWN[name] for name in names]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
