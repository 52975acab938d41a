"""PowerPoint presentations (ECMA-376 part 1, PresentationML): slides in their order, titles, lists, tables, notes."""

from __future__ import annotations

from collections.abc import Iterator

from stack.services.parsing.failures import invalid
from stack.services.parsing.limits import Limits
from stack.services.parsing.package import Package
from stack.services.parsing.tables import TableWriting
from stack.services.parsing.writing import Writing
from stack.services.parsing.xml_events import Attributes, Event, attribute, read_events, relation_id, skipping

_SKIPPED = frozenset(("Fallback",))
_TITLES = {"title", "ctrTitle"}
_FURNITURE = {"dt", "ftr", "sldNum", "hdr", "sldImg"}  # on every slide: date, footer, number
_DEEPEST_INDENT = 8


def write_pptx(package: Package, part: str, limits: Limits, writing: Writing) -> None:
    """Write each slide as a part of its own, with its notes."""
    slides = _slides(package, part)
    if len(slides) > limits.pages:
        raise invalid(f"the presentation has {len(slides)} slides, and {limits.pages} are read: split it")
    for number, slide in enumerate(slides, start=1):
        writing.gap()
        writing.begin("slide", f"slide {number}")
        _write_part(package, slide, _Shapes(writing))
        if notes := package.related(slide, "notesSlide"):
            _write_part(package, notes, _Shapes(writing, "Notes: "))


def _slides(package: Package, part: str) -> list[str]:
    relations = package.relations(part)
    with package.open(part) as file:
        ids = [
            relation_id(names) for event, element, names in read_events(file) if (event, element) == ("start", "sldId")
        ]
    return [relations[each][1] for each in ids if each in relations]


def _write_part(package: Package, part: str, shapes: _Shapes) -> None:
    with package.open(part) as file:
        shapes.read(skipping(read_events(file), _SKIPPED))


class _Shapes:
    """Writes the shapes of one slide, or the text of its notes, whose first paragraph begins with `prefix`."""

    def __init__(self, writing: Writing, prefix: str = "") -> None:
        self._writing = writing
        self._prefix = prefix
        self._is_begun = False
        self._placeholder: str | None = None  # its type, in a shape that fills a place of the layout
        self._level = 0
        self._words: list[str] = []
        self._table: TableWriting | None = None
        self._row: list[str] = []
        self._cell: list[str] = []

    def read(self, events: Iterator[Event]) -> None:
        """Write what the events of a part tell."""
        in_text = False
        for event, value, attributes in events:
            if event == "text":
                if in_text:
                    self._words.append(value)
            elif event == "start":
                in_text = value == "t"
                self._start(value, attributes)
            else:
                in_text = False
                self._end(value)

    def _start(self, element: str, attributes: Attributes) -> None:
        if element == "sp":
            self._placeholder = None
        elif element == "ph":
            self._placeholder = attribute(attributes, "type") or "obj"
        elif element == "p":
            self._words, self._level = [], 0
        elif element == "pPr":
            level = attribute(attributes, "lvl")
            self._level = int(level) if level in "12345678" and level else 0
        elif element == "br":
            self._words.append("\n")
        elif element == "tbl":
            self._table = TableWriting(self._writing)

    def _end(self, element: str) -> None:
        if element == "p":
            self._write("".join(self._words).strip())
            self._words = []
        elif self._table is not None and element == "tc":
            self._row.append(" ".join(self._cell))
            self._cell.clear()
        elif self._table is not None and element == "tr":
            self._table.row(self._row)
            self._row.clear()
        elif element == "tbl":
            self._table = None
        elif element == "sp":
            self._placeholder = None

    def _write(self, text: str) -> None:
        if not text or self._placeholder in _FURNITURE:
            return
        if self._table is not None:
            self._cell.append(text)
        elif self._prefix:
            self._writing.paragraph(text if self._is_begun else self._prefix + text)
            self._is_begun = True
        elif self._placeholder in _TITLES:
            self._writing.heading(1, text)
        elif self._placeholder in ("obj", "body"):
            self._writing.line("  " * self._level + f"- {text}")
        else:
            self._writing.paragraph(text)
