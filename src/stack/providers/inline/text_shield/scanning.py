"""A text looked through piece by piece, so that no step holds the interpreter for long, and findings cut to size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from stack.apis.safety import Finding
from stack.errors import InvalidRequest
from stack.providers.inline.text_shield.folding import Folded, fold

MAX_FINDINGS = 500  # in one message; with more, all of it is objected to, so that time stays bounded
MAX_CHECKS = 100_000  # of candidates in one text, each up to some 50 us; a text with more is refused
_STEP = 32_768


class Budget:
    """How many candidates of one text may still be checked."""

    def __init__(self) -> None:
        self._left = MAX_CHECKS

    def spend(self) -> None:
        """One check more. Raises: InvalidRequest after MAX_CHECKS."""
        self._left -= 1
        if self._left < 0:
            message = f"a text holds more than {MAX_CHECKS} places that have to be checked one by one: split it"
            raise InvalidRequest(message, param="messages")


def scan(text: str, reach: int, find: Callable[[Folded], Iterable[Finding]]) -> Iterator[Finding]:
    """What `find` finds in a text; nothing that it finds may depend on more than `reach` characters beside it.

    `find` tells places in what it is handed, and no place for all of the text.
    """
    for begin in range(0, len(text), _STEP):
        first = max(0, begin - reach)
        view = fold(text[first : begin + _STEP + reach])
        for found in find(view):
            if found.start is None or found.end is None:
                yield found
                continue
            start, end = view.place(found.start, found.end)
            if begin <= start + first < begin + _STEP:
                yield replace(found, start=start + first, end=end + first)


def bounded(findings: Iterable[Finding], window: int) -> Iterator[Finding]:
    """Findings in pieces no longer than the window; after MAX_FINDINGS, one of the whole text."""
    for count, found in enumerate(findings):
        if count == MAX_FINDINGS:
            yield replace(found, start=None, end=None)
            return
        if found.start is None or found.end is None:
            yield found
            return
        for start in range(found.start, found.end, window):
            yield replace(found, start=start, end=min(found.end, start + window))
