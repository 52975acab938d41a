"""Many patterns over one text, in time that grows with the text alone: RE2 says in one pass which of them occur."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from re2 import _Regexp

Compiled: TypeAlias = "_Regexp"

_SET_BYTES = 64 * 1024 * 1024  # for the automaton of all patterns together

Span = tuple[int, int]


class PatternSet:
    """Patterns that are looked for together, in Latin-1 or in UTF-8."""

    def __init__(self, patterns: Sequence[str], encoding: Literal["latin-1", "utf-8"] = "latin-1") -> None:
        import re2

        options = _options(encoding)
        self._patterns = [re2.compile(pattern.encode(encoding), options) for pattern in patterns]
        self._set = re2.Set.SearchSet(options)
        for pattern in patterns:
            self._set.Add(pattern.encode(encoding))
        if patterns:
            self._set.Compile()

    def occurring(self, data: bytes) -> list[tuple[int, Compiled]]:
        """Which patterns occur, by their place in the sequence, in its order."""
        if not self._patterns:
            return []
        return [(index, self._patterns[index]) for index in sorted(self._set.Match(data) or ())]


def spans(pattern: Compiled, data: bytes, accept: Callable[[Span], Span | None]) -> Iterator[Span]:
    """Places that match and are accepted, as they are accepted; the first group counts where there is one.

    After what was not accepted the search goes on one byte further: something that is may begin within it.
    """
    group, at = min(1, pattern.groups), 0
    while (match := pattern.search(data, at)) is not None:
        start, end = match.span(group)
        found = accept((start, end))
        if found is not None:
            yield found
        at = max(found[1] if found else start + 1, at + 1)


def _options(encoding: str) -> Any:
    import re2

    options = re2.Options()
    if encoding == "latin-1":
        options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = _SET_BYTES
    options.log_errors = False
    return options
