"""How a synset is stored in the lexicon: under a number, in compressed text."""

from __future__ import annotations

import zlib

#: WordNet's letter of a part of speech.
LETTER = {"noun": "n", "verb": "v", "adjective": "a", "adverb": "r"}
POS = {letter: pos for pos, letter in LETTER.items()}

_DIGITS = {"n": 1, "v": 2, "a": 3, "r": 4}
_LETTERS = {digit: letter for letter, digit in _DIGITS.items()}
_POS_BASE = 100_000_000


def synset_number(id_: str) -> int:
    """`02228049-v` -> 202228049: WordNet's digit of the part of speech, then the offset."""
    offset, _, letter = id_.partition("-")
    return _DIGITS[letter] * _POS_BASE + int(offset)


def synset_id(number: int) -> str:
    """The inverse of `synset_number`."""
    digit, offset = divmod(number, _POS_BASE)
    return f"{offset:08d}-{_LETTERS[digit]}"


def pack(text: str, dictionary: bytes) -> bytes:
    """Compress one short text with a dictionary of frequent phrases."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zdict=dictionary)
    return packer.compress(text.encode()) + packer.flush()


def unpack(blob: bytes, dictionary: bytes) -> str:
    """The inverse of `pack`."""
    return zlib.decompressobj(-15, zdict=dictionary).decompress(blob).decode()
