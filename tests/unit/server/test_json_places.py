"""A body that cannot be read, or nests too deep, is refused with the name of the field that is at fault."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from stack.apis.vector_search import InsertRequest
from stack.errors import InvalidRequest
from stack.server.json_limits import MAX_DEPTH, check_json
from stack.server.json_places import deep_place, unreadable

HALF = rb'"a\ud800b"'
FILTER = b'{"type":"and","filters":['


def refusal(body: bytes) -> InvalidRequest:
    with pytest.raises(ValidationError) as raised:
        InsertRequest.model_validate_json(body)
    return unreadable(raised.value, body)


@pytest.mark.parametrize(
    "text",
    [HALF, rb'"\udc00"', rb'"\ud83d\u0041"', rb'"\ud83d\ud83d"', rb'"\u12"', b'"a\xff"', b'"\xed\xa0\x80"', b'"a\0"'],
)
@pytest.mark.parametrize(
    ("before", "after", "place"),
    [
        (b'{"query":', b"}", "query"),
        (b'{"chunks":[{"content":"a"},\n{"metadata":{"\xc3\xa9":', b"}}]}", "chunks[1].metadata.\u00e9"),
        (b'{"metadata":{"a":[1,', b"]}}", "metadata.a[1]"),
        (b'{"metadata":{', b":1}}", "metadata"),
    ],
)
def test_a_text_that_is_none_is_refused_by_its_field(before: bytes, text: bytes, after: bytes, place: str):
    error = refusal(before + text + after)
    assert (error.code, error.param, error.message.endswith(f", in `{place}`")) == ("invalid_json", place, True)


@pytest.mark.parametrize("body", [b"", b"{", b'{"a":1}}', b'{"a":tru}', HALF, b"\n" * 20_000 + b'{"a":' + HALF + b"}"])
def test_no_field_is_named_where_none_is_known_to_be_at_fault(body: bytes):
    error = refusal(body)
    assert (error.code, error.param) == ("invalid_json", None)


def test_a_body_of_another_shape_is_told_as_ever():
    assert refusal(b'{"vector_store_id":"a","chunks":[]}').param == "chunks"


@pytest.mark.parametrize("levels", [MAX_DEPTH, 150, 250, 5000])
@pytest.mark.parametrize(
    ("before", "opens", "closes", "place"),
    [
        (b'{"query":"a","filters":', FILTER, b"]}", "filters.filters[0].filters"),
        (b'{"chunks":[{"content":"a"},{"chunk_metadata":{"a":', b"[", b"]", "chunks[1].chunk_metadata.a"),
    ],
)
def test_what_nests_too_deep_is_refused_by_its_field(before, opens, closes, place, levels):
    body = before + opens * levels + b"1" + closes * levels
    whole = body + b"}" if b"chunks" not in before else body + b"}}]}"
    with pytest.raises(InvalidRequest, match="nests deeper") as raised:
        check_json(whole)
    assert raised.value.param == place


@pytest.mark.parametrize("body", [b"]" * 100, b"[" + b"[]," * 100, b"{" * 100, b'{"a":[' + b'{"b":1},' * 100])
def test_what_is_no_document_is_left_to_the_parser(body: bytes):
    assert deep_place(body, MAX_DEPTH) is None
    check_json(body)
