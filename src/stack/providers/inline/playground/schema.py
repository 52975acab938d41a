"""A value that conforms to a JSON Schema, made of what a text offers and of filler.

Candidates are made likeliest first and each is checked against the schema, so what comes out conforms or nothing does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain, islice, takewhile
from math import ceil, floor
from typing import Any

from stack.providers.inline.playground.formats import FORMATS
from stack.providers.inline.playground.hints import Hints
from stack.providers.inline.playground.patterns import UnsupportedPattern, sample
from stack.providers.inline.playground.schema_check import (
    BadSchema,
    Document,
    Schema,
    fraction,
    is_number,
    key_of,
    lower_bound,
    prefix_and_rest,
    types_of,
    upper_bound,
)
from stack.providers.inline.playground.schema_merge import CHOICES, merge

# A schema that refers to itself is filled as shallow as it allows: the first of these depths that succeeds.
_DEPTHS = (3, 6, 12, 24)
_STEPS = 20_000
_CHARACTERS_PER_STEP = 64
_SEARCH_STEPS = 10  # for a name to be looked for in the text
_MAX_ITEMS = 1_000
_MAX_TEXT = 10_000
_VARIANTS = 1_000
_KEYWORD_TYPES = {
    "object": ("properties", "required", "additionalProperties", "patternProperties", "minProperties"),
    "array": ("items", "prefixItems", "minItems", "contains", "uniqueItems"),
    "string": ("pattern", "format", "minLength", "maxLength"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}


def fill(schema: Any, hints: Hints, kind: str | None = None) -> Any:
    """A JSON value that conforms to `schema`. Raises BadSchema when there is none to be found, saying why.

    kind: the JSON type that the value must have besides.
    """
    document = Document(schema)
    wanted = {"type": kind, "allOf": [schema]} if kind else schema
    for depth in _DEPTHS:
        document.steps_left = _STEPS
        try:
            found = next(_Filler(document, hints, depth).candidates(wanted, "", 0), _NOTHING)
        except UnsupportedPattern as error:
            raise BadSchema(f"a `pattern` in it cannot be followed: {error}") from error
        except RecursionError as error:
            raise BadSchema("it is nested too deep") from error
        if found is not _NOTHING:
            return found
    raise BadSchema("no value was found that conforms to it")


_NOTHING = object()


class _Filler:
    """Makes candidates for the values of one document, down to one depth."""

    def __init__(self, document: Document, hints: Hints, max_depth: int) -> None:
        self.document = document
        self.hints = hints
        self.max_depth = max_depth

    def candidates(self, schema: Schema, field: str, depth: int) -> Iterator[Any]:
        """Conforming values, likeliest first."""
        if depth > self.max_depth or (schema := self.document.read(schema)) is False:
            return
        for variant in self._variants(self._flat(schema)):
            for value in self._values(variant, field, depth):
                self.document.step(1 + len(value) // _CHARACTERS_PER_STEP if isinstance(value, str) else 1)
                if self.document.valid(value, schema):
                    yield value

    def first(self, schema: Schema, field: str, depth: int, skip: int = 0) -> Any:
        """The first candidate, or a later one if there are as many; `_NOTHING` if there is none."""
        last = deque(islice(self.candidates(schema, field, depth), skip + 1), maxlen=1)
        value = last[0] if last else _NOTHING
        if isinstance(value, str) or is_number(value):
            self.hints.use(value)
        return value

    def _flat(self, schema: Schema, references: int = 0) -> dict[str, Any]:
        """The schema with `$ref` and `allOf` merged in, and what is to be chosen collected under CHOICES."""
        schema = self.document.read(schema)
        if isinstance(schema, bool):
            return {CHOICES: []} if schema else {CHOICES: [], "enum": []}
        if references > 50:
            raise BadSchema("its `$ref`s run in a circle")
        flat = {key: value for key, value in schema.items() if key not in ("$ref", "allOf", "anyOf", "oneOf", "if")}
        flat[CHOICES] = [schema[key] for key in ("anyOf", "oneOf") if key in schema]
        if "if" in schema:
            then = {"allOf": [schema["if"], schema.get("then", True)]}
            flat[CHOICES].append([then, schema.get("else", True)])
        parts = [self.document.resolve(schema["$ref"])] if "$ref" in schema else []
        for part in chain(parts, schema.get("allOf", ())):
            flat = merge(flat, self._flat(part, references + 1))
        return flat

    def _variants(self, flat: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The ways to choose one branch of each `anyOf`, `oneOf` and `if`; a branch of null comes last."""
        if not flat[CHOICES]:
            yield flat
            return
        branches, *others = flat[CHOICES]
        for branch in sorted(branches, key=lambda one: isinstance(one, dict) and one.get("type") == "null"):
            self.document.step()
            if branch is not False:
                yield from self._variants(merge({**flat, CHOICES: others}, self._flat(branch)))

    def _values(self, flat: dict[str, Any], field: str, depth: int) -> Iterator[Any]:
        if "const" in flat:
            yield flat["const"]
        elif "enum" in flat:
            yield from sorted(
                flat["enum"], key=lambda value: not (isinstance(value, str) and self.hints.mentions(value))
            )
        else:
            for name in _likely_types(flat):
                yield from self._of_type(name, flat, field, depth)

    def _of_type(self, name: str, flat: dict[str, Any], field: str, depth: int) -> Iterable[Any]:
        if name == "object":
            return self._objects(flat, depth)
        if name == "array":
            return self._arrays(flat, field, depth)
        if name == "string":
            return self._strings(flat, field)
        if name == "boolean":
            return [*_given(flat, "default"), True, False]
        return [None] if name == "null" else self._numbers(flat, field, name == "integer")

    def _strings(self, flat: dict[str, Any], field: str) -> Iterator[str]:
        yield from self.hints.stated(field)
        yield from _given(flat, "default")
        shape = FORMATS.get(flat.get("format", ""))
        if shape:
            yield from self.hints.formatted(flat["format"])
        yield from self.hints.pieces() if "pattern" in flat else () if shape else self._free_texts(flat, field)
        yield from _given(flat, "examples")
        if shape:
            yield from map(shape.example, range(_VARIANTS))
        yield from _patterned(flat) if "pattern" in flat else _filler_texts(flat, field)

    def _free_texts(self, flat: dict[str, Any], field: str) -> Iterator[str]:
        for text in self.hints.strings(field):
            yield text
            yield text[: int(flat.get("maxLength", len(text)))].rstrip()

    def _numbers(self, flat: dict[str, Any], field: str, whole: bool) -> Iterator[float]:
        offered = chain(
            self.hints.stated_numbers(field), _given(flat, "default"), self.hints.numbers(), _given(flat, "examples")
        )
        for number in offered:
            if is_number(number):
                yield int(number) if number == number // 1 else number
        yield from _steps(flat, whole)

    def _arrays(self, flat: dict[str, Any], field: str, depth: int) -> Iterator[list[Any]]:
        prefix, rest = prefix_and_rest(flat)
        contained = int(flat.get("minContains", 1)) if "contains" in flat else 0
        least = int(max(flat.get("minItems", 0), contained))
        wanted = max(least, len(prefix), 1, self._offered_items(rest))
        if least > _MAX_ITEMS:
            raise BadSchema(f"`minItems` is over {_MAX_ITEMS}")
        schemas = [
            {"allOf": [prefix[i] if i < len(prefix) else rest, flat["contains"] if i < contained else True]}
            for i in range(int(min(wanted, flat.get("maxItems", wanted))))
        ]
        items = (
            self._distinct_items(schemas, field, depth)
            if flat.get("uniqueItems")
            else self._items(schemas, field, depth)
        )
        yield list(items)
        if schemas and not least:
            yield []

    def _offered_items(self, schema: Schema) -> int:
        """How many numbers the text offers to an array of numbers."""
        named = types_of(schema) if isinstance(schema, dict) else []
        return min(len(self.hints.numbers()), 20) if {"number", "integer"} & set(named) else 0

    def _items(self, schemas: list[dict[str, Any]], field: str, depth: int) -> Iterator[Any]:
        for schema in schemas:
            if (value := self.first(schema, field, depth + 1)) is _NOTHING:
                return
            yield value

    def _distinct_items(self, schemas: list[dict[str, Any]], field: str, depth: int) -> Iterator[Any]:
        seen = set()
        sources: dict[Any, Iterator[Any]] = {}
        for schema in schemas:
            key = tuple(map(id, schema["allOf"]))
            source = sources.setdefault(key, self.candidates(schema, field, depth + 1))
            value = next((one for one in source if key_of(one) not in seen), _NOTHING)
            if value is _NOTHING:
                return
            seen.add(key_of(value))
            yield value

    def _objects(self, flat: dict[str, Any], depth: int) -> Iterator[dict[str, Any]]:
        if int(flat.get("minProperties", 0)) > _MAX_ITEMS:
            raise BadSchema(f"`minProperties` is over {_MAX_ITEMS}")
        last = None
        # Later rounds take later candidates: they are only asked for where values must be distinct.
        for skip in range(_VARIANTS):
            value = self._object(flat, depth, skip)
            if value is None or value == last:
                return
            last = value
            yield value

    def _object(self, flat: dict[str, Any], depth: int, skip: int) -> dict[str, Any] | None:
        properties = flat.get("properties", {})
        required = set(flat["required"]) if isinstance(flat.get("required"), list) else set()
        # What is optional is left out, unless the text states it or the schema requires nothing at all.
        names = [
            name for name in properties if name in required or not required or self._is_stated(name, properties[name])
        ]
        value: dict[str, Any] = {}
        for name in chain(names, sorted(required - set(properties)), self._more_names(flat, value)):
            if name in value:
                continue
            found = self.first(self._property_schema(flat, name), name, depth + 1, skip)
            if found is not _NOTHING:
                value[name] = found
            elif name in required:
                return None
        return value if len(value) >= flat.get("minProperties", 0) else None

    def _is_stated(self, name: str, schema: Schema) -> bool:
        schema = self.document.read(schema)
        self.document.step(_SEARCH_STEPS)
        listed = schema.get("enum", ()) if isinstance(schema, dict) else ()
        return (
            any(isinstance(value, str) and self.hints.mentions(value) for value in listed)
            or next(self.hints.stated(name), None) is not None
            or next(self.hints.stated_numbers(name), None) is not None
        )

    def _property_schema(self, flat: dict[str, Any], name: str) -> Schema:
        found = self.document.property_schemas(name, flat)
        return found[0] if len(found) == 1 else {"allOf": found}

    def _more_names(self, flat: dict[str, Any], value: dict[str, Any]) -> Iterator[str]:
        """Names that are needed on top: because of others that are there, or to reach `minProperties`."""
        for name, needed in flat.get("dependentRequired", {}).items():
            yield from needed if name in value else ()
        least = flat.get("minProperties", 0)
        patterned = (f"{sample(p)}{n or ''}" for p in flat.get("patternProperties", {}) for n in range(_MAX_ITEMS))
        named = self.candidates({"type": "string", "allOf": [flat.get("propertyNames", False)]}, "", 0)
        invented = (f"key{n}" for n in range(1, _MAX_ITEMS + 1))
        for name in chain(flat.get("properties", {}), patterned, named, invented):
            if len(value) >= least:
                return
            yield name


def _given(flat: dict[str, Any], keyword: str) -> list[Any]:
    """The values of `default` or `examples`; they may be of any type, and need not conform."""
    value = flat.get(keyword, [])
    return value if keyword == "examples" and isinstance(value, list) else [value] if keyword in flat else []


def _likely_types(flat: dict[str, Any]) -> list[str]:
    if named := types_of(flat):
        return sorted(named, key=lambda name: name == "null")
    implied = [name for name, keywords in _KEYWORD_TYPES.items() if any(keyword in flat for keyword in keywords)]
    return [
        *implied,
        *(name for name in ("string", "integer", "object", "array", "boolean", "null") if name not in implied),
    ]


def _steps(flat: dict[str, Any], whole: bool) -> Iterator[float]:
    """Numbers between the bounds, in steps of `multipleOf` or 1, then the middle."""
    low, high = lower_bound(flat)[0], upper_bound(flat)[0]
    unit = fraction(flat.get("multipleOf", 1))
    if whole:
        unit = Fraction(unit.numerator)
    if low is not None:
        rising = (ceil(fraction(low) / unit) * unit + step * unit for step in range(_VARIANTS))
        steps: Iterator[Fraction] = takewhile(lambda number: high is None or number <= high, rising)
    elif high is not None:
        top = min(floor(fraction(high) / unit), _VARIANTS) if high >= 1 else floor(fraction(high) / unit)
        steps = (top * unit - step * unit for step in range(_VARIANTS))
    else:
        steps = (unit * step for step in range(1, _VARIANTS))
    yield from map(_plain, steps)
    if low is not None and high is not None and not whole:
        yield from (_plain(fraction(low) + (fraction(high) - fraction(low)) * part / 64) for part in range(32, 64))


def _plain(number: Fraction) -> float:
    return number.numerator if number.denominator == 1 else float(number)


def _patterned(flat: dict[str, Any]) -> Iterator[str]:
    pattern = flat["pattern"]
    least = int(flat.get("minLength", 0))
    if least > _MAX_TEXT:
        raise BadSchema(f"`minLength` is over {_MAX_TEXT}")
    for extra in sorted({0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, least}):
        yield sample(pattern, extra)
    for variant in range(1, 100):
        for extra in (0, 1, 3, least):
            yield sample(pattern, extra, variant)


def _filler_texts(flat: dict[str, Any], field: str) -> Iterator[str]:
    """The field's own name, numbered, made as long and as short as the schema wants it."""
    least = int(flat.get("minLength", 0))
    if least > _MAX_TEXT:
        raise BadSchema(f"`minLength` is over {_MAX_TEXT}")
    word = field or "text"
    for number in range(_VARIANTS):
        suffix = f" {number + 1}" if number else ""
        text = (word + " " + word) * (least // (2 * len(word)) + 1) if least > len(word + suffix) else word
        most = int(flat.get("maxLength", max(least, len(text) + len(suffix))))
        yield (
            (text[: max(0, max(least, min(most, len(text) + len(suffix))) - len(suffix))] + suffix)[-most:]
            if most
            else ""
        )
