"""Excel workbooks (ECMA-376 part 1, SpreadsheetML): each sheet a table of values as they were last calculated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stack.services.parsing.package import Package
from stack.services.parsing.tables import TableWriting
from stack.services.parsing.writing import Writing
from stack.services.parsing.xlsx_values import read_date_styles, shown
from stack.services.parsing.xml_events import Attributes, Event, attribute, read_events, relation_id, skipping

_PRONUNCIATION = frozenset(("rPh",))
_WIDEST_GAP = 16  # empty cells side by side; more are written as one, for a sheet has 16,384 columns


@dataclass(frozen=True, slots=True)
class _Workbook:
    """sheets: names and parts. strings: texts that cells share. dates: cell styles that show a number as a date."""

    sheets: list[tuple[str, str]]
    strings: list[str]
    dates: frozenset[int]
    from_1904: bool


def write_xlsx(package: Package, part: str, writing: Writing) -> None:
    """Write each sheet as a part of its own, under its name. What a sheet says of its size is not believed."""
    workbook = _read_workbook(package, part)
    for name, sheet in workbook.sheets:
        with package.open(sheet) as file:
            rows = _rows(skipping(read_events(file), _PRONUNCIATION), workbook)
            _write_sheet(name, rows, writing)


def _write_sheet(name: str, rows: Iterator[list[str]], writing: Writing) -> None:
    table = TableWriting(writing)
    is_begun = False
    for row in rows:
        if not is_begun and any(row):
            writing.gap()
            writing.begin("sheet", name)
            writing.heading(1, name)
            is_begun = True
        table.row(row)


def _read_workbook(package: Package, part: str) -> _Workbook:
    relations = package.relations(part)
    sheets: list[tuple[str, str]] = []
    from_1904 = False
    with package.open(part) as file:
        for event, element, attributes in read_events(file):
            if (event, element) == ("start", "sheet"):
                kind, target = relations.get(relation_id(attributes), ("", ""))
                if kind == "worksheet":
                    sheets.append((attribute(attributes, "name"), target))
            elif (event, element) == ("start", "workbookPr"):
                from_1904 = attribute(attributes, "date1904") in ("1", "true")
    dates = read_date_styles(package, package.related(part, "styles"))
    return _Workbook(sheets, _strings(package, package.related(part, "sharedStrings")), dates, from_1904)


def _strings(package: Package, part: str | None) -> list[str]:
    if part is None:
        return []
    strings: list[str] = []
    words: list[str] = []
    in_text = False
    with package.open(part) as file:
        for event, value, _ in skipping(read_events(file), _PRONUNCIATION):
            if event == "text":
                if in_text:
                    words.append(value)
                continue
            in_text = event == "start" and value == "t"
            if event == "end" and value == "si":
                strings.append("".join(words))
                words.clear()
    return strings


def _rows(events: Iterator[Event], workbook: _Workbook) -> Iterator[list[str]]:
    row: list[str] = []
    cell: Attributes = {}
    words: list[str] = []
    in_value = False
    for event, value, attributes in events:
        if event == "text":
            if in_value:
                words.append(value)
        elif event == "start":
            in_value = value in ("v", "t")
            if value == "c":
                cell = attributes
                words.clear()
        else:
            in_value = False
            if value == "c":
                _place(row, cell, _value("".join(words), cell, workbook))
            elif value == "row":
                yield row
                row = []


def _place(row: list[str], cell: Attributes, text: str) -> None:
    """Put a cell into its column, or further left after a wide gap."""
    if not text:
        return
    gap = _column(cell.get("r", "")) - len(row)
    row.extend([""] * (gap if gap <= _WIDEST_GAP else 1))
    row.append(text)


def _column(reference: str) -> int:
    """The column of `AB12`, from 0; 0 if there is none."""
    number = 0
    for letter in reference[:3]:
        if not "A" <= letter <= "Z":
            break
        number = number * 26 + ord(letter) - ord("A") + 1
    return max(0, number - 1)


def _value(text: str, cell: Attributes, workbook: _Workbook) -> str:
    kind = cell.get("t", "n")
    if kind == "s":
        at = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
        return workbook.strings[at] if 0 <= at < len(workbook.strings) else ""
    if kind == "b":
        return {"1": "TRUE", "0": "FALSE"}.get(text, text)
    if kind != "n":
        return text
    style = cell.get("s", "0")
    is_date = style.isascii() and style.isdigit() and len(style) < 7 and int(style) in workbook.dates
    return shown(text, is_date, workbook.from_1904)
