"""Attacks on a prompt, by what they say in any of their readings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stack.apis.safety import Finding
from stack.apis.shields import ShieldTraits
from stack.providers.inline.prompt_guard.readings import Reading, readings
from stack.providers.inline.prompt_guard.rules import LONGEST, RULES
from stack.providers.inline.text_shield.patterns import PatternSet, Span, spans
from stack.providers.inline.text_shield.scanning import Budget, bounded

_PIECE = 32_768
_REACH = 2_000  # beyond a piece, for what is encoded
_ATOMS = re.compile(r"\\.|\[(?:\\.|[^\]])*\]| ")
_BETWEEN = r"[\s_.,:*/\\-]{0,4}"


class RuleDetector:
    """The rules of categories, of at least a score."""

    def __init__(self, categories: frozenset[str], threshold: float) -> None:
        self._rules = [rule for rule in RULES if rule.category in categories and rule.score >= threshold]
        self._patterns = PatternSet([_flexible(rule.pattern) for rule in self._rules], "utf-8")
        self.traits = ShieldTraits(window_chars=LONGEST)

    def findings(self, text: str) -> Iterator[Finding]:
        return bounded(self._in_pieces(text, Budget()), LONGEST)

    def _in_pieces(self, text: str, budget: Budget) -> Iterator[Finding]:
        for begin in range(0, len(text), _PIECE):
            first = max(0, begin - _REACH)
            view = text[first : begin + _PIECE + _REACH]
            taken: list[Span] = []
            for reading in readings(view):
                budget.spend()
                for name, category, score, (start, end) in self._read(reading, budget):
                    # What is encoded may be longer than a piece, and go on from the one before.
                    goes_on = start == 0 < first and end + first > begin
                    inside = begin <= start + first < begin + _PIECE or goes_on
                    if inside and not any(low < end and start < high for low, high in taken):
                        taken.append((start, end))
                        yield Finding(
                            f"prompt_attack/{category}", score, 0, start + first, end + first, provider_code=name
                        )

    def _read(self, reading: Reading, budget: Budget) -> Iterator[tuple[str, str, float, Span]]:
        """What one reading says, with the characters that say it; the name tells the disguise too."""
        encoded = reading.text.encode(errors="replace")

        def accept(span: Span) -> Span:
            budget.spend()
            return span

        for index, pattern in self._patterns.occurring(encoded):
            rule = self._rules[index]
            name = rule.name if reading.name == "plain" else f"{rule.name}:{reading.name}"
            for start, end in spans(pattern, encoded, accept):
                place = reading.place(len(encoded[:start].decode()), len(encoded[:end].decode()))
                yield name, rule.category, rule.score, place


def _flexible(pattern: str) -> str:
    """Words may touch, or have other signs between them than a blank; classes of characters stay as they are."""
    return _ATOMS.sub(lambda atom: _BETWEEN if atom[0] == " " else atom[0], pattern)
