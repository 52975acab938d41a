"""What parsing gives: plain text, and which part of it stood on which page, slide, sheet or under which heading."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["page", "slide", "sheet", "section"]


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` (exclusive) of the text.

    label: `page 3`, `slide 2`, a sheet's name, or the headings that a section is under: `Guide > Usage`.
    """

    start: int
    end: int
    kind: Kind
    label: str


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a passage stands: its characters in the parsed text, and the labels of the parts it touches, in order."""

    start: int
    end: int
    kind: Kind | None
    labels: tuple[str, ...]

    def as_metadata(self) -> dict[str, int | str | list[str]]:
        """For a chunk's metadata: `start`, `end`, and `pages`, `slides`, `sheets` or `sections`."""
        offsets: dict[str, int | str | list[str]] = {"start": self.start, "end": self.end}
        return offsets | ({f"{self.kind}s": list(self.labels)} if self.kind else {})


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """Text with headings, lists and tables as Markdown writes them; no NUL, control characters or lone surrogates.

    spans: in the order of the text, without overlap, all of one kind; empty if the file has no parts.
    format: `pdf`, `docx`, `pptx`, `xlsx`, `html`, `markdown`, `json` or `text`.
    """

    text: str
    spans: tuple[Span, ...] = field(default=())
    format: str = "text"

    def cite(self, start: int, end: int) -> Citation:
        """The parts that the characters `start` to `end` (exclusive) touch."""
        first = bisect_right(self.spans, start, key=lambda span: span.end)
        last = bisect_left(self.spans, end, lo=first, key=lambda span: span.start)
        touched = self.spans[first:last]
        return Citation(
            start, end, touched[0].kind if touched else None, tuple(dict.fromkeys(s.label for s in touched))
        )
