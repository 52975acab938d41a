"""Bodies that are not what the API takes: refused with the place, before any provider is asked."""

from __future__ import annotations

import json

import pytest
from integration.wire import CHAT, asking, error_in

HI = [{"role": "user", "content": "hi"}]
PATHS = [CHAT, "/v1/completions", "/v1/embeddings"]


def refused(answer, code):
    error = error_in(answer.content)
    assert (answer.status_code, error["type"], error["code"]) == (400, "invalid_request_error", code)
    return error


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"model": "m",}',
        b"\xff\xfe{}",
        b'{"model": "\xc3\x28"}',
        b"[" * 100_000,
        b"\x00",
    ],
    ids=["empty", "cut", "comma", "utf-16", "utf-8", "deep", "nul"],
)
def test_a_body_that_is_no_json_is_told_with_its_place(wire, path, body):
    error = refused(wire.post(path, content=body, headers={"content-type": "application/json"}), "invalid_json")
    assert "line 1 column" in error["message"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", [b"[]", b"null", b'"text"', b"1"])
def test_json_that_is_no_object_is_refused(wire, path, body):
    refused(wire.post(path, content=body), "invalid_request")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("body", "param"), [({}, "model"), ({"model": None}, "model"), ({"model": 1}, "model")])
def test_a_missing_or_wrong_model_is_named(wire, path, body, param):
    assert refused(wire.post(path, json=body), "invalid_request")["param"] == param


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"stream": "yes"}, "stream"),
        ({"stream": 1}, "stream"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"n": True}, "n"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [*HI, {"role": "user", "content": 5}]}, "messages[1].content"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"tools": {}}, "tools"),
        ({"stop": {"a": 1}}, "stop"),
    ],
    ids=str,
)
def test_a_field_of_the_wrong_type_is_named_and_not_guessed_at(wire, text_model, wrong, param):
    error = refused(wire.post(CHAT, content=json.dumps(asking(text_model) | wrong)), "invalid_request")
    assert error["param"] == param
    assert f"`{param}`" in error["message"]


def test_a_value_is_not_repeated_in_the_message(wire, text_model):
    answer = wire.post(CHAT, json=asking(text_model) | {"temperature": "a private text"})
    assert b"private" not in answer.content


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"])
def test_another_content_type_is_refused(wire, text_model, kind):
    answer = wire.post(CHAT, content=json.dumps(asking(text_model)), headers={"content-type": kind})
    assert (answer.status_code, error_in(answer.content)["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("kind", ["application/json", "APPLICATION/JSON; charset=utf-8", "application/vnd.api+json"])
def test_json_by_any_of_its_names_is_read(wire, text_model, kind):
    body = json.dumps(asking(text_model)).encode()
    assert wire.post(CHAT, content=body, headers={"content-type": kind}).status_code == 200


def test_a_compressed_body_is_refused(wire, text_model):
    answer = wire.post(CHAT, json=asking(text_model), headers={"content-encoding": "gzip"})
    assert answer.status_code == 415


@pytest.mark.parametrize("data", ["{", "[]", "7", '"x"'])
def test_provider_data_that_is_no_object_is_refused_by_the_name_of_its_header(wire, text_model, data):
    answer = wire.post(CHAT, json=asking(text_model), headers={"x-stack-provider-data": data})
    assert "`x-stack-provider-data`" in refused(answer, "invalid_request")["message"]


@pytest.mark.parametrize("limit", ["0", "-1", "soon", "1.5", "9" * 20])
def test_a_time_limit_that_is_none_is_refused(wire, text_model, limit):
    refused(wire.post(CHAT, json=asking(text_model), headers={"x-stack-timeout-ms": limit}), "invalid_request")
