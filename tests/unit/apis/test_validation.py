from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import Field, ValidationError

from stack.apis.inference import ChatCompletionRequest, CompletionRequest, EmbeddingsRequest
from stack.apis.validation import invalid_request
from stack.apis.wire import WireModel
from stack.errors import InvalidRequest

SECRET = "sk-do-not-repeat"


def refusal(kind: type[WireModel], body: bytes) -> InvalidRequest:
    with pytest.raises(ValidationError) as caught:
        kind.model_validate_json(body)
    return invalid_request(caught.value)


def chat(body: str) -> str:
    return refusal(ChatCompletionRequest, body.encode()).message


def with_hi(fields: str) -> str:
    return '{"model":"m","messages":[{"role":"user","content":"hi"}],' + fields + "}"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("[]", "the request body must be an object, got an array"),
        ('"x"', "the request body must be an object, got a string"),
        ('{"messages":[{"role":"user","content":"a"}]}', "`model` is required"),
        ('{"model":"m"}', "`messages` is required"),
        ('{"model":"m","messages":[]}', "`messages` must not be empty"),
        ('{"model":"m","messages":{}}', "`messages` must be an array, got an object"),
        ('{"model":"m","messages":[3]}', "`messages[0]` must be an object, got a number"),
        ('{"model":"m","messages":[{}]}', "`messages[0].role` is required"),
        (with_hi('"stream":"yes"'), "`stream` must be a boolean, got a string"),
        (with_hi('"n":1.5'), "`n` must be an integer, got a decimal number"),
        (with_hi('"n":true'), "`n` must be an integer, got a boolean"),
        (with_hi('"n":0'), "`n` must be at least 1"),
        (with_hi('"temperature":"1"'), "`temperature` must be a number, got a string"),
        (with_hi('"temperature":NaN'), "`temperature` must be a finite number"),
        (with_hi('"service_tier":4'), "`service_tier` must be a string, got a number"),
        (with_hi('"stop":4'), "`stop` must be a string or an array, got a number"),
        (with_hi('"tool_choice":4'), "`tool_choice` must be a string or an object, got a number"),
        (with_hi('"audio":{"format":"wav","voice":[]}'), "`audio.voice` must be a string or an object, got an array"),
        (with_hi('"tools":[{"type":"function","function":null}]'), "`tools[0].function` must be an object, got null"),
        (with_hi('"metadata":{"A b":1}'), "`metadata.A b` must be a string, got a number"),
    ],
)
def test_a_message_names_the_field_and_what_is_expected(body, message):
    assert chat(body) == message


@pytest.mark.parametrize(
    ("content", "param"),
    [
        ("5", "messages[0].content"),
        ('[{"type":"text","text":5}]', "messages[0].content[0].text"),
        ('[{"type":"image_url","image_url":{"url":5}}]', "messages[0].content[0].image_url.url"),
    ],
)
def test_param_is_dotted_and_free_of_tags(content, param):
    error = refusal(
        ChatCompletionRequest, b'{"model":"m","messages":[{"role":"user","content":%s}]}' % content.encode()
    )
    assert (error.param, error.status, error.code, error.type) == (
        param,
        400,
        "invalid_request",
        "invalid_request_error",
    )


def test_a_field_named_like_a_tag_is_not_taken_for_one():
    body = with_hi('"prediction":{"type":"content","content":[{"type":"text"}]}').encode()
    assert refusal(ChatCompletionRequest, body).param == "prediction.content[0].text"


def test_of_several_alternatives_the_one_that_came_furthest_speaks():
    assert refusal(CompletionRequest, b'{"model":"m","prompt":["a",5]}').message == (
        "`prompt[1]` must be a string, got a number"
    )
    assert refusal(CompletionRequest, b'{"model":"m","prompt":[1,2,"a"]}').message == (
        "`prompt[2]` must be an integer, got a string"
    )


def test_alternatives_that_tie_speak_together():
    assert refusal(EmbeddingsRequest, b'{"model":"m","input":[null]}').message == (
        "`input[0]` must be a string, an integer or an array, got null"
    )


@pytest.mark.parametrize("empty", [b'""', b"[]"])
def test_an_empty_input_is_called_empty(empty):
    assert refusal(EmbeddingsRequest, b'{"model":"m","input":%s}' % empty).message == "`input` must not be empty"


@pytest.mark.parametrize(
    ("body", "position"),
    [
        (b"", "line 1 column 0"),
        (b'{"model":', "line 1 column 9"),
        (b'{\n "model": "m",\n}', "line 3 column 1"),
        (b'{"model": "\xff"}', "line 1 column 12"),
        (b'{"model": "m"} x', "line 1 column 16"),
        (b"[" * 100_000, "line 1 column 202"),
    ],
    ids=["empty", "cut", "comma", "utf-8", "trailing", "depth"],
)
def test_what_is_not_json_is_told_with_its_position(body, position):
    error = refusal(ChatCompletionRequest, body)
    assert error.message.startswith("the request body is not valid JSON: ")
    assert error.message.endswith(position)
    assert (error.code, error.param) == ("invalid_json", None)


@pytest.mark.parametrize(
    "body",
    [
        f'"{SECRET}"',
        f'{{"model":["{SECRET}"]}}',
        f'{{"model":"{SECRET}',
        with_hi(f'"stream":"{SECRET}"'),
        with_hi(f'"tools":[{{"type":"function","function":"{SECRET}"}}]'),
        with_hi(f'"metadata":{{"k":["{SECRET}"]}}'),
    ],
)
def test_a_message_never_repeats_the_callers_value(body):
    error = refusal(ChatCompletionRequest, body.encode())
    assert SECRET not in str(error.envelope())


def test_a_callers_own_key_is_cut():
    error = refusal(ChatCompletionRequest, with_hi('"metadata":{"%s":1}' % ("k" * 10_000)).encode())
    assert len(error.message) < 200


class Bounds(WireModel):
    most: Annotated[int, Field(le=5)] = 0
    more: Annotated[float, Field(gt=0)] = 1
    less: Annotated[float, Field(lt=1)] = 0
    few: Annotated[list[int], Field(max_length=1)] = []  # noqa: RUF012 - pydantic copies it
    short: Annotated[str, Field(max_length=1)] = ""
    coded: Annotated[str, Field(pattern="^a$")] = "a"
    listed: Literal["a", "b"] = "a"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"most":6}', "`most` must be at most 5"),
        (b'{"more":0}', "`more` must be more than 0"),
        (b'{"less":1}', "`less` must be less than 1"),
        (b'{"few":[1,2]}', "`few` must have at most 1 items"),
        (b'{"short":"ab"}', "`short` must have at most 1 characters"),
        (b'{"listed":"c"}', "`listed` must be `a` or `b`"),
        (b'{"coded":"b"}', "`coded` must match `^a$`"),
    ],
)
def test_bounds_are_told(body, message):
    assert refusal(Bounds, body).message.replace(".0", "") == message
