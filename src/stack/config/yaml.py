"""Safe YAML with positions: text to a tree of scalars, series and sections that know where they stand.

Scalars stay text here, as written: what they mean is for the type of the field that they fill. Tags are refused,
keys are text and unique, aliases and depth are bounded. libyaml parses; no Python object is ever made from the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from stack.config.report import WHOLE_FILE, Position, Report, shown

MAX_BYTES = 1024 * 1024
MAX_ALIASES = 100
MAX_DEPTH = 64
# A hundred aliases of aliases can still multiply to 10**10 parts: what they stand for is counted too.
MAX_PARTS_WITH_ALIASES = 100_000
_NULLS = ("", "~", "null", "Null", "NULL")
_TOO_LARGE = "larger than 1 MiB: this is hardly a configuration"


@dataclass(frozen=True, slots=True)
class Scalar:
    """Text as written; `quoted` also for block scalars."""

    text: str
    quoted: bool
    at: Position

    @property
    def is_null(self) -> bool:
        """Nothing is written, or one of YAML's words for nothing."""
        return not self.quoted and self.text in _NULLS


@dataclass(frozen=True, slots=True)
class Series:
    """A YAML sequence."""

    items: tuple[Node, ...]
    at: Position


class Entry(NamedTuple):
    """A key's position and its value."""

    key_at: Position
    node: Node


@dataclass(frozen=True, slots=True)
class Section:
    """A YAML mapping. A field of this type is handed its mapping as it stands, nothing in it expanded."""

    entries: dict[str, Entry]
    at: Position

    def get(self, key: str) -> Node | None:
        """The value of `key`, None if it is not there."""
        entry = self.entries.get(key)
        return entry.node if entry else None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.is_instance_schema(cls)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "object"}


Node = Scalar | Series | Section


def read_text(path: Path, report: Report) -> str:
    """The text of a file. Raises: BadConfig, when it cannot be read or is no text."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        report.fail(WHOLE_FILE, f"cannot be read ({error.strerror}): check the path")
    if len(data) > MAX_BYTES:
        report.fail(WHOLE_FILE, _TOO_LARGE)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        report.fail(position_after(data[: error.start].decode(errors="replace")), "not UTF-8: save the file as UTF-8")


def compose(text: str, report: Report) -> Node | None:
    """The tree of the one document in `text`; None if it is empty. Raises: BadConfig, when it breaks off."""
    if len(text) > MAX_BYTES:
        report.fail(WHOLE_FILE, _TOO_LARGE)
    try:
        return _Composer(text, report).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)
        while_doing = f" {error.context}" if error.context else ""
        fix = "check indentation and brackets, and quote `${...}` inside `{}` or `[]`"
        report.fail(at, f"not valid YAML: {error.problem}{while_doing}; {fix}")
    except yaml.reader.ReaderError as error:
        before = text.encode()[: error.position].decode(errors="ignore")
        report.fail(position_after(before), f"not valid YAML: {error.reason}; remove the character")


def position_after(text: str) -> Position:
    """Where the character after `text` stands."""
    return Position(text.count("\n") + 1, len(text) - text.rfind("\n"))


class _Composer:
    def __init__(self, text: str, report: Report) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.CSafeLoader)
        self._report = report
        self._anchors: dict[str, tuple[Node, int, int]] = {}
        self._aliases = 0
        self._parts = 0
        self._deepest = 0

    def document(self) -> Node | None:
        next(self._events)
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        root = self._node(next(self._events), ())
        next(self._events)
        if isinstance(event := next(self._events), yaml.DocumentStartEvent):
            self._report.fail(_at(event), "a second document starts here: keep one document in the file")
        return root

    def _node(self, event: yaml.Event, path: tuple[str, ...]) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path)
        assert isinstance(event, yaml.NodeEvent)
        before, deepest = self._parts, self._deepest
        self._parts += 1
        self._deepest = 0
        self._reach(len(path), event)
        node = self._untagged(event, path)
        if event.anchor is not None:
            self._anchors[event.anchor] = node, self._parts - before, self._deepest - len(path)
        self._deepest = max(deepest, self._deepest)
        return node

    def _reach(self, depth: int, event: yaml.Event) -> None:
        if depth > MAX_DEPTH:
            self._report.fail(_at(event), f"nested more than {MAX_DEPTH} levels deep: flatten it")
        self._deepest = max(self._deepest, depth)

    def _untagged(self, event: yaml.NodeEvent, path: tuple[str, ...]) -> Node:
        assert isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
        if event.tag is not None:
            told = "YAML tags (`!...`) are not read: remove the tag, and quote what shall stay text"
            self._report.add(_at(event), _joined(path), told)
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(event.value, event.style not in (None, ""), _at(event))
        if isinstance(event, yaml.SequenceStartEvent):
            return Series(tuple(self._items(path)), _at(event))
        return Section(self._entries(path), _at(event))

    def _alias(self, event: yaml.AliasEvent, path: tuple[str, ...]) -> Node:
        self._aliases += 1
        if event.anchor not in self._anchors:
            self._report.fail(_at(event), f"alias `*{event.anchor}` has no finished anchor `&{event.anchor}` before it")
        node, parts, height = self._anchors[event.anchor]
        self._reach(len(path) + height, event)
        self._parts += parts
        if self._aliases > MAX_ALIASES or self._parts > MAX_PARTS_WITH_ALIASES:
            told = f"over {MAX_ALIASES} aliases, or aliases that stand for too much: write the values out"
            self._report.fail(_at(event), told)
        return node

    def _items(self, path: tuple[str, ...]) -> Iterator[Node]:
        index = 0
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            yield self._node(event, (*path, f"[{index}]"))
            index += 1

    def _entries(self, path: tuple[str, ...]) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, (*path, ".key"))
            if not isinstance(key, Scalar):
                self._report.fail(_at(event), "a key must be text: quote it if it starts with `{` or `[`")
            here = (*path, f".{shown(key.text)}")
            value = self._node(next(self._events), here)
            if key.text == "<<" and not key.quoted:
                merged = self._merged(value) | merged
            elif first := entries.get(key.text):
                told = f"duplicate key `{shown(key.text)}`, first on line {first.key_at.line}: remove one of them"
                self._report.add(_at(event), _joined(here), told)
            else:
                entries[key.text] = Entry(_at(event), value)
        return merged | entries

    def _merged(self, node: Node) -> dict[str, Entry]:
        """What `<<: *anchor` or `<<: [*one, *two]` brings in; the first mention of a key wins."""
        if isinstance(node, Section):
            return node.entries
        if isinstance(node, Scalar):
            self._report.add(node.at, "", "`<<` takes an alias of a mapping: write `<<: *anchor`")
            return {}
        found: dict[str, Entry] = {}
        for item in reversed(node.items):
            found |= self._merged(item)
        return found


def _joined(path: tuple[str, ...]) -> str:
    return "".join(path).removeprefix(".")


def _at(event: yaml.Event) -> Position:
    mark = event.start_mark
    return Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)
