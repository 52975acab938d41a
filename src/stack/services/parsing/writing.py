"""The text of a document while it is put together: cleaned, limited, with the parts it is made of."""

from __future__ import annotations

import re

from stack.services.parsing.document import Kind, ParsedDocument, Span
from stack.services.parsing.failures import invalid
from stack.services.parsing.limits import MIB, Limits

_LONGEST_LABEL = 120  # characters
_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028]")
_PARAGRAPH_END = "\u2029"
# Control characters, byte order marks, and code points that are no characters.
_DROPPED = re.compile("[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\ufeff\ufffe\uffff]+")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """`text` with `\\n` for every line end, without control characters; a lone surrogate becomes U+FFFD."""
    text = _LINE_ENDS.sub("\n", text).replace(_PARAGRAPH_END, "\n\n")
    return _LONE_SURROGATE.sub("\ufffd", _DROPPED.sub("", text))


def one_line(text: str) -> str:
    """`text` with single spaces for all white space in it."""
    return " ".join(clean(text).split())


class Writing:
    """Takes pieces of text in order. Offsets count cleaned characters, so that they hold in the result."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pieces: list[str] = []
        self._length = 0
        self._bytes = 0
        self._tail = ""
        self._spans: list[Span] = []
        self._open: tuple[int, Kind, str] | None = None
        self._outline: list[tuple[int, str]] = []

    def add(self, text: str) -> None:
        """Append `text`, cleaned. Raises ParseFailed beyond the limit of a result."""
        text = clean(text)
        if not text:
            return
        self._bytes += len(text) if text.isascii() else len(text.encode())
        if self._bytes > self._limits.text_bytes:
            size = self._limits.text_bytes // MIB
            raise invalid(f"the file holds more than {size} MiB of text: split it into smaller files")
        self._pieces.append(text)
        self._length += len(text)
        self._tail = (self._tail + text)[-2:]

    def line(self, text: str) -> None:
        """Append a line of its own."""
        if self._length and not self._tail.endswith("\n"):
            self.add("\n")
        self.add(text + "\n")

    def paragraph(self, text: str) -> None:
        """Append a line with an empty line before it."""
        self.gap()
        self.add(text + "\n")

    def gap(self) -> None:
        """End the paragraph."""
        if self._length and not self._tail.endswith("\n\n"):
            self.add("\n" if self._tail.endswith("\n") else "\n\n")

    def begin(self, kind: Kind, label: str) -> None:
        """A new part begins here, and the one before it ends."""
        self._close()
        self._open = (self._length, kind, one_line(label)[:_LONGEST_LABEL])

    def heading(self, level: int, text: str) -> None:
        """A heading and, where parts are not pages, the section under it."""
        self.gap()
        title = one_line(text)
        self.section(level, title)
        self.add(f"{'#' * min(level, 6)} {title}\n\n")

    def section(self, level: int, title: str) -> None:
        """A section begins, labelled by its path of headings; it goes on to the next heading of any level."""
        if self._open is not None and self._open[1] != "section":
            return
        while self._outline and self._outline[-1][0] >= level:
            self._outline.pop()
        self._outline.append((level, title[:_LONGEST_LABEL]))
        self.begin("section", " > ".join(each for _, each in self._outline))

    def finished(self, format: str) -> ParsedDocument:
        """The document. Raises ParseFailed if it holds no text."""
        self._close()
        text = "".join(self._pieces)
        if not text or text.isspace():
            raise invalid("the file holds no text: if it is scanned, recognise its text (OCR) first")
        return ParsedDocument(text, tuple(self._spans), format)

    def _close(self) -> None:
        if self._open is not None and self._open[0] < self._length and len(self._spans) < self._limits.spans:
            start, kind, label = self._open
            self._spans.append(Span(start, self._length, kind, label))
