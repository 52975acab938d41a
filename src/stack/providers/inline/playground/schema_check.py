"""JSON Schema (draft 2020-12, and what older drafts spell otherwise): does a value conform.

Unknown keywords say nothing, as the standard has it; keywords that assert and are not read here are refused.
https://json-schema.org/draft/2020-12/json-schema-validation
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from fractions import Fraction
from typing import Any
from urllib.parse import unquote

from stack.providers.inline.playground import formats, patterns

Schema = dict[str, Any] | bool

NOT_READ = frozenset(
    ("$dynamicRef", "$recursiveRef", "dependencies", "dependentSchemas", "unevaluatedItems", "unevaluatedProperties")
)
_MAX_REFERENCES = 50
_COUNTS = (
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "minContains",
    "minItems",
    "minLength",
    "minProperties",
)
_SCHEMAS = (
    "additionalItems",
    "additionalProperties",
    "contains",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
)


class BadSchema(Exception):
    """A schema that is malformed, not read here, or too large to fill."""


class Document:
    """One schema document. Checks are counted, so that no schema can hold the process.

    A schema met on the way is checked for its shape once, which lets everything after trust its keywords' types.
    """

    def __init__(self, root: Schema) -> None:
        self.root = root
        self.steps_left = 0
        self._read: dict[int, Schema] = {}

    def step(self, count: int = 1) -> None:
        """Count units of work. Raises BadSchema when there were too many."""
        self.steps_left -= count
        if self.steps_left < 0:
            raise BadSchema("it takes too many steps to fill")

    def read(self, schema: Any) -> Schema:
        """The schema, found well-formed at its own level. Raises BadSchema."""
        self.step()
        if id(schema) not in self._read:
            _check_shape(schema)
            # Kept, so that the id stays its own.
            self._read[id(schema)] = schema
        return self._read[id(schema)]

    def resolve(self, reference: str) -> Schema:
        """The schema that a `$ref` points to, inside this document. Raises BadSchema."""
        target: Any = self.root
        if not reference.startswith("#") or (len(reference) > 1 and reference[1] != "/"):
            raise BadSchema(f"`$ref` to `{reference}` leaves the schema")
        for part in unquote(reference[2:]).split("/") if len(reference) > 2 else ():
            key = part.replace("~1", "/").replace("~0", "~")
            if isinstance(target, list) and key.isdecimal() and int(key) < len(target):
                target = target[int(key)]
            elif isinstance(target, dict) and key in target:
                target = target[key]
            else:
                raise BadSchema(f"`$ref` to `{reference}` points to nothing")
        return self.read(target)

    def valid(self, value: Any, schema: Schema, references: int = 0) -> bool:
        """Whether the value conforms. Raises BadSchema, UnsupportedPattern."""
        schema = self.read(schema)
        if isinstance(schema, bool):
            return schema
        if "$ref" in schema:
            if references > _MAX_REFERENCES:
                raise BadSchema("its `$ref`s run in a circle")
            if not self.valid(value, self.resolve(schema["$ref"]), references + 1):
                return False
        return all(
            _CHECKS[keyword](self, value, argument, schema)
            for keyword, argument in schema.items()
            if keyword in _CHECKS
        )

    def matches(self, pattern: str, text: str) -> bool:
        """Whether the pattern occurs in the text. Raises BadSchema, UnsupportedPattern."""
        matcher = patterns.Matcher(text)
        found = matcher.finds(pattern)
        self.step(matcher.steps // 50)
        return found

    def property_schemas(self, name: str, schema: dict[str, Any]) -> list[Schema]:
        """Every schema that the value of property `name` must conform to."""
        found: list[Schema] = [schema["properties"][name]] if name in schema.get("properties", ()) else []
        found += [part for pattern, part in schema.get("patternProperties", {}).items() if self.matches(pattern, name)]
        return found or [schema.get("additionalProperties", True)]


def key_of(value: Any) -> Hashable:
    """A key that is equal for equal JSON values: `1` and `1.0` alike, `1` and `true` not."""
    if isinstance(value, dict):
        return frozenset((name, key_of(item)) for name, item in value.items())
    if isinstance(value, list):
        return tuple(map(key_of, value))
    return ("number" if is_number(value) else type(value).__name__, value)


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number; `true` is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def fraction(value: float) -> Fraction:
    """A JSON number as it was written: 0.1 is a tenth."""
    return Fraction(str(value))


def types_of(schema: dict[str, Any]) -> list[str]:
    """The types that a schema names, as a list."""
    named = schema.get("type", [])
    return [named] if isinstance(named, str) else list(named)


def prefix_and_rest(schema: dict[str, Any]) -> tuple[list[Schema], Schema]:
    """The schemas of an array's first items, and of the others; drafts up to 2019 put the first into `items`."""
    items = schema.get("items", True)
    if isinstance(items, list):
        return items, schema.get("additionalItems", True)
    return schema.get("prefixItems", []), items


def lower_bound(schema: dict[str, Any]) -> tuple[float | None, bool]:
    """The least number, and whether it is excluded; draft 4 says so with `exclusiveMinimum: true`."""
    return _bound(schema.get("minimum"), schema.get("exclusiveMinimum"), max)


def upper_bound(schema: dict[str, Any]) -> tuple[float | None, bool]:
    """The greatest number, and whether it is excluded."""
    return _bound(schema.get("maximum"), schema.get("exclusiveMaximum"), min)


def _bound(closed: float | None, is_open: Any, tightest: Callable[..., float]) -> tuple[float | None, bool]:
    if isinstance(is_open, bool) or is_open is None:
        return closed, bool(is_open)
    return (is_open, True) if closed is None or tightest(closed, is_open) == is_open else (closed, False)


def _is_schema(value: Any) -> bool:
    return isinstance(value, dict | bool)


def _is_count(value: Any) -> bool:
    return _is_finite(value) and value >= 0 and value == int(value)


def _is_list(value: Any, of: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and all(map(of, value))


def _is_map(value: Any, of: Callable[[Any], bool]) -> bool:
    return isinstance(value, dict) and all(map(of, value.values()))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_finite(value: Any) -> bool:
    return is_number(value) and abs(value) < float("inf")


_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": _is_text,
    "number": is_number,
    "integer": lambda value: is_number(value) and value == value // 1,
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "null": lambda value: value is None,
}
_SHAPES: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(_COUNTS, _is_count),
    **dict.fromkeys(_SCHEMAS, _is_schema),
    **dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), lambda value: _is_list(value, _is_schema)),
    **dict.fromkeys(("properties", "patternProperties"), lambda value: _is_map(value, _is_schema)),
    **dict.fromkeys(("minimum", "maximum"), _is_finite),
    **dict.fromkeys(
        ("exclusiveMinimum", "exclusiveMaximum"), lambda value: isinstance(value, bool) or _is_finite(value)
    ),
    **dict.fromkeys(("$ref", "format", "pattern"), _is_text),
    "dependentRequired": lambda value: _is_map(value, lambda names: _is_list(names, _is_text)),
    "enum": lambda value: isinstance(value, list),
    "items": lambda value: _is_schema(value) or _is_list(value, _is_schema),
    "multipleOf": lambda value: _is_finite(value) and value > 0,
    "required": lambda value: isinstance(value, bool) or _is_list(value, _is_text),
    "type": lambda value: all(
        _is_text(one) and one in _TYPES for one in (value if isinstance(value, list) else [value])
    ),
}


def _check_shape(schema: Any) -> None:
    if not _is_schema(schema):
        raise BadSchema("a schema is neither an object nor a boolean")
    for keyword, argument in schema.items() if isinstance(schema, dict) else ():
        if keyword in NOT_READ:
            raise BadSchema(f"`{keyword}` is not supported")
        if keyword in _SHAPES and not _SHAPES[keyword](argument):
            raise BadSchema(f"`{keyword}` is malformed")


def _within(value: Any, schema: dict[str, Any]) -> bool:
    low, above = lower_bound(schema)
    high, below = upper_bound(schema)
    return (low is None or value > low or (value == low and not above)) and (
        high is None or value < high or (value == high and not below)
    )


def _items_valid(document: Document, value: list[Any], schema: dict[str, Any]) -> bool:
    prefix, rest = prefix_and_rest(schema)
    return all(document.valid(item, prefix[i] if i < len(prefix) else rest) for i, item in enumerate(value))


def _contains_valid(document: Document, value: list[Any], schema: dict[str, Any]) -> bool:
    count = sum(document.valid(item, schema["contains"]) for item in value)
    return bool(schema.get("minContains", 1) <= count <= schema.get("maxContains", len(value)))


def _condition_valid(document: Document, value: Any, condition: Schema, schema: dict[str, Any]) -> bool:
    return document.valid(value, schema.get("then" if document.valid(value, condition) else "else", True))


def _distinct(values: Iterable[Any]) -> bool:
    keys = list(map(key_of, values))
    return len(set(keys)) == len(keys)


# Each keyword constrains one type of value and lets the others pass.
_Check = Callable[[Document, Any, Any, dict[str, Any]], bool]
_NUMBERS: dict[str, _Check] = {
    **dict.fromkeys(
        ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), lambda d, v, a, schema: _within(v, schema)
    ),
    "multipleOf": lambda d, v, a, schema: _is_finite(v) and fraction(v) % fraction(a) == 0,
}
_STRINGS: dict[str, _Check] = {
    "minLength": lambda d, v, a, schema: len(v) >= a,
    "maxLength": lambda d, v, a, schema: len(v) <= a,
    "pattern": lambda d, v, a, schema: d.matches(a, v),
    "format": lambda d, v, a, schema: formats.conforms(a, v),
}
_ARRAYS: dict[str, _Check] = {
    "minItems": lambda d, v, a, schema: len(v) >= a,
    "maxItems": lambda d, v, a, schema: len(v) <= a,
    "uniqueItems": lambda d, v, a, schema: not a or _distinct(v),
    **dict.fromkeys(("items", "prefixItems"), lambda d, v, a, schema: _items_valid(d, v, schema)),
    "contains": lambda d, v, a, schema: _contains_valid(d, v, schema),
}
_OBJECTS: dict[str, _Check] = {
    "minProperties": lambda d, v, a, schema: len(v) >= a,
    "maxProperties": lambda d, v, a, schema: len(v) <= a,
    # Draft 3 had a boolean here, inside the property; it is still met and says nothing.
    "required": lambda d, v, a, schema: isinstance(a, bool) or all(name in v for name in a),
    "dependentRequired": lambda d, v, a, schema: all(n in v for name, names in a.items() if name in v for n in names),
    "propertyNames": lambda d, v, a, schema: all(d.valid(name, a) for name in v),
    **dict.fromkeys(
        ("properties", "patternProperties", "additionalProperties"),
        lambda d, v, a, schema: all(d.valid(v[name], part) for name in v for part in d.property_schemas(name, schema)),
    ),
}
_ANY: dict[str, _Check] = {
    "type": lambda d, v, a, schema: any(_TYPES[name](v) for name in types_of(schema)),
    "enum": lambda d, v, a, schema: key_of(v) in map(key_of, a),
    "const": lambda d, v, a, schema: key_of(v) == key_of(a),
    "allOf": lambda d, v, a, schema: all(d.valid(v, part) for part in a),
    "anyOf": lambda d, v, a, schema: any(d.valid(v, part) for part in a),
    "oneOf": lambda d, v, a, schema: sum(d.valid(v, part) for part in a) == 1,
    "not": lambda d, v, a, schema: not d.valid(v, a),
    "if": lambda d, v, a, schema: _condition_valid(d, v, a, schema),
}


def _only(is_type: Callable[[Any], bool], check: _Check) -> _Check:
    return lambda document, value, argument, schema: not is_type(value) or check(document, value, argument, schema)


_CHECKS: dict[str, _Check] = dict(_ANY)
for _type, _checks in (("number", _NUMBERS), ("string", _STRINGS), ("array", _ARRAYS), ("object", _OBJECTS)):
    _CHECKS.update({keyword: _only(_TYPES[_type], check) for keyword, check in _checks.items()})
