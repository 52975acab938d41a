"""Two JSON Schemas as one, for making values: as strict as both where that can be said, else as the first says.

Values are checked against the schemas themselves afterwards, so a merge may be too lax, never wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stack.providers.inline.playground.schema_check import key_of, types_of

# Lists of branches of which one each is to be taken; no keyword has such a name.
CHOICES = "one of each"

_GREATEST = frozenset(("minimum", "minLength", "minItems", "minProperties", "minContains", "exclusiveMinimum"))
_LEAST = frozenset(("maximum", "maxLength", "maxItems", "maxProperties", "maxContains", "exclusiveMaximum"))


def merge(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """A flat schema of what both ask for; both have CHOICES."""
    merged = dict(first)
    for keyword, argument in second.items():
        if keyword not in merged:
            merged[keyword] = argument
        elif keyword in _MERGES:
            merged[keyword] = _MERGES[keyword](merged[keyword], argument)
    return merged


def _types(first: Any, second: Any) -> list[str]:
    ours, theirs = types_of({"type": first}), types_of({"type": second})
    both = [name for name in ours if name in theirs or (name == "integer" and "number" in theirs)]
    return both + [name for name in theirs if name == "integer" and "number" in ours and name not in both]


def _enum(first: list[Any], second: list[Any]) -> list[Any]:
    keys = set(map(key_of, second))
    return [value for value in first if key_of(value) in keys]


def _both(first: Any, second: Any) -> Any:
    return {"allOf": [first, second]} if first != second else first


def _each(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    return first | {name: _both(first[name], part) if name in first else part for name, part in second.items()}


def _tightest(of: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    # Draft 4 has booleans for the exclusive bounds: those of the first stand.
    return lambda first, second: first if isinstance(first, bool) or isinstance(second, bool) else of(first, second)


_MERGES: dict[str, Callable[[Any, Any], Any]] = {
    CHOICES: lambda first, second: [*first, *second],
    "type": _types,
    "enum": _enum,
    "required": lambda first, second: (
        [*first, *second] if isinstance(first, list) and isinstance(second, list) else first
    ),
    "uniqueItems": lambda first, second: first or second,
    "dependentRequired": lambda first, second: first | second,
    **dict.fromkeys(("properties", "patternProperties"), _each),
    **dict.fromkeys(("additionalProperties", "propertyNames", "contains"), _both),
    "items": lambda first, second: (
        first if isinstance(first, list) or isinstance(second, list) else _both(first, second)
    ),
    **dict.fromkeys(_GREATEST, _tightest(max)),
    **dict.fromkeys(_LEAST, _tightest(min)),
}
