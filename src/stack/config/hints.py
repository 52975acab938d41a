"""What a field's type says about a value: which text fits it, what its parts are, how to name it in a sentence."""

from __future__ import annotations

import math
import re
from collections import abc
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, JsonValue, TypeAdapter
from pydantic.errors import PydanticUserError
from pydantic_core import core_schema

Hint = Any  # what stands right of the colon of a field: a class, a generic alias, a union

# The messages of these are pydantic's own; those of all others were written by a validator.
BUILTIN_ERRORS = frozenset(get_args(core_schema.ErrorType)) - {"value_error", "assertion_error"}

_SERIES = (list, set, frozenset, tuple, abc.Sequence)
_MAPPINGS = (dict, abc.Mapping)
# JSON's numbers: a leading zero makes text, as in a postal code.
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,39})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORDS = {word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")}
_KINDS = {
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "string": "text",
    "array": "a list",
    "object": "a mapping",
}
_FORMATS = {"uri": "a URL", "path": "a path"}
_BOUNDS = {
    "minimum": "of at least {}",
    "exclusiveMinimum": "greater than {}",
    "maximum": "of at most {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "of at least {} characters",
    "maxLength": "of at most {} characters",
    "pattern": "that matches `{}`",
    "minItems": "with at least {} items",
    "maxItems": "with at most {} items",
}


def members_of(hint: Hint) -> list[Hint]:
    """The alternatives of a type: the members of a union, else the type itself; without annotations."""
    origin: Any = get_origin(hint)
    if origin is Annotated:
        return members_of(get_args(hint)[0])
    if origin in (Union, UnionType):
        return [member for argument in get_args(hint) for member in members_of(argument)]
    return [Any if hint in (object, JsonValue) else hint]


def item_hint(members: list[Hint]) -> Hint | None:
    """The type of the items, None if no member is a series."""
    return next(((*get_args(m), Any)[0] for m in members if _origin(m) in _SERIES), None)


def value_hint(members: list[Hint]) -> Hint:
    """The type of the values of a mapping."""
    return next((get_args(m)[1] for m in members if _origin(m) in _MAPPINGS and get_args(m)), Any)


def model_in(members: list[Hint]) -> type[BaseModel] | None:
    """The first member that is a model."""
    return next((m for m in members if isinstance(m, type) and issubclass(m, BaseModel)), None)


def typed_scalar(text: str, members: list[Hint], *, plain: bool, quoted: bool) -> object:
    """What pydantic shall judge for a scalar: its text, or the value that only we can tell is meant.

    plain: literal and without quotes, so that an untyped field takes numbers and booleans from it.
    """
    for option in _options(members):
        if text == _option_text(option):
            return option
    if Any in members:
        return plain_value(text) if plain else text
    others = {member for member in members if member in (bool, int, float)}
    if others and str in members and not quoted:
        value = plain_value(text)
        return value if type(value) in others or (type(value) is int and float in others) else text
    return text


def plain_value(text: str) -> object:
    """The value of a plain scalar where no type says more: booleans and numbers as JSON has them, else text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text


def describe(hint: Hint) -> str:
    """A type in words: `an integer from 1 to 65535`."""
    try:
        schema = TypeAdapter(hint).json_schema()
    except PydanticUserError:
        return "a value of another kind"
    return _worded(schema, schema.get("$defs", {}))


def _worded(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if alternatives := schema.get("anyOf", schema.get("oneOf")):
        words = [_worded(one, definitions) for one in alternatives if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(words))
    if options := schema.get("enum", [schema["const"]] if "const" in schema else []):
        return ("one of " if len(options) > 1 else "") + ", ".join(f"`{option}`" for option in options)
    kind = _FORMATS.get(schema.get("format", ""), _KINDS.get(schema.get("type", ""), "a value of another kind"))
    if schema.get("minLength") == 1 and "maxLength" not in schema:
        return f"{kind} that is not empty"
    if "minimum" in schema and "maximum" in schema:
        return f"{kind} from {schema['minimum']} to {schema['maximum']}"
    return " ".join([kind, *(words.format(schema[key]) for key, words in _BOUNDS.items() if key in schema)])


def _origin(hint: Hint) -> Any:
    return get_origin(hint) or hint


def _options(members: list[Hint]) -> list[Any]:
    """Every value of the literals and enumerations among the members."""
    literals = [option for m in members if _origin(m) is Literal for option in get_args(m)]
    return literals + [option for m in members if isinstance(m, type) and issubclass(m, Enum) for option in m]


def _option_text(option: Any) -> str:
    value = option.value if isinstance(option, Enum) else option
    return str(value).lower() if isinstance(value, bool) else str(value)
