"""Personal data in a text: patterns first, then check digits, then the words beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from stack.apis.safety import Finding
from stack.apis.shields import ShieldTraits
from stack.providers.inline.pii.entities import CONTEXT_AFTER, CONTEXT_BEFORE, NAMED, Entity
from stack.providers.inline.text_shield.folding import Folded
from stack.providers.inline.text_shield.patterns import Compiled, PatternSet, Span, spans
from stack.providers.inline.text_shield.scanning import Budget, bounded, scan

_NEVER = r"[^\x00-\x{10ffff}]"
_PART_OF_MORE = re.compile(rb"(?:[A-Za-z0-9_+]|[A-Za-z0-9][-./])$")
_GOES_ON = re.compile(rb"[A-Za-z0-9_@]|[-./][0-9]")
_GROUP_BEFORE = re.compile(rb"\d ")  # of a number that is longer than the part that looks like a phone's
_CREDENTIALS = re.compile(rb"://[^\s/@]*$")


class PiiDetector:
    """Entities to look for, and how sure of one to be. allow: texts that pass, in small letters."""

    def __init__(self, entities: Sequence[Entity], threshold: float, allow: Iterable[str]) -> None:
        self._entities = entities
        self._threshold = threshold
        self._allowed = frozenset(allow)
        self._patterns = PatternSet([entity.pattern for entity in entities])
        self._contexts = PatternSet([entity.context or _NEVER for entity in entities], "utf-8")
        self._against = {entity.name: re.compile(entity.against) for entity in entities if entity.against}
        longest = max((entity.longest for entity in entities), default=0)
        self.traits = ShieldTraits(window_chars=longest + CONTEXT_BEFORE)

    def findings(self, text: str) -> Iterator[Finding]:
        window = self.traits.window_chars
        return bounded(scan(text, window, partial(self._find, Budget())), window)

    def _find(self, budget: Budget, view: Folded) -> Iterator[Finding]:
        """What is found in one piece; of several readings of the same characters, the surest."""
        kept: Finding | None = None
        words = dict(self._contexts.occurring(view.text.casefold().encode(errors="replace")))
        found = [
            each
            for index, pattern in self._patterns.occurring(view.data)
            if index in words or self._entities[index].score >= self._threshold
            for each in self._of(_Sought(self._entities[index], pattern, words.get(index)), view, budget)
        ]
        for each in sorted(found, key=_place):
            if kept is None or _place(each)[0] >= _place(kept)[1]:
                if kept is not None:
                    yield kept
                kept = each
            elif _rank(each) > _rank(kept):
                kept = each
        if kept is not None:
            yield kept

    def _of(self, sought: _Sought, view: Folded, budget: Budget) -> Iterator[Finding]:
        """What is found of one entity."""
        name = sought.entity.name
        for start, end in spans(sought.pattern, view.data, lambda span: self._accepted(sought, view, span, budget)):
            score = self._score(sought, view, (start, end))
            yield Finding(f"pii/{name}", score, start=start, end=end, replacement=f"[{name.upper()}]")

    def _accepted(self, sought: _Sought, view: Folded, span: Span, budget: Budget) -> Span | None:
        """As much of a match as counts. Raises: InvalidRequest after MAX_CHECKS."""
        start, end = span
        if _PART_OF_MORE.search(view.data, max(0, start - 2), start):
            return None
        score = self._score(sought, view, span)
        if score < self._threshold or (
            sought.entity.name == "phone" and score < NAMED and _GROUP_BEFORE.match(view.data, max(0, start - 2), start)
        ):
            return None
        if sought.entity.name == "email" and _CREDENTIALS.search(view.data, max(0, start - 100), start):
            return None
        budget.spend()
        end = start + sought.entity.check(view.data[start:end].decode("latin-1"))
        if end == start or _GOES_ON.match(view.data, end):
            return None
        first, last = view.place(start, end)
        return None if view.text[first:last].casefold() in self._allowed else (start, end)

    def _score(self, sought: _Sought, view: Folded, span: Span) -> float:
        against = self._against.get(sought.entity.name)
        if sought.words is None and against is None:
            return sought.entity.score
        before, after = (each.casefold() for each in view.around(*span, CONTEXT_BEFORE, CONTEXT_AFTER))
        if sought.words is not None and any(
            sought.words.search(each.encode(errors="replace")) for each in (before, after)
        ):
            return NAMED
        return sought.entity.score / 2 if against and against.search(before) else sought.entity.score


@dataclass(frozen=True, slots=True)
class _Sought:
    """An entity that may be in a piece of text. words: those that name it, where any of them is there."""

    entity: Entity
    pattern: Compiled
    words: Compiled | None


def _place(found: Finding) -> Span:
    return found.start or 0, found.end or 0


def _rank(found: Finding) -> tuple[float, int]:
    start, end = _place(found)
    return found.score, end - start
