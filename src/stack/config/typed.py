"""From a positioned tree to a checked model: the type of a field decides what its text becomes.

Placeholders are expanded only in fields that are read. Every problem is reported where it stands, in a plain sentence
that never shows a value; a field with a problem is left out, so that the others are still checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import NoneType
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from stack.config.hints import BUILTIN_ERRORS, Hint, describe, item_hint, members_of, model_in, typed_scalar, value_hint
from stack.config.models import NOT_YET
from stack.config.placeholders import BadPlaceholder, expand, parse, variables
from stack.config.report import Position, Report, shown
from stack.config.yaml import Node, Scalar, Section, Series
from stack.errors import nearest, quoted

ModelT = TypeVar("ModelT", bound=BaseModel)
Loc = tuple[str | int, ...]

# A shorter value is hardly a secret, and cutting it out would garble the words of the message.
_SHORTEST_SECRET = 8


class _No(Enum):
    """What takes the place of a value."""

    ABSENT = "counts as left out"
    BROKEN = "has a problem that is reported; pydantic sees it, so that nothing is built on a default instead"


class _Place(NamedTuple):
    at: Position
    path: str
    hint: Hint


@dataclass(frozen=True, slots=True)
class Expanded:
    """A scalar after expansion; `names` are the variables that it mentions, none for literal text."""

    text: str
    names: tuple[str, ...]
    missing: tuple[str, ...]


def expand_scalar(node: Scalar, environ: Mapping[str, str]) -> Expanded:
    """Raises: BadPlaceholder."""
    parts = parse(node.text)
    missing: list[str] = []
    text = expand(parts, environ, missing)
    return Expanded(text, tuple(dict.fromkeys(variables(parts))), tuple(dict.fromkeys(missing)))


def read(model: type[ModelT], node: Section, path: str, environ: Mapping[str, str], report: Report) -> ModelT | None:
    """The model that a section describes; None if it has problems, which are in the report then."""
    return _Reading(environ, report).model(model, node, path)


def read_untyped(node: Node, path: str, environ: Mapping[str, str], report: Report) -> None:
    """Report what is wrong with the placeholders of a part whose types are not known."""
    _Reading(environ, report).value(node, Any, (), path)


def unknown_key(key: str, known: list[str]) -> str:
    """What to say of a key that nothing reads."""
    if key in NOT_YET:
        return f"`{key}` is not supported by this version: remove it"
    if near := nearest(key, known, 1):
        return f"unknown key `{shown(key)}`: did you mean `{near[0]}`?"
    return f"unknown key `{shown(key)}`: " + (f"known here are {quoted(known)}" if known else "nothing is set here")


class _Reading:
    """One model being read; places are keyed by the locations that pydantic gives its errors."""

    def __init__(self, environ: Mapping[str, str], report: Report) -> None:
        self._environ = environ
        self._report = report
        self._places: dict[Loc, _Place] = {}
        self._emptied: dict[Loc, tuple[str, ...]] = {}
        self._reported: set[Loc] = set()
        self._sensitive: set[str] = set()

    def model(self, model: type[ModelT], node: Section, path: str) -> ModelT | None:
        values = self.value(node, model, (), path)
        try:
            checked = model.model_validate(values)
        except ValidationError as error:
            for details in error.errors(include_url=False, include_input=False):
                self._explain(details)
        return None if self._reported else checked

    def value(self, node: Node, hint: Hint, loc: Loc, path: str) -> object:
        """What pydantic shall judge: a value of the field's kind where the node allows it."""
        self._places[loc] = _Place(node.at, path, hint)
        members = members_of(hint)
        if isinstance(node, Scalar):
            return self._scalar(node, members, loc)
        if isinstance(node, Series):
            return self._series(node, item_hint(members) or Any, loc)
        if Section in members:
            return node
        if model := model_in(members):
            return self._fields(node, model, loc)
        return self._entries(node, value_hint(members), loc)

    def _scalar(self, node: Scalar, members: list[Hint], loc: Loc) -> object:
        try:
            found = expand_scalar(node, self._environ)
        except BadPlaceholder as error:
            return self._problem(loc, error.message)
        if found.missing:
            return self._problem(loc, f"{unset(found.missing)}, or give a default with `:=`")
        if node.is_null:
            return None if NoneType in members or Any in members else _No.ABSENT
        if found.names and not found.text:
            self._emptied[loc] = found.names
            return _No.ABSENT
        if found.names or SecretStr in members or SecretBytes in members:
            self._sensitive.add(found.text)
        if found.names and (item := item_hint(members)) is not None and str not in members:
            return self._split(found.text, item, loc)
        return typed_scalar(found.text, members, plain=not found.names and not node.quoted, quoted=node.quoted)

    def _split(self, text: str, item: Hint, loc: Loc) -> list[object]:
        """The items of a list that one variable holds, separated by commas."""
        pieces = [piece.strip() for piece in text.split(",") if piece.strip()]
        self._sensitive.update(pieces)
        for index in range(len(pieces)):
            self._places[*loc, index] = self._places[loc]._replace(hint=item)
        return [typed_scalar(piece, members_of(item), plain=False, quoted=False) for piece in pieces]

    def _series(self, node: Series, item: Hint, loc: Loc) -> list[object]:
        values: list[object] = []
        for index, child in enumerate(node.items):
            place = (*loc, len(values))
            value = self.value(child, item, place, f"{self._places[loc].path}[{index}]")
            if value is not _No.ABSENT:
                values.append(value)
            elif self._emptied.pop(place, None) is None:
                values.append(None)
        return values

    def _fields(self, node: Section, model: type[BaseModel], loc: Loc) -> dict[str, object]:
        hints = {info.alias or name: _hint(info) for name, info in model.model_fields.items()}
        known = Section({key: entry for key, entry in node.entries.items() if key in hints}, node.at)
        for key in node.entries.keys() - hints.keys():
            if model.model_config.get("extra") == "allow":
                known.entries[key] = node.entries[key]
            else:
                self._problem_at_key(node, key, loc, unknown_key(key, list(hints)))
        return self._values(known, hints, Any, loc)

    def _entries(self, node: Section, item: Hint, loc: Loc) -> dict[str, object]:
        for key in node.entries:
            if "${" in key:
                self._problem_at_key(node, key, loc, "placeholders are not read in keys: write the key out")
        return self._values(node, {}, item, loc)

    def _values(self, node: Section, hints: Mapping[str, Hint], other: Hint, loc: Loc) -> dict[str, object]:
        values: dict[str, object] = {}
        for key, entry in node.entries.items():
            value = self.value(entry.node, hints.get(key, other), (*loc, key), self._below(loc, key))
            if value is not _No.ABSENT:
                values[key] = value
        return values

    def _below(self, loc: Loc, key: str) -> str:
        path = self._places[loc].path
        return f"{path}.{shown(key)}" if path else shown(key)

    def _problem(self, loc: Loc, message: str) -> object:
        self._reported.add(loc)
        self._report.add(self._places[loc].at, self._places[loc].path, message)
        return _No.BROKEN

    def _problem_at_key(self, node: Section, key: str, loc: Loc, message: str) -> None:
        self._places[*loc, key] = _Place(node.entries[key].key_at, self._below(loc, key), Any)
        self._problem((*loc, key), message)

    def _explain(self, details: ErrorDetails) -> None:
        """Put one finding of pydantic where it belongs, in our words; nothing is said twice of one place."""
        loc = details["loc"]
        if details["type"] == "missing":
            self._explain_missing(loc)
            return
        loc = self._known(loc)
        if any(loc[:length] in self._reported for length in range(len(loc) + 1)):
            return
        if details["type"] in BUILTIN_ERRORS:
            self._problem(loc, f"must be {describe(self._places[loc].hint)}")
        else:
            self._problem(loc, self._scrubbed(details["msg"]))

    def _known(self, loc: Loc) -> Loc:
        """The innermost place around a location; pydantic's go on with the member of a union that it tried."""
        while loc not in self._places:
            loc = loc[:-1]
        return loc

    def _explain_missing(self, loc: Loc) -> None:
        if loc in self._emptied:
            self._problem(loc, f"required, but {unset(self._emptied[loc])}")
            return
        parent, name = self._known(loc[:-1]), str(loc[-1])
        self._places[loc] = self._places.get(loc, self._places[parent])._replace(path=self._below(parent, name))
        self._problem(loc, f"required: add `{name}:` with a value")

    def _scrubbed(self, message: str) -> str:
        """A message that a validator wrote, in one line and without the values that it may have been shown."""
        message = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
        for value in sorted(self._sensitive, key=len, reverse=True):
            if len(value) >= _SHORTEST_SECRET:
                message = message.replace(value, "[hidden]")
        return " ".join(message.split())


def unset(names: tuple[str, ...]) -> str:
    """`A` and `B` are not set, and what to do."""
    if len(names) == 1:
        return f"environment variable `{names[0]}` is unset or empty: set it"
    return f"environment variables {quoted(names)} are unset or empty: set them"


def _hint(info: FieldInfo) -> Hint:
    return Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
