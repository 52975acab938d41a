"""Credentials in a text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from stack.apis.safety import Finding
from stack.apis.shields import ShieldTraits
from stack.providers.inline.secrets.rules import LONGEST, Rule
from stack.providers.inline.text_shield.folding import Folded
from stack.providers.inline.text_shield.patterns import PatternSet, Span, spans
from stack.providers.inline.text_shield.scanning import Budget, bounded, scan

_BESIDE = 64  # characters before a secret that may tell what it is
_REACH = 16_384  # beyond a piece of text, so that keys are seen to their end


class SecretDetector:
    """Rules to look by. allow: secrets that are none, such as those of documentation."""

    def __init__(self, rules: Sequence[Rule], threshold: float, allow: Sequence[str]) -> None:
        self._rules = [rule for rule in rules if rule.score >= threshold]
        self._allowed = frozenset(allow)
        self._patterns = PatternSet([rule.pattern for rule in self._rules])
        self.traits = ShieldTraits(window_chars=LONGEST + _BESIDE)

    def findings(self, text: str) -> Iterator[Finding]:
        return bounded(scan(text, _REACH, partial(self._find, Budget())), self.traits.window_chars)

    def _find(self, budget: Budget, view: Folded) -> Iterator[Finding]:
        """Every secret of a piece, the first rule first; nothing is told of characters that were told of before."""
        taken: list[Span] = []
        for index, pattern in self._patterns.occurring(view.data):
            rule = self._rules[index]
            for span in spans(pattern, view.data, partial(self._proved, rule, view, budget)):
                if not any(first < span[1] and span[0] < last for first, last in taken):
                    taken.append(span)
                    yield self._finding(rule, view, span)

    def _proved(self, rule: Rule, view: Folded, budget: Budget, span: Span) -> Span | None:
        budget.spend()
        start, end = span
        written = view.data[start:end].decode("latin-1")
        return span if written not in self._allowed and rule.proof(written) else None

    def _finding(self, rule: Rule, view: Folded, span: Span) -> Finding:
        """A secret, or all of the text: where a long one has no end in sight, more of it may follow unseen."""
        start, end = span
        category, mask = f"secrets/{rule.name}", f"[{rule.name.upper()}]"
        if end == len(view.data) and end - start > self.traits.window_chars:
            return Finding(category, rule.score, replacement=mask)
        return Finding(category, rule.score, start=start, end=end, replacement=mask)
