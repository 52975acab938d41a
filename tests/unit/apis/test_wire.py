from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from stack.apis.wire import Reply, ReplyMeta, Stream, WireModel, WireRequest, as_chunk, event_data, replace_model


class Ask(WireRequest):
    n: int | None = None
    temperature: float | None = None


class Answer(WireModel):
    model: str = ""
    text: str = ""


async def blocks(*parts: bytes):
    for part in parts:
        yield part


async def values(*answers: Answer):
    for answer in answers:
        yield answer


async def joined(stream: Stream[Answer]) -> bytes:
    return b"".join([block async for block in stream.blocks()])


async def renamed(*parts: bytes, model: str = "new") -> bytes:
    return await joined(Stream(Answer, ReplyMeta(), blocks(*parts)).renamed(model))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"model":"old"}', b'{"model":"new"}'),
        (b'{ "a":1, "model" :\t"old", "b" : 2 }', b'{ "a":1, "model":"new", "b" : 2 }'),
        (b'{"a":{"b":[1]},"model":"old"}', b'{"a":{"b":[1]},"model":"new"}'),
        (b'{"model":"old","a":[{"b":"}]"}],"c":{}}', b'{"model":"new","a":[{"b":"}]"}],"c":{}}'),
        (rb'{"model":"o\"l\\d","x":1}', b'{"model":"new","x":1}'),
        (rb'{"text":"say \"model\": \"x\" {","model":"old"}', rb'{"text":"say \"model\": \"x\" {","model":"new"}'),
        (b'{"text":"model","model":"old"}', b'{"text":"model","model":"new"}'),
    ],
    ids=["only", "spaces", "after nested", "before nested", "escaped value", "quoted in text", "as a value"],
)
def test_only_the_text_of_model_changes(before, after):
    assert replace_model(before, "new") == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"model":"old","moderation":{"model":"mod"}}', {"model": "new", "moderation": {"model": "mod"}}),
        (b'{"moderation":{"model":"mod"},"model":"old"}', {"moderation": {"model": "mod"}, "model": "new"}),
        (b'{"model":"first","model":"last"}', {"model": "new"}),
        (rb'{"\u006dodel":"old"}', {"model": "new"}),
        (rb'{"mod\u0065l":"old","a":{"model":"mod"}}', {"model": "new", "a": {"model": "mod"}}),
        (b'{"model":"old","a":{"model":null}}', {"model": "new", "a": {"model": None}}),
    ],
    ids=["nested after", "nested before", "duplicate", "escaped key", "escaped key and nested", "nested null"],
)
def test_only_the_top_level_model_changes(before, after):
    assert json.loads(replace_model(before, "new")) == after


@pytest.mark.parametrize(
    "document",
    [
        b"{}",
        b'{"moderation":{"model":"mod"},"id":"a longer text at the end"}',
        b'{"id":"a longer text at the start","moderation":{"model":"mod"}}',
        b'{"results":[{"model":"mod"}]}',
        b'{"model":null}',
        b'{"model":{"model":"deep"}}',
        b'["model"]',
        b"[DONE]",
        b"",
        b'{"model": ',
    ],
)
def test_a_document_without_a_model_of_its_own_stays(document):
    assert replace_model(document, "new") == document


@pytest.mark.parametrize("model", ['a"b', "a\\b", "größe/\n", r"\1\g<0>"])
def test_any_model_id_is_encoded(model):
    assert json.loads(replace_model(b'{"model":"old","x":1}', model)) == {"model": model, "x": 1}


def test_a_request_sends_the_bytes_it_came_in():
    body = b'{ "n":1 , "model":"m", "knob": 1.10, "n":2 }'
    assert Ask.from_body(body).body() == body


def test_a_readdressed_request_changes_only_its_model():
    request = Ask.from_body(b'{ "model":"m", "knob": 1.10 }')
    assert request.for_model("up").body() == b'{ "model":"up", "knob": 1.10 }'
    assert (request.for_model("up").model, request.model) == ("up", "m")
    assert request.body() == b'{ "model":"m", "knob": 1.10 }'


def test_a_request_made_in_python_sends_what_was_set():
    request = Ask(model="m", n=None, knob={"a": [1]})
    assert json.loads(request.for_model("up").body()) == {"model": "up", "n": None, "knob": {"a": [1]}}


@pytest.mark.parametrize(
    "body", [b'{"n":1}', b'{"model":1}', b'{"model":"m","n":"1"}', b'{"model":"m","temperature":NaN}', b"[]"]
)
def test_a_body_of_another_shape_is_refused(body):
    with pytest.raises(ValidationError):
        Ask.from_body(body)


def test_a_validation_error_does_not_print_its_input():
    with pytest.raises(ValidationError) as caught:
        Ask.from_body(b'{"model":["secret"]}')
    assert "secret" not in str(caught.value)


def test_a_reply_of_bytes_is_parsed_on_demand():
    reply = Reply(Answer, ReplyMeta(), body=b'{ "model":"m", "extra":1 }')
    assert reply.body == b'{ "model":"m", "extra":1 }'
    assert reply.value.model == "m"
    assert reply.value is reply.value


def test_a_reply_of_a_value_is_encoded_on_demand():
    reply = Reply.of(Answer(text="hi"))
    assert reply.body == b'{"text":"hi"}'
    assert reply.value.text == "hi"


@pytest.mark.parametrize(
    "reply",
    [Reply(Answer, ReplyMeta("p"), body=b'{"model":"old"}'), Reply.of(Answer(model="old"), ReplyMeta("p"))],
    ids=["bytes", "value"],
)
def test_a_renamed_reply_keeps_the_rest(reply):
    other = reply.renamed("new")
    assert (other.body, other.value.model, other.meta.provider_id) == (b'{"model":"new"}', "new", "p")
    assert reply.value.model == "old"


@pytest.mark.parametrize(
    ("block", "data"),
    [
        (b"data: {}\n\n", [b"{}"]),
        (b"data:{}\n\n", [b"{}"]),
        (b"data: 1\n\ndata: [DONE]\n\n", [b"1", b"[DONE]"]),
        (b": comment\n\nevent: ping\n\ndata: 1\n\n", [b"1"]),
        (b"event: x\nid: 7\ndata: 1\n\n", [b"1"]),
        (b'data: {"a":\ndata: 1}\n\n', [b'{"a":\n1}']),
        (b"", []),
    ],
)
def test_data_is_read_from_whole_events(block, data):
    assert list(event_data(block)) == data


async def test_a_stream_made_of_values_is_sse_that_ends_with_done():
    stream = Stream.of(Answer, values(Answer(text="a"), Answer(text="b")))
    assert await joined(stream) == b'data: {"text":"a"}\n\ndata: {"text":"b"}\n\ndata: [DONE]\n\n'


async def test_iterating_gives_typed_chunks():
    stream = Stream(
        Answer, ReplyMeta(), blocks(b': hi\n\ndata: {"text":"a"}\n\ndata: {"text":"b"}\n\n', b"data: [DONE]\n\n")
    )
    assert [chunk.text async for chunk in stream] == ["a", "b"]


async def test_a_renamed_stream_changes_each_event_of_each_block():
    one, two = b'data: {"model":"old","n":1}\n\n', b'data: {"model":"old","n":2}\n\n'
    done = b"data: [DONE]\n\n"
    assert await renamed(one + two, two + one + one, one + done) == (one + two + two + one + one + one + done).replace(
        b"old", b"new"
    )


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (b": keep-alive\n\n", b": keep-alive\n\n"),
        (b"data: [DONE]\n\n", b"data: [DONE]\n\n"),
        (b'event: error\ndata: {"error":1}\n\n', b'event: error\ndata: {"error":1}\n\n'),
        (b'event: x\ndata: {"model":"old"}\n\n', b'event: x\ndata: {"model":"new"}\n\n'),
        (b'data:{"model":"old"}\n\n', b'data: {"model":"new"}\n\n'),
        (b'data: {"model" : "older"}\n\n', b'data: {"model":"new"}\n\n'),
        (rb'data: {"\u006dodel":"old"}' + b"\n\n", b'data: {"model":"new"}\n\n'),
        (b'data: {"m":{"model":"old"},"id":"0123456"}\n\n', b'data: {"m":{"model":"old"},"id":"0123456"}\n\n'),
        (b'data: {"model":"old","m":{"model":"old"}}\n\n', b'data: {"model":"new","m":{"model":"old"}}\n\n'),
        (
            rb'data: {"model":"old","t":"data: {\"model\":\"old\"} "}' + b"\n\n",
            rb'data: {"model":"new","t":"data: {\"model\":\"old\"} "}' + b"\n\n",
        ),
        (b"data: not json\n\n", b"data: not json\n\n"),
    ],
)
@pytest.mark.parametrize("learned", [False, True])
async def test_a_renamed_stream_changes_nothing_else(block, expected, learned):
    first = [b'data: {"model":"old"}\n\n'] if learned else []
    named = b'data: {"model":"new"}\n\n'
    assert await renamed(*first, block, *first) == named * learned + expected + named * learned


async def test_events_that_name_model_twice_are_told_apart_within_a_block():
    once, twice = b'data: {"model":"old"}\n\n', b'data: {"model":"old","m":{"model":"old"}}\n\n'
    bare = b'data: {"id":"x"}\n\n'
    assert await renamed(once, twice + bare + once) == (
        b'data: {"model":"new"}\n\n' + twice.replace(b"old", b"new", 1) + bare + b'data: {"model":"new"}\n\n'
    )


async def test_an_upstream_may_change_its_spelling_midway():
    old, other = b'data: {"model":"old"}\n\n', b'data: {"model": "other"}\n\n'
    assert await renamed(old, old + other, other, other + other, old) == b'data: {"model":"new"}\n\n' * 7


async def test_a_first_event_with_an_empty_model_is_named_too():
    assert await renamed(b'data: {"model":""}\n\n', b'data: {"model":"m"}\n\n') == b'data: {"model":"new"}\n\n' * 2


async def test_a_stream_can_be_renamed_twice():
    stream = Stream(Answer, ReplyMeta(), blocks(b'data: {"model":"a"}\n\n')).renamed("b").renamed("c")
    assert await joined(stream) == b'data: {"model":"c"}\n\n'


class Source:
    """Counts how often what feeds a stream was released."""

    def __init__(self) -> None:
        self.closed = 0

    async def close(self) -> None:
        self.closed += 1

    async def failing(self):
        try:
            yield b"data: {}\n\n"
        finally:
            raise OSError("clean-up failed")

    async def answers(self):
        try:
            while True:
                yield Answer(text="more")
        finally:
            self.closed += 1


@pytest.mark.parametrize("times", [0, 1, 2])
async def test_closing_a_stream_that_never_started_releases_its_source(times):
    source = Source()
    stream = Stream(Answer, ReplyMeta(), blocks(b"data: {}\n\n"), source.close)
    for _ in range(times):
        stream = stream.renamed("new")
    await stream.aclose()
    assert source.closed == 1
    assert [block async for block in stream.blocks()] == []


async def test_closing_a_stream_midway_releases_its_source():
    source = Source()
    stream = Stream(Answer, ReplyMeta(), blocks(b"data: {}\n\n", b"data: {}\n\n"), source.close).renamed("new")
    await anext(stream.blocks())
    await stream.aclose()
    assert source.closed == 1


async def test_closing_releases_the_source_though_the_blocks_fail_to_close():
    source = Source()
    stream = Stream(Answer, ReplyMeta(), source.failing(), source.close)
    await anext(stream.blocks())
    with pytest.raises(OSError, match="clean-up failed"):
        await stream.aclose()
    assert source.closed == 1


async def test_closing_a_stream_of_values_closes_their_generator():
    source = Source()
    stream = Stream.of(Answer, source.answers())
    async for _ in stream:
        break
    await stream.aclose()
    assert source.closed == 1


@pytest.mark.parametrize(
    "body",
    [b'{"model":"b","n":1,"model":"a"}', rb'{"mod\u0065l":"b","n":1,"model":"a"}', rb'{"model":"b","\u006dodel":"a"}'],
)
def test_a_body_that_names_two_models_goes_up_with_one_even_if_it_is_right(body: bytes):
    request = Ask.from_body(body)
    sent = request.for_model(request.model).body()
    assert json.loads(sent)["model"] == request.model == "a"
    assert sent.count(b"odel") == sent.count(b'"model"') == 1


def test_a_whole_answer_becomes_one_chunk():
    call = {"id": "c", "function": {"name": "f", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    answer = {"object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    chunk = json.loads(as_chunk(json.dumps(answer).encode()))
    assert chunk["object"] == "chat.completion.chunk"
    assert chunk["choices"][0]["delta"]["tool_calls"] == [{**call, "index": 0}]


@pytest.mark.parametrize("message", [None, "text", 3, [], {"tool_calls": 5}, {"tool_calls": ["call"]}])
def test_a_whole_answer_with_an_odd_message_is_no_error_of_ours(message: object):
    chunk = json.loads(as_chunk(json.dumps({"choices": [{"index": 0, "message": message}]}).encode()))
    assert chunk["choices"][0].get("delta", message) == message
