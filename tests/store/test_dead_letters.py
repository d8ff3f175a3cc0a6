"""The list of messages that were set aside."""

from __future__ import annotations

from vocaqueue.store import dead_letters
from vocaqueue.store.dead_letters import DeadLetters


def _add(letters: DeadLetters, name: str, raw: bytes = b"x") -> None:
    letters.add(name, queue="toy", reason="not_json", message="It is not JSON.", raw=raw, worker="w@h", patience_s=1)


def test_a_repeated_entry_counts_once(ledger) -> None:
    """The same id again, after a lost reply, changes nothing."""
    letters = DeadLetters(ledger)
    for _ in range(3):
        _add(letters, "one")
    page = letters.page()
    assert (page.total, [letter.id for letter in page.items]) == (1, ["one"])


def test_the_newest_come_first_and_the_oldest_go(ledger, monkeypatch) -> None:
    """Pages are newest first; above the cap the oldest are forgotten, and nothing else is kept of them."""
    monkeypatch.setattr(dead_letters, "KEPT", 5)
    letters = DeadLetters(ledger)
    for n in range(8):
        _add(letters, f"l{n}")
    assert [letter.id for letter in letters.page(1, 3).items] == ["l7", "l6", "l5"]
    second = letters.page(2, 3)
    assert ([letter.id for letter in second.items], second.total, second.total_pages) == (["l4", "l3"], 5, 2)
    assert letters.page(3, 3).items == []
    assert ledger.client.hlen(ledger.keys("dead_letter")) == 5


def test_only_the_beginning_of_a_message_is_kept(ledger) -> None:
    """Whatever its bytes are, an excerpt is text and bounded, and the size of the whole is told."""
    letters = DeadLetters(ledger)
    _add(letters, "huge", b"\xff\x00" + b"a" * 1_000_000)
    (letter,) = letters.page().items
    assert letter.size_bytes == 1_000_002
    assert letter.raw.startswith("\\xff\x00a")
    assert len(letter.raw) < 1100
