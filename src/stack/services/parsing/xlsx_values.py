"""Numbers of a workbook as a reader sees them: dates as ISO 8601, other numbers with 15 digits."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from stack.services.parsing.package import Package
from stack.services.parsing.xml_events import attribute, read_events

# Built-in formats that show dates or times (ECMA-376 part 1, 18.8.30).
_DATE_FORMATS = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
_NOT_LETTERS = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.|_.|\*.')  # literal text, colours and conditions of a format
_DATE_LETTERS = re.compile(r"[dmyhs]", re.IGNORECASE)
_FIRST_DAY = datetime(1899, 12, 30)  # with it, days from March 1900 on come out right
_FIRST_DAY_1904 = datetime(1904, 1, 1)
_LAST_SERIAL = 2_957_003.0  # 31 December 9999, counted from 1904
_SECONDS_PER_DAY = 86_400


def read_date_styles(package: Package, part: str | None) -> frozenset[int]:
    """The cell styles whose number format is a date or a time."""
    if part is None:
        return frozenset()
    formats = set(_DATE_FORMATS)
    styles: list[int] = []
    in_cells = False
    with package.open(part) as file:
        for event, element, attributes in read_events(file):
            if element == "cellXfs":
                in_cells = event == "start"
            elif (event, element) == ("start", "numFmt") and _is_date(attribute(attributes, "formatCode")):
                formats.add(_id(attribute(attributes, "numFmtId")))
            elif (event, element) == ("start", "xf") and in_cells:
                styles.append(_id(attribute(attributes, "numFmtId")))
    return frozenset(style for style, format in enumerate(styles) if format in formats)


def shown(text: str, is_date: bool, from_1904: bool) -> str:
    """A stored number as text; what is none stays as it is."""
    try:
        number = float(text)
    except ValueError:
        return text
    if is_date and 0 <= number <= _LAST_SERIAL:
        return _date(number, from_1904)
    return f"{number:.15g}" if "." in text or "e" in text.lower() else text


def _date(serial: float, from_1904: bool) -> str:
    seconds = round(serial * _SECONDS_PER_DAY)
    moment = (_FIRST_DAY_1904 if from_1904 else _FIRST_DAY) + timedelta(seconds=seconds)
    if serial < 1:
        return moment.time().isoformat()
    return moment.date().isoformat() if seconds % _SECONDS_PER_DAY == 0 else moment.isoformat(" ")


def _is_date(format: str) -> bool:
    return _DATE_LETTERS.search(_NOT_LETTERS.sub("", format)) is not None


def _id(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else -1
