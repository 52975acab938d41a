"""A text cut into overlapping chunks: at paragraphs where possible, else sentences, lines, words, characters.

The text is first cut into small pieces, whose tokens are counted once; chunks are runs of pieces. Time is linear in the
length of the text, whatever it holds: 10 MB take about half a second, so that callers on an event loop use a thread.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate

from stack.apis.chunking import ChunkingStrategy
from stack.services.graphemes import boundary_before, is_boundary
from stack.services.parsing.document import ParsedDocument

Count = Callable[[str], float]
"""Tokens of a text, without a model's marks of begin and end. A text costs no more than its parts do together."""

# How good a place is to cut at; the start of a Markdown heading is the best.
_CHARACTER, _WORD, _LINE, _SENTENCE, _PARAGRAPH, _HEADING = range(6)

# White space belongs to what is before it, but for the indent of a line.
_BORDER = re.compile(r"\n(?:\s*\n)?|[.!?…][\"'”’»)\]]*(?:\s*\n|\s+)|[。！？][」』”’）]*(?:\s*\n|\s*)")
_HEADING_MARK = re.compile(r"#{1,6} ")
_WORD_ENDS = (" ", "\t", ",", ";", "，", "、")

# Pieces hold at most this part of a chunk, so that sizes and overlaps come out as asked.
_PIECES_PER_CHUNK = 16
_CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class TextChunk:
    """`text` is the document's text from character `start` to `end` (exclusive), without white space around it."""

    text: str
    start: int
    end: int
    tokens: int


def estimate_tokens(text: str) -> float:
    """Tokens of no tokenizer in particular: 4 ASCII characters to one; others by their bytes in UTF-8.

    A letter of two bytes is 0.6, one of three (Chinese, Japanese) 1, an emoji 1.4 tokens.
    """
    if text.isascii():
        return len(text) / 4
    extra_bytes = len(text.encode("utf-8", "surrogatepass")) - len(text)
    return len(text) / 4 + extra_bytes * 3 / 8


def chunk(document: ParsedDocument, strategy: ChunkingStrategy, count: Count = estimate_tokens) -> list[TextChunk]:
    """Chunks in the order of the text, which hold every character of it that is not white space.

    A chunk has at most `max_chunk_size_tokens`, and repeats the end of the one before it: between three quarters and
    all of `chunk_overlap_tokens`, or less where no place to cut lies between. No user-perceived character is cut.
    """
    sizes = strategy.sizes
    pieces = _Pieces(document.text, count, max(1.0, sizes.max_chunk_size_tokens / _PIECES_PER_CHUNK))
    runs = pieces.runs(sizes.max_chunk_size_tokens, sizes.chunk_overlap_tokens)
    return [made for first, last in runs if (made := pieces.chunk(first, last))]


@dataclass(slots=True)
class _Pieces:
    """Places where `text` may be cut: `places[k]` in characters, `levels[k]` how good, `totals[k]` tokens before it."""

    text: str
    count: Count
    largest: float
    places: list[int] = field(default_factory=lambda: [0])
    levels: list[int] = field(default_factory=lambda: [_HEADING])
    totals: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        tokens = [0.0]
        for end, level in _borders(self.text):
            self._add(self.places[-1], end, level, tokens)
        self.totals = list(accumulate(tokens))

    def _add(self, start: int, end: int, level: int, tokens: list[float]) -> None:
        """Add a piece, in parts if it is too large."""
        waiting = [(end, level)]
        while waiting:
            end, level = waiting[-1]
            part = self._part(start, end)
            size = 0.0 if part else self.count(self.text[start:end])
            if size > self.largest:
                part = self._inner_place(start, end, int((end - start) * self.largest / size))
            if part:
                waiting.append(part)
                continue
            waiting.pop()
            self.places.append(end)
            self.levels.append(level)
            tokens.append(size)
            start = end

    def _part(self, start: int, end: int) -> tuple[int, int] | None:
        """The first part of a piece that is not even worth counting: counting long rests again and again adds up."""
        longest = int(self.largest * _CHARACTERS_PER_TOKEN)
        return self._inner_place(start, end, longest) if end - start > longest else None

    def _inner_place(self, start: int, end: int, length: int) -> tuple[int, int] | None:
        """Where to end the first part of a piece, of about `length`: after a word, or after some character."""
        stop = min(start + max(1, length), end - 1)
        found = max(self.text.rfind(mark, (start + stop) // 2, stop) for mark in _WORD_ENDS) + 1
        if found > start and is_boundary(self.text, found, start):
            return found, _WORD
        place = boundary_before(self.text, stop, start)
        return (place, _CHARACTER) if place > start else None

    def runs(self, size: int, overlap: int) -> Iterator[tuple[int, int]]:
        """First and last place of each chunk."""
        first, end = 0, len(self.places) - 1
        while first < end:
            last = self._last(first, size, overlap)
            yield first, last
            if last == end:
                return
            first = self._next_first(first, last, overlap)

    def _last(self, first: int, size: int, overlap: int) -> int:
        """The best place among those that fill the chunk, and leave the next one something new."""
        so_far, totals = self.totals[first], self.totals
        limit = max(first + 1, bisect_right(totals, so_far + size) - 1)
        if limit == len(totals) - 1:
            return limit
        least = bisect_left(totals, so_far + max(size / 2, overlap + size / 4), first + 1, limit)
        return max(range(limit, least - 1, -1), key=self.levels.__getitem__)

    def _next_first(self, first: int, last: int, overlap: int) -> int:
        if not overlap:
            return last
        so_far, totals = self.totals[last], self.totals
        earliest = bisect_left(totals, so_far - overlap, first + 1, last)
        latest = bisect_right(totals, so_far - overlap * 3 / 4, earliest, last)
        return max(range(earliest, max(latest, earliest + 1)), key=self.levels.__getitem__)

    def chunk(self, first: int, last: int) -> TextChunk | None:
        """The chunk between two places; None if it holds white space only. The indent of its first line is kept."""
        start = self.places[first]
        held = self.text[start : self.places[last]].rstrip()
        if not held:
            return None
        indent = held[: len(held) - len(held.lstrip())]
        held = held[indent.rfind("\n") + 1 :]
        start += indent.rfind("\n") + 1
        return TextChunk(held, start, start + len(held), math.ceil(self.totals[last] - self.totals[first]))


def _borders(text: str) -> Iterator[tuple[int, int]]:
    """Where paragraphs, lines and sentences end, white space after them included, and how good a place that is."""
    place = 0
    for match in _BORDER.finditer(text):
        if is_boundary(text, match.end(), place):
            place = match.end()
            yield place, _level(text, match)
    if place < len(text):
        yield len(text), _HEADING


def _level(text: str, match: re.Match[str]) -> int:
    lines = match[0].count("\n")
    if lines and _HEADING_MARK.match(text, match.end()):
        return _HEADING
    if lines > 1:
        return _PARAGRAPH
    return _LINE if match[0][0] == "\n" else _SENTENCE
