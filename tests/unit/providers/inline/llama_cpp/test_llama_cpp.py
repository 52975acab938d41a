"""What llama.cpp does beside the contract of `local_model/test_local_models.py`: schemas, functions, its own files."""

from __future__ import annotations

import json
from typing import Any

import pytest
from alphabet_models import chat, completion, new_model

from stack.errors import ConfigError, InvalidRequest
from stack.providers.inline.local_model.worker import Stopped

pytestmark = pytest.mark.natives

SCHEMA = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
    "additionalProperties": False,
}
NAMED: Any = {"type": "function", "function": {"name": "set", "parameters": SCHEMA}}


@pytest.fixture(autouse=True)
def installed(alphabet_of) -> None:
    alphabet_of("llama-cpp")


@pytest.fixture
async def alphabet(local_model) -> Any:
    return await local_model("llama-cpp")


async def test_an_answer_is_held_to_a_schema(alphabet):
    wanted = {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA}}
    answer = (await alphabet.openai_chat_completion(chat(response_format=wanted, max_tokens=100))).value
    assert isinstance(json.loads(answer.choices[0].message.content)["ok"], bool)


async def test_a_function_that_is_named_is_called(alphabet):
    answer = (await alphabet.openai_chat_completion(chat(tools=[NAMED], tool_choice="required", max_tokens=100))).value
    [call] = answer.choices[0].message.tool_calls
    assert (call.function.name, isinstance(json.loads(call.function.arguments)["ok"], bool)) == ("set", True)
    assert answer.choices[0].message.function_call is None


async def test_a_call_in_a_stream_is_named_once(alphabet):
    asked = chat(tools=[NAMED], tool_choice="required", max_tokens=100, stream=True)
    stream = await alphabet.openai_chat_completion(asked)
    said = [chunk.choices[0].delta async for chunk in stream]
    deltas = [call for delta in said for call in delta.tool_calls or ()]
    assert {delta.function_call for delta in said} == {None}
    assert (deltas[0].type, deltas[0].function.name) == ("function", "set")
    assert {(call.id, call.type, call.function.name) for call in deltas[1:]} == {(None, None, None)}
    assert isinstance(json.loads("".join(call.function.arguments for call in deltas))["ok"], bool)


async def test_a_schema_that_cannot_be_held_is_refused(alphabet):
    wanted = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"$ref": "#/nowhere"}}}
    with pytest.raises(InvalidRequest, match="cannot hold an answer to this schema"):
        await alphabet.openai_chat_completion(chat(response_format=wanted))


async def test_a_token_that_is_biased_away_is_not_said(alphabet):
    end, a = 2, 259
    asked = chat(logit_bias={str(end): -100.0, str(a): -100.0}, max_tokens=30)
    choice = (await alphabet.openai_chat_completion(asked)).value.choices[0]
    assert (choice.finish_reason, "a" in choice.message.content) == ("length", False)


async def test_a_token_that_there_is_not_cannot_be_biased(alphabet):
    with pytest.raises(InvalidRequest, match="the model has 285 tokens") as caught:
        await alphabet.openai_chat_completion(chat(logit_bias={"285": 1.0}))
    assert caught.value.param == "logit_bias"


@pytest.mark.parametrize("echo", [False, True])
async def test_an_empty_text_is_gone_on_with_from_its_first_token(alphabet, echo):
    answer = (await alphabet.openai_completion(completion("", max_tokens=3, echo=echo))).value
    assert (answer.choices[0].text, answer.usage.prompt_tokens, answer.usage.completion_tokens) == ("abc", 1, 3)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_text_is_echoed_before_its_answer(alphabet, stream):
    answer = await alphabet.openai_completion(completion("xc", max_tokens=2, echo=True, stream=stream))
    texts = [chunk.choices[0].text async for chunk in answer] if stream else [answer.value.choices[0].text]
    assert "".join(texts) == "xcde"


@pytest.mark.parametrize("content", [None, b"no model"])
async def test_a_file_that_is_no_model_is_told(tmp_path, content):
    path = tmp_path / "m.gguf"
    if content:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"m\.gguf"):
        await new_model("llama-cpp", path).initialize()


async def test_texts_of_those_who_left_are_not_embedded(local_model):
    embedder, left = await local_model("llama-cpp", task="embed"), Stopped()
    left.set()
    assert embedder._loaded.embed(["a"] * 100, left) == ([], 0)
    assert len(embedder._loaded.embed(["a"] * 100, Stopped())[0]) == 100
