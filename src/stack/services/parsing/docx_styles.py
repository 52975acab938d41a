"""Which paragraphs of a Word document are headings, and which belong to lists."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from stack.services.parsing.package import Package
from stack.services.parsing.xml_events import Attributes, attribute, read_events

_HEADING_NAME = re.compile(r"heading ([1-9])$")
_LONGEST_CHAIN = 16  # styles that are based on each other; also ends a circle
_BULLETS = {"bullet", "none", ""}
_DEEPEST_INDENT = 8


def read_heading_levels(package: Package, part: str) -> dict[str, int]:
    """Style id -> heading level, 1 to 9. Ids are translated with the program, the names `heading 1`, ... are not."""
    levels: dict[str, int] = {}
    parents: dict[str, str] = {}
    style = ""
    if not (styles := package.related(part, "styles")):
        return levels
    for element, attributes in _started(package, styles):
        if element == "style":
            style = attribute(attributes, "styleId")
        elif element == "basedOn":
            parents[style] = attribute(attributes, "val")
        elif level := _level(element, attribute(attributes, "val")):
            levels.setdefault(style, level)
    return {each: level for each in {*levels, *parents} if (level := _inherited(each, levels, parents))}


def _level(element: str, value: str) -> int:
    if element == "name":
        found = _HEADING_NAME.match(value.lower())
        return int(found[1]) if found else int(value.lower() == "title")
    return int(value) + 1 if element == "outlineLvl" and re.fullmatch("[0-8]", value) else 0


def _inherited(style: str, levels: dict[str, int], parents: dict[str, str]) -> int:
    for _ in range(_LONGEST_CHAIN):
        if style in levels or style not in parents:
            break
        style = parents[style]
    return levels.get(style, 0)


class Numbering:
    """Gives list items their bullet or number."""

    def __init__(self, package: Package, part: str) -> None:
        self._formats: dict[tuple[str, int], str] = {}  # of an abstract list and a level
        self._lists: dict[str, str] = {}  # list id -> abstract list
        self._styles: dict[str, str] = {}  # style -> list id
        self._counts: defaultdict[tuple[str, int], int] = defaultdict(int)
        if numbering := package.related(part, "numbering"):
            self._read_lists(package, numbering)
        if styles := package.related(part, "styles"):
            self._read_styles(package, styles)

    def _read_lists(self, package: Package, part: str) -> None:
        abstract, level, number = "", 0, ""
        for element, attributes in _started(package, part):
            if element == "abstractNum":
                abstract = attribute(attributes, "abstractNumId")
            elif element == "lvl":
                level = int(attribute(attributes, "ilvl")[:1] or 0)
            elif element == "numFmt":
                self._formats[abstract, level] = attribute(attributes, "val")
            elif element == "num":
                number = attribute(attributes, "numId")
            elif element == "abstractNumId":
                self._lists[number] = attribute(attributes, "val")

    def _read_styles(self, package: Package, part: str) -> None:
        style = ""
        for element, attributes in _started(package, part):
            if element == "style":
                style = attribute(attributes, "styleId")
            elif element == "numId":
                self._styles[style] = attribute(attributes, "val")

    def marker(self, style: str, number_id: str, level: int) -> str:
        """What stands before a paragraph: `- `, `2. `, indented by its level; empty outside of lists."""
        list_id = number_id or self._styles.get(style, "0")
        if list_id == "0":
            return ""
        indent = "  " * min(level, _DEEPEST_INDENT)
        if self._formats.get((self._lists.get(list_id, ""), level), "") in _BULLETS:
            return f"{indent}- "
        self._counts[list_id, level] += 1
        for deeper in range(level + 1, _DEEPEST_INDENT + 1):
            self._counts.pop((list_id, deeper), None)
        return f"{indent}{self._counts[list_id, level]}. "


def _started(package: Package, part: str) -> Iterator[tuple[str, Attributes]]:
    with package.open(part) as file:
        for event, element, attributes in read_events(file):
            if event == "start":
                yield element, attributes
