"""How deep the JSON of a request may nest, whatever its texts hold."""

from __future__ import annotations

import json

import pytest

from stack.errors import InvalidRequest
from stack.server.json_limits import MAX_DEPTH, check_json

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
