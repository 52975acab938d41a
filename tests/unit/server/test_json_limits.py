"""How deep the JSON of a request may nest and how much it may hold, whatever its texts say."""

from __future__ import annotations

import json

import pytest

from stack.errors import InvalidRequest
from stack.server.json_limits import MAX_DEPTH, MAX_VALUES, OBJECT, check_json, check_values

TEXTS = ["", "[" * 500, "]" * 500, '"[{' * 99, "\\" * 99 + '"' + "]" * 99, '\\"' * 50 + "[" * 99, "\u00e9\u2028{"]


def nested(levels: int, opens: str, closes: str, text: str = "") -> bytes:
    inner = opens * levels + json.dumps(text) + closes * levels
    return (inner if closes == "]" else inner.replace("{", '{"a":')).encode()


@pytest.mark.parametrize("text", TEXTS)
def test_as_many_levels_as_allowed_pass(text: str):
    check_json(nested(MAX_DEPTH, "[", "]", text))


@pytest.mark.parametrize("text", TEXTS)
def test_one_more_is_refused(text: str):
    with pytest.raises(InvalidRequest, match=f"deeper than {MAX_DEPTH} levels") as raised:
        check_json(nested(MAX_DEPTH + 1, "[", "]", text))
    assert raised.value.code == "invalid_json"


def test_objects_count_as_arrays_do():
    check_json(nested(MAX_DEPTH, "{", "}"))
    with pytest.raises(InvalidRequest):
        check_json(nested(MAX_DEPTH + 1, "{", "}"))


def test_many_brackets_side_by_side_are_not_deep():
    check_json(json.dumps([[{"a": [1, "]"]}]] * 10_000).encode())


MANY = {
    "numbers": b"1",
    "arrays": b"[]",
    "objects": b"{}",
    "empty texts": b'""',
    "texts that end with a backslash": rb'"\\"',
    "texts of quotes": rb'"\"\""',
    "texts of commas": b'","',
}


def array(value: bytes, count: int) -> bytes:
    return b'{"a":[' + b",".join([value] * count) + b"]}"


@pytest.mark.parametrize("name", MANY)
def test_a_body_with_too_many_values_is_refused(name: str):
    with pytest.raises(InvalidRequest, match="JSON values"):
        check_values(array(MANY[name], MAX_VALUES + 1))


@pytest.mark.parametrize("name", MANY)
def test_a_good_share_of_them_passes(name: str):
    each = 1 + OBJECT if name == "objects" else 2
    check_values(array(MANY[name], MAX_VALUES // each - OBJECT))


@pytest.mark.parametrize("text", [",", "[", "{", '"', "\\", '\\"', ', "a", [1, 2], '])
def test_no_text_is_taken_for_values(text: str):
    check_values(json.dumps({"content": text * MAX_VALUES * 2}).encode())
