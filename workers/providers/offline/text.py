"""Text content without a network: looked up in WordNet or computed, never composed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ...lexicon.lexicon import LICENCE, SOURCE, Lexicon, default_lexicon, normal_pos
from ...lexicon.senses import Choice, choose_sense
from .mnemonics import mnemonics
from .model import Field, GeneratedBy, WordData, provenance
from .sentences import examples
from .taste import UNFIT


class OfflineText:
    """Definition, examples and memory aids for one word at a time; may be shared between threads."""

    def __init__(self, lexicon: Lexicon | None = None) -> None:
        """
        Args:
            lexicon: Where to look up; None: the one that ships with the project.

        Raises:
            LexiconMissing: Its file is not there.
        """
        self._lexicon = lexicon or default_lexicon()

    def content(
        self,
        word: WordData,
        *,
        definition: bool = True,
        mnemonic: bool = True,
        examples: bool = True,
        etymology: bool = False,
    ) -> list[Field]:
        """
        The fields asked for, in the order of the arguments; one that has nothing says why.

        Args:
            word: The row; its part of speech decides which meanings are considered.
            definition: The value is a text.
            mnemonic: The value is a list of {kind, text, parts, source}, at most one of each kind.
            examples: The value is a list of {text, kind, sense, same_sense}, at most three, sentences first.
            etymology: Always unavailable for now.
        """
        choice = choose_sense(self._lexicon, word.word, word.pos)
        fields = []
        if definition:
            fields.append(self._definition(word, choice))
        if mnemonic:
            fields.append(self._mnemonic(word, choice))
        if examples:
            fields.append(self._examples(word, choice))
        if etymology:
            fields.append(self._unavailable("etymology", "no_source_for_etymology", "lookup", choice))
        return fields

    def domain(self, word: WordData) -> str | None:
        """WordNet's lexicographer file of the meaning chosen (`noun.animal`): what a card is coloured by."""
        choice = choose_sense(self._lexicon, word.word, word.pos)
        return choice.sense.domain if choice else None

    def _definition(self, word: WordData, choice: Choice | None) -> Field:
        if choice is None:
            return self._unavailable("definition", self._why_no_sense(word), "lookup", choice)
        reason = "sense_ambiguous" if choice.ambiguous else None
        synonyms = [word for word in choice.sense.words if word.lower() not in UNFIT]
        related = {"synonyms": synonyms, "hypernyms": list(choice.sense.hypernyms)}
        return Field(
            "definition", choice.sense.definition, "partial" if reason else "ok", reason, source=SOURCE,
            provenance=self._provenance("lookup", choice) | related,
        )  # fmt: skip

    def _examples(self, word: WordData, choice: Choice | None) -> Field:
        if choice is None:
            return self._unavailable("examples", self._why_no_sense(word), "lookup", choice)
        found = examples(self._lexicon, word.word, choice)
        if not found:
            return self._unavailable("examples", "no_example_in_lexicon", "lookup", choice)
        reason = None
        if not found[0].same_sense:
            reason = "example_of_other_sense"
        elif found[0].kind == "phrase":
            reason = "only_phrases"
        return Field(
            "examples", [asdict(example) for example in found], "partial" if reason else "ok", reason,
            kind=found[0].kind, source=SOURCE, provenance=self._provenance("lookup", choice),
        )  # fmt: skip

    def _mnemonic(self, word: WordData, choice: Choice | None) -> Field:
        found = mnemonics(self._lexicon, word.word, choice)
        if not found:
            return self._unavailable("mnemonic", "no_mnemonic_found", "rule", choice)
        value = [{**asdict(one), "parts": list(one.parts)} for one in found]
        return Field(
            "mnemonic", value, "ok", kind=found[0].kind, source=found[0].source,
            provenance=self._provenance("rule", choice) | {"source": found[0].source},
        )  # fmt: skip

    def _why_no_sense(self, word: WordData) -> str:
        pos = normal_pos(word.pos)
        rude = pos and self._lexicon.senses(word.word, pos)
        return "only_offensive_senses" if rude else "not_in_lexicon"

    def _unavailable(self, name: str, reason: str, by: GeneratedBy, choice: Choice | None) -> Field:
        return Field(name, None, "unavailable", reason, provenance=self._provenance(by, choice))

    def _provenance(self, by: GeneratedBy, choice: Choice | None) -> dict[str, Any]:
        sense: dict[str, Any] = {}
        if choice:
            sense = {"sense": choice.sense.id, "senseAmbiguous": choice.ambiguous, "domain": choice.sense.domain}
        return provenance(by, source=SOURCE, licence=LICENCE, lexicon=self._lexicon.version, **sense)
