"""Word documents (ECMA-376 part 1, WordprocessingML): headings, lists, tables, footnotes; the final text of changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from stack.services.parsing.docx_styles import Numbering, read_heading_levels
from stack.services.parsing.package import Package
from stack.services.parsing.tables import TableWriting
from stack.services.parsing.writing import Writing
from stack.services.parsing.xml_events import Attributes, Event, attribute, read_events, skipping

# What was moved away, how a paragraph was before, second versions of a drawing for older programs, and pronunciations.
_SKIPPED = frozenset(("moveFrom", "pPrChange", "Fallback", "rt"))
_SIGNS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "softHyphen": ""}
_NOTES = ("footnotes", "endnotes")


def write_docx(package: Package, part: str, writing: Writing) -> None:
    """Write the document, and its notes after it. Page numbers are not in such a file: parts are named by headings."""
    body = _Body(writing, read_heading_levels(package, part), Numbering(package, part))
    for each in (part, *filter(None, (package.related(part, kind) for kind in _NOTES))):
        with package.open(each) as file:
            body.read(skipping(read_events(file), _SKIPPED))


@dataclass(slots=True)
class _Paragraph:
    style: str = ""
    number_id: str = ""
    level: int = 0
    words: list[str] = field(default_factory=list)


class _Body:
    def __init__(self, writing: Writing, headings: dict[str, int], numbering: Numbering) -> None:
        self._writing = writing
        self._headings = headings
        self._numbering = numbering
        self._paragraphs: list[_Paragraph] = []  # those around: a text box is inside of one
        self._tables = 0  # those around
        self._table = TableWriting(writing)
        self._row: list[str] = []
        self._cell: list[str] = []
        self._was_list = False

    def read(self, events: Iterator[Event]) -> None:
        """Write what the events of a part tell."""
        in_text = False
        for event, value, attributes in events:
            if event == "text":
                if in_text and self._paragraphs:
                    self._paragraphs[-1].words.append(value)
            elif event == "start":
                in_text = value == "t"
                self._start(value, attributes)
            else:
                in_text = False
                self._end(value)

    def _start(self, element: str, attributes: Attributes) -> None:
        if element == "p":
            self._paragraphs.append(_Paragraph())
        elif element == "tbl":
            self._tables += 1
            if self._tables == 1:
                self._table = TableWriting(self._writing)
        elif self._paragraphs:
            self._note(self._paragraphs[-1], element, attributes)

    def _note(self, paragraph: _Paragraph, element: str, attributes: Attributes) -> None:
        if element == "pStyle":
            paragraph.style = attribute(attributes, "val")
        elif element == "numId":
            paragraph.number_id = attribute(attributes, "val")
        elif element == "ilvl":
            paragraph.level = _number(attribute(attributes, "val"))
        elif element in _SIGNS and attribute(attributes, "val") not in ("clear", "left", "center", "right", "decimal"):
            paragraph.words.append(_SIGNS[element])

    def _end(self, element: str) -> None:
        if element == "p" and self._paragraphs:
            self._write(self._paragraphs.pop())
        elif element == "tbl" and self._tables:
            self._tables -= 1
        elif self._tables == 1 and element == "tc":
            self._row.append(" ".join(self._cell))
            self._cell.clear()
        elif self._tables == 1 and element == "tr":
            self._table.row(self._row)
            self._row.clear()

    def _write(self, paragraph: _Paragraph) -> None:
        text = "".join(paragraph.words).strip()
        if not text:
            return
        if self._tables:
            self._cell.append(text)
            return
        level = self._headings.get(paragraph.style, 0)
        marker = "" if level else self._numbering.marker(paragraph.style, paragraph.number_id, paragraph.level)
        if level:
            self._writing.heading(level, text)
        elif marker and self._was_list:
            self._writing.line(marker + text)
        else:
            self._writing.paragraph(marker + text)
        self._was_list = bool(marker)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
