"""What the playground makes by a JSON Schema conforms to it, or is refused."""

from __future__ import annotations

import json
import random
import re
from datetime import date, datetime
from enum import Enum
from ipaddress import IPv4Address
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from stack.errors import UnsupportedParameter
from stack.providers.inline.playground import patterns
from stack.providers.inline.playground.hints import Hints
from stack.providers.inline.playground.schema import fill
from stack.providers.inline.playground.schema_check import BadSchema, Document

TEXT = "Alice and Bob meet on 2025-03-04 at 3 pm in the Grand Hotel, room 12, for 99.5 euros"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Point(Strict):
    x: Annotated[float, Field(gt=0, lt=0.1)]
    y: Annotated[int, Field(ge=10, multiple_of=7)]


class Tree(Strict):
    name: Annotated[str, Field(min_length=30, max_length=31)]
    children: list[Tree]
    parent: Tree | None


class Add(Strict):
    kind: Literal["add"]
    left: Expression
    right: Expression


class Number(Strict):
    kind: Literal["number"]
    value: int


Expression = Annotated[Add | Number, Field(discriminator="kind")]
Add.model_rebuild()


class Everything(Strict):
    colour: Colour
    points: Annotated[list[Point], Field(min_length=2)]
    tags: Annotated[set[str], Field(min_length=3)]
    pair: tuple[int, str]
    scores: dict[str, float]
    code: Annotated[str, Field(pattern=r"^[A-Z]{3}-\d{2,4}$")]
    day: date
    at: datetime
    id: UUID
    address: IPv4Address
    maybe: int | None
    flag: bool
    expression: Expression
    anything: Any


@pytest.mark.parametrize("model", [Point, Tree, Add, Everything, list[Colour], dict[str, Point], Expression])
def test_a_value_made_by_a_pydantic_schema_is_taken_by_the_model(model):
    adapter = TypeAdapter(model)
    adapter.validate_json(json.dumps(fill(adapter.json_schema(), Hints(TEXT))))


VALUES = {
    "const": ({"const": {"a": [1]}}, {"a": [1]}),
    "all of": (
        {"allOf": [{"properties": {"a": {"minimum": 5}}, "required": ["a"]}, {"properties": {"a": {"maximum": 5}}}]},
        {"a": 5},
    ),
    "one of": ({"oneOf": [{"multipleOf": 3, "enum": [15, 5]}, {"enum": [15, 4]}]}, 4),
    "any of, null last": ({"anyOf": [{"type": "null"}, {"const": 1}]}, 1),
    "type list": ({"type": ["null", "boolean"]}, True),
    "not": ({"enum": [1, 2], "not": {"const": 1}}, 2),
    "pointer": ({"$defs": {"a/b": {"const": 7}}, "$ref": "#/$defs/a~1b"}, 7),
    "reference beside keywords": ({"$defs": {"n": {"type": "integer"}}, "$ref": "#/$defs/n", "minimum": 200}, 200),
    "draft 4 bounds": ({"type": "integer", "minimum": 200, "exclusiveMinimum": True}, 201),
    "upper bound only": ({"type": "integer", "maximum": -5}, -5),
    "tenths": ({"type": "number", "multipleOf": 0.1, "minimum": 0.25, "maximum": 0.35}, 0.3),
    "contains": (
        {"type": "array", "contains": {"const": 7}, "minContains": 2, "items": {"type": "integer"}, "maxItems": 2},
        [7, 7],
    ),
    "tuple": ({"type": "array", "prefixItems": [{"const": 1}, {"const": 2}], "items": False}, [1, 2]),
    "old tuple": ({"type": "array", "items": [{"const": 1}], "additionalItems": False}, [1]),
    "unique": ({"type": "array", "items": {"enum": ["a", "a", "b"]}, "uniqueItems": True, "minItems": 2}, ["a", "b"]),
    "true is not one": (
        {"type": "array", "items": {"enum": [1, 1.0, True]}, "uniqueItems": True, "minItems": 2},
        [1, True],
    ),
    "dependent": (
        {"properties": {"b": {"const": 1}}, "dependentRequired": {"a": ["b"]}, "required": ["a"]},
        {"a": "Bob", "b": 1},
    ),
    "patterned names": (
        {"patternProperties": {"^x-": {"const": 1}}, "additionalProperties": False, "minProperties": 2},
        {"x-": 1, "x-1": 1},
    ),
    "condition": (
        {
            "properties": {"k": {"const": "a"}, "x": {"const": 1}},
            "if": {"required": ["k"]},
            "then": {"required": ["x"]},
            "required": ["k"],
        },
        {"k": "a", "x": 1},
    ),
    "default": ({"type": "string", "default": "here"}, "here"),
    "example": ({"type": "integer", "minimum": 1000, "examples": ["no", 1234]}, 1234),
    "anything": (True, "Bob"),
}


@pytest.mark.parametrize(("schema", "expected"), VALUES.values(), ids=VALUES)
def test_keywords_are_followed(schema, expected):
    assert fill(schema, Hints("ask Bob")) == expected


IMPOSSIBLE = {
    "false": (False, "no value"),
    "bounds": ({"type": "integer", "minimum": 5, "maximum": 4}, "no value"),
    "endless": ({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}, "no value"),
    "too few": ({"type": "array", "items": {"type": "boolean"}, "uniqueItems": True, "minItems": 3}, "no value"),
    "circle": ({"$ref": "#"}, "circle"),
    "circle of parts": ({"allOf": [{"$ref": "#"}]}, "circle"),
    "elsewhere": ({"$ref": "https://example.com/schema"}, "leaves the schema"),
    "nowhere": ({"$ref": "#/$defs/x"}, "points to nothing"),
    "malformed": ({"properties": []}, "`properties` is malformed"),
    "malformed inside": ({"items": {"minimum": "3"}, "type": "array", "minItems": 1}, "`minimum` is malformed"),
    "no schema": ({"properties": {"a": {"$ref": "#/properties"}, "b": 1}, "required": ["a"]}, "malformed"),
    "unread": ({"unevaluatedProperties": False}, "`unevaluatedProperties` is not supported"),
    "look-around": ({"type": "string", "pattern": "^(?=a)"}, "look-around"),
    "long": ({"type": "string", "minLength": 10**9}, "over 10000"),
    "wide": ({"type": "array", "minItems": 10**9}, "over 1000"),
    "huge": ({"type": "array", "minItems": 900, "items": {"type": "array", "minItems": 900}}, "too many steps"),
}


@pytest.mark.parametrize(("schema", "reason"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_what_cannot_be_met_is_refused_with_the_reason(schema, reason):
    with pytest.raises(BadSchema, match=reason):
        fill(schema, Hints(TEXT))


INVALID = [
    ({"type": "integer"}, True),
    ({"type": "integer"}, 1.5),
    ({"type": "number"}, "1"),
    ({"exclusiveMaximum": 3}, 3),
    ({"multipleOf": 0.1}, 0.25),
    ({"maxLength": 2}, "abc"),
    ({"pattern": "^a$"}, "ba"),
    ({"format": "date"}, "2025-02-30"),
    ({"format": "date-time"}, "2025-02-03"),
    ({"format": "time"}, "25:00:00Z"),
    ({"format": "email"}, "a@b"),
    ({"format": "ipv6"}, "1.2.3.4"),
    ({"format": "uri"}, "example"),
    ({"format": "uuid"}, "1"),
    ({"format": "duration"}, "P"),
    ({"format": "hostname"}, "-a"),
    ({"enum": [1]}, True),
    ({"required": ["a"]}, {}),
    ({"additionalProperties": False}, {"a": 1}),
    ({"propertyNames": {"maxLength": 1}}, {"ab": 1}),
    ({"dependentRequired": {"a": ["b"]}}, {"a": 1}),
    ({"minProperties": 1}, {}),
    ({"items": {"type": "null"}}, [1]),
    ({"uniqueItems": True}, [{"a": 1, "b": 2}, {"b": 2, "a": 1.0}]),
    ({"contains": {"const": 1}}, [2]),
    ({"oneOf": [{}, {"type": "string"}]}, "a"),
    ({"not": {}}, 1),
    ({"if": {"const": 1}, "then": False}, 1),
]


@pytest.mark.parametrize(("schema", "value"), INVALID, ids=str)
def test_the_check_finds_what_does_not_conform(schema, value):
    document = Document(schema)
    document.steps_left = 1000
    assert not document.valid(value, schema)


def person():
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
    }
    return {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}


async def test_a_structured_answer_is_filled_from_the_question(text):
    answer = await text("Make a profile for Bob, who is 25 years old", response_format=person())
    assert json.loads(answer) == {"name": "Bob", "age": 25}


async def test_a_field_for_the_answer_holds_the_quotation(text):
    shape = {
        "type": "json_schema",
        "json_schema": {"name": "a", "schema": {"properties": {"final_answer": {"type": "string"}}}},
    }
    answer = await text("The capital of France is Paris.", "What is the capital of France?", response_format=shape)
    assert json.loads(answer) == {"final_answer": "The capital of France is Paris."}


async def test_a_json_object_is_answered_when_asked(text):
    assert "language model" in json.loads(await text("Hello", response_format={"type": "json_object"}))["answer"]


async def test_a_structured_answer_that_cannot_be_is_refused(text):
    shape = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "string", "pattern": "\\p{L}"}}}
    with pytest.raises(UnsupportedParameter, match="pattern") as refusal:
        await text("Hello", response_format=shape)
    assert refusal.value.param == "response_format.json_schema.schema"


@pytest.mark.parametrize(("items", "n"), [(1_000, 1), (100, 8)])
async def test_a_structured_answer_that_would_be_huge_is_refused(text, items, n):
    schema = {"type": "array", "minItems": items, "items": {"type": "string", "minLength": 5_000}}
    with pytest.raises(UnsupportedParameter, match=r"too many steps|ask for fewer"):
        await text(
            "Hello", n=n, response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
        )


PATTERNS = [
    r"^[A-Z]{3}-\d{4}$",
    r"^\+?[1-9]\d{1,14}$",
    r"^(foo|bar)+[^a-z]?$",
    r"^#(?:[0-9a-fA-F]{3}){1,2}$",
    r"\bword\b",
    r"^[\w.+-]+@[\w-]+\.[a-z]{2,}$",
    r"^\S+\s\D*$",
    r"^[^\s\d]{5,}$",
    r"a.c|\.\*",
    r"^[\]\-a-c]+$",
    "",
]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("extra", [0, 1, 5])
def test_a_sample_matches_its_pattern(pattern, extra):
    text = patterns.sample(pattern, extra, variant=extra)
    assert re.search(pattern, text)
    assert patterns.Matcher(text).finds(pattern)


@pytest.mark.parametrize("seed", range(20))
def test_patterns_match_as_the_standard_library_does(seed):
    chance = random.Random(seed)
    for _ in range(50):
        pattern, text = random_pattern(chance, 4), "".join(chance.choices("ab1 ", k=6))
        assert patterns.Matcher(text).finds(pattern) == bool(re.search(pattern.replace("$", r"\Z"), text)), (
            pattern,
            text,
        )


def random_pattern(chance, depth):
    if not depth or chance.random() < 0.4:
        return chance.choice(["a", "b", ".", "[ab]", "[^a]", r"\d", "1", "^", "$", r"\b", r"\W"])
    inner = random_pattern(chance, depth - 1)
    other = random_pattern(chance, depth - 1)
    return chance.choice(
        [f"{inner}{other}", f"(?:{inner}|{other})", f"({inner})" + chance.choice(["*", "+", "?", "{2}", "{1,3}"])]
    )


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(a*)*b", "(x+x+)+y"])
def test_patterns_that_make_backtracking_hang_do_not_hang(pattern):
    assert not patterns.Matcher("a" * 2000 + "!").finds(pattern)


@pytest.mark.parametrize(
    "pattern", ["(", ")", "[a", "*", "a{2", r"\1", r"\p{L}", "(?!a)", "(?<=a)", "(" * 500, "a" * 3000, r"\x"]
)
def test_patterns_that_are_not_read_are_refused(pattern):
    with pytest.raises(patterns.UnsupportedPattern):
        patterns.sample(pattern)


def test_a_pattern_that_takes_too_long_is_refused():
    with pytest.raises(patterns.UnsupportedPattern, match="too many steps"):
        patterns.Matcher("a" * 10_000).finds("((a{1,99}b?){1,99}c?){1,99}d")
