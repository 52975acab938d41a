from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion as OpenAIChatCompletion
from openai.types.chat import ChatCompletionChunk as OpenAIChatCompletionChunk
from pydantic import ValidationError

from stack.apis.chat import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionMessage,
    ChatCompletionRequest,
    Choice,
    ChunkChoice,
    Delta,
    ToolCall,
)
from stack.apis.messages import FunctionCall, OtherMessage, UserMessage
from stack.apis.shapes import OtherType
from stack.apis.usage import CompletionUsage
from stack.apis.validation import invalid_request

HI = {"role": "user", "content": "hi"}
TOOL_CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def read(**fields: Any) -> ChatCompletionRequest:
    return ChatCompletionRequest.from_body(json.dumps({"model": "m", "messages": [HI], **fields}).encode())


def refused(**fields: Any) -> str | None:
    with pytest.raises(ValidationError) as caught:
        read(**fields)
    return invalid_request(caught.value).param


@pytest.mark.parametrize(
    "message",
    [
        {"role": "developer", "content": "be kind"},
        {"role": "system", "content": [{"type": "text", "text": "be kind"}], "name": "n"},
        {"role": "user", "content": [{"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,", "detail": "low"}}]},
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]},
        {"role": "user", "content": [{"type": "file", "file": {"file_id": "f", "filename": None}}]},
        {"role": "user", "content": [{"type": "video_url", "video_url": {"url": 1}}]},
        {"role": "assistant", "content": None, "tool_calls": [TOOL_CALL]},
        {"role": "assistant", "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}]},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}], "audio": {"id": "a"}, "refusal": None},
        {"role": "assistant", "content": "", "function_call": {"name": "f", "arguments": ""}, "reasoning": "hm"},
        {"role": "tool", "content": [{"type": "text", "text": "4"}], "tool_call_id": "c"},
        {"role": "tool", "content": [{"type": "image_url", "image_url": {"url": "u"}}], "tool_call_id": "c"},
        {"role": "function", "content": None, "name": "f"},
        {"role": "wizard", "spell": {"power": 9}},
    ],
)
def test_messages_of_every_role_are_read_and_written_alike(message):
    request = read(messages=[message])
    assert json.loads(request.model_dump_json(exclude_unset=True))["messages"] == [message]


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "user"}, "messages[0].content"),
        ({"role": "user", "content": None}, "messages[0].content"),
        ({"role": "user", "content": 5}, "messages[0].content"),
        ({"role": "user", "content": {"type": "text"}}, "messages[0].content"),
        ({"role": "user", "content": [5]}, "messages[0].content[0]"),
        ({"role": "user", "content": [{"text": "a"}]}, "messages[0].content[0].type"),
        ({"role": "user", "content": [{"type": 1}]}, "messages[0].content[0].type"),
        ({"role": "user", "content": [{"type": "text", "text": 5}]}, "messages[0].content[0].text"),
        ({"role": "user", "content": [{"type": "image_url", "image_url": "u"}]}, "messages[0].content[0].image_url"),
        ({"role": "user", "content": [{"type": "file"}]}, "messages[0].content[0].file"),
        ({"role": "user", "content": "a", "name": 1}, "messages[0].name"),
        ({"role": "assistant", "tool_calls": {}}, "messages[0].tool_calls"),
        ({"role": "assistant", "tool_calls": [{"id": "c", "type": "function"}]}, "messages[0].tool_calls[0].function"),
        (
            {"role": "assistant", "tool_calls": [{**TOOL_CALL, "function": {"name": "f", "arguments": {}}}]},
            "messages[0].tool_calls[0].function.arguments",
        ),
        ({"role": "tool", "content": "4"}, "messages[0].tool_call_id"),
        ({"role": "function", "name": "f"}, "messages[0].content"),
        ({"content": "a"}, "messages[0].role"),
        ({"role": None}, "messages[0].role"),
        ("hi", "messages[0]"),
    ],
)
def test_a_message_of_a_known_role_with_a_wrong_shape_is_refused_where_it_is_wrong(message, param):
    assert refused(messages=[message]) == param


@pytest.mark.parametrize(
    "fields",
    [
        {"tool_choice": "required"},
        {"tool_choice": "sometimes"},
        {"tool_choice": {"type": "function", "function": {"name": "f"}}},
        {"tool_choice": {"type": "custom", "custom": {"name": "f"}}},
        {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function"}]}}},
        {"tool_choice": {"type": "newer", "x": 1}},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": True}}]},
        {"tools": [{"type": "custom", "custom": {"name": "f", "format": {"type": "text"}}}]},
        {"tools": [{"type": "web_search", "filters": [1]}]},
        {"functions": [{"name": "f", "parameters": {}}], "function_call": {"name": "f"}},
        {"function_call": "auto"},
        {"response_format": {"type": "json_object"}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}},
        {"response_format": {"type": "grammar", "value": "x"}},
        {"audio": {"format": "wav", "voice": "alloy"}},
        {"audio": {"format": "wav", "voice": {"id": "v"}}},
        {"prediction": {"type": "content", "content": [{"type": "text", "text": "a"}]}},
        {"web_search_options": {"user_location": {"type": "approximate", "approximate": {"city": "Oslo"}}}},
        {"moderation": {"model": "mod", "policy": {"input": {"mode": "block"}, "output": None}}},
        {"prompt_cache_options": {"mode": "explicit", "ttl": "30m"}, "prompt_cache_retention": "24h"},
        {"stop": ["a", "b"], "logit_bias": {"50256": -100, "7": 0.5}, "metadata": {"k": "v"}},
        {
            "temperature": 1,
            "top_p": 0,
            "n": 2,
            "seed": -1,
            "top_logprobs": 20,
            "stream_options": {"include_usage": True},
        },
        {"service_tier": "newer", "reasoning_effort": "newer", "verbosity": "low", "modalities": ["text", "newer"]},
        {"vendor_knob": {"deep": [1, None]}, "guided_json": {}},
    ],
)
def test_options_are_read_and_written_alike(fields):
    assert json.loads(read(**fields).model_dump_json(exclude_unset=True)) == {"model": "m", "messages": [HI], **fields}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": {}}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": None}, "messages"),
        ({"stream": "yes"}, "stream"),
        ({"stream": 1}, "stream"),
        ({"temperature": "1"}, "temperature"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"n": 1.5}, "n"),
        ({"n": 0}, "n"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"stop": ["a", 1]}, "stop[1]"),
        ({"user": 7}, "user"),
        ({"logit_bias": {"7": "x"}}, "logit_bias.7"),
        ({"metadata": {"Key": 1}}, "metadata.Key"),
        ({"service_tier": 5}, "service_tier"),
        ({"modalities": ["text", 5]}, "modalities[1]"),
        ({"stream_options": {"include_usage": "true"}}, "stream_options.include_usage"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": "{}"}}]},
            "tools[0].function.parameters",
        ),
        (
            {"tools": [{"type": "custom", "custom": {"name": "f", "format": {"type": "grammar"}}}]},
            "tools[0].custom.format.grammar",
        ),
        ({"tools": [{"function": {"name": "f"}}]}, "tools[0].type"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.function"),
        ({"tool_choice": 1}, "tool_choice"),
        ({"function_call": {}}, "function_call.name"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": []}}},
            "response_format.json_schema.schema",
        ),
        ({"response_format": "json"}, "response_format"),
        ({"audio": {"format": "wav", "voice": {}}}, "audio.voice.id"),
        (
            {"web_search_options": {"user_location": {"type": "approximate", "approximate": 5}}},
            "web_search_options.user_location.approximate",
        ),
    ],
)
def test_options_of_a_wrong_type_are_refused_not_coerced(fields, param):
    assert refused(**fields) == param


def test_every_optional_field_accepts_null():
    optional = [name for name, info in ChatCompletionRequest.model_fields.items() if not info.is_required()]
    assert len(optional) > 30
    read(**dict.fromkeys(optional))


def test_unknown_roles_and_parts_are_kept_as_objects():
    request = read(messages=[{"role": "wizard", "x": 1}, {"role": "user", "content": [{"type": "video", "y": 2}]}])
    wizard, user = request.messages
    assert isinstance(wizard, OtherMessage)
    assert isinstance(user, UserMessage)
    assert isinstance(user.content[0], OtherType)


def test_a_request_is_built_from_plain_dicts():
    request = ChatCompletionRequest(
        model="m",
        messages=[HI, {"role": "wizard"}],
        tools=[{"type": "function", "function": {"name": "f"}}],
        response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
    )
    assert isinstance(request.messages[0], UserMessage)
    assert json.loads(request.body())["response_format"]["json_schema"] == {"name": "n", "schema": {}}


def test_a_request_is_built_from_our_own_values():
    request = ChatCompletionRequest(model="m", messages=[UserMessage(role="user", content="hi")])
    assert json.loads(request.body()) == {"model": "m", "messages": [HI]}


def test_python_values_are_not_coerced_either():
    with pytest.raises(ValidationError):
        ChatCompletionRequest(model="m", messages=[{"role": "user", "content": 5}])


def test_one_fault_ends_the_reading_of_a_list_or_map():
    with pytest.raises(ValidationError) as caught:
        read(messages=[5] * 1000, logit_bias={str(i): "x" for i in range(1000)})
    assert caught.value.error_count() < 10


def test_a_built_answer_is_what_openai_reads():
    call = ToolCall(id="c", type="function", function=FunctionCall(name="f", arguments="{}"))
    message = ChatCompletionMessage(role="assistant", content=None, refusal=None, tool_calls=[call])
    choice = Choice(index=0, message=message, finish_reason="tool_calls", logprobs=None)
    usage = CompletionUsage(prompt_tokens=1, completion_tokens=2, total_tokens=3)
    answer = ChatCompletion(
        id="x", object="chat.completion", created=1, model="m", choices=[choice], usage=usage
    ).model_dump_json(exclude_unset=True)
    theirs = OpenAIChatCompletion.model_validate_json(answer, strict=True)
    assert json.loads(theirs.model_dump_json(exclude_unset=True)) == json.loads(answer)


def test_a_built_chunk_is_what_openai_reads():
    choice = ChunkChoice(index=0, delta=Delta(role="assistant", content="a"), finish_reason=None)
    chunk = ChatCompletionChunk(id="x", object="chat.completion.chunk", created=1, model="m", choices=[choice])
    theirs = OpenAIChatCompletionChunk.model_validate_json(chunk.model_dump_json(exclude_unset=True), strict=True)
    assert theirs.choices[0].delta.content == "a"


@pytest.mark.parametrize(
    "chunk",
    [
        {
            "choices": [],
            "created": 0,
            "id": "",
            "model": "",
            "object": "",
            "prompt_filter_results": [{"prompt_index": 0}],
        },
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "eos", "content_filter_results": {}}]},
        {"choices": [{"delta": {"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]}}]},
        {"choices": [{"index": 0, "delta": {"reasoning_content": "hm", "reasoning": "hm"}}], "x_vendor": {"id": 1}},
        {"choices": [], "usage": {"prompt_tokens": 1, "total_tokens": 1, "prompt_tokens_details": None}},
    ],
    ids=["azure first", "own finish reason", "call without index", "thoughts", "usage without completion"],
)
def test_chunks_of_real_vendors_are_read_and_kept(chunk):
    assert json.loads(ChatCompletionChunk.model_validate(chunk).model_dump_json(exclude_unset=True)) == chunk


@pytest.mark.parametrize(
    "message",
    [
        {"content": "hi", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "assistant", "content": "a", "annotations": [{"type": "file_citation", "file": 1}]},
        {"role": "assistant", "audio": {"id": "a", "data": "", "expires_at": 1, "transcript": ""}},
    ],
)
def test_answers_of_real_vendors_are_read_and_kept(message):
    answer = {"choices": [{"index": 0, "message": message, "logprobs": {"content": [{"token": "a", "logprob": 0}]}}]}
    assert json.loads(ChatCompletion.model_validate(answer).model_dump_json(exclude_unset=True)) == answer


@pytest.mark.parametrize("kind", [ChatCompletionRequest, ChatCompletion, ChatCompletionChunk])
def test_types_have_a_schema_with_every_field(kind):
    schema = kind.model_json_schema()
    assert set(schema["properties"]) == {info.alias or name for name, info in kind.model_fields.items()}


def test_the_schema_lists_known_values_and_tags():
    schema = ChatCompletionRequest.model_json_schema()
    assert ["low", "medium", "high"] in [option.get("enum") for option in schema["properties"]["verbosity"]["anyOf"]]
    assert {"UserMessage", "OtherMessage", "JsonSchemaFormat"} <= schema["$defs"].keys()
