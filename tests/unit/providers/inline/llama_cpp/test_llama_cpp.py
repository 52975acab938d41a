"""llama.cpp itself, on a model of two megabytes that says the alphabet."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from alphabet_gguf import LETTERS, write_alphabet

from stack.apis.chat import ChatCompletionRequest
from stack.apis.completions import CompletionRequest
from stack.apis.embeddings import EmbeddingsRequest
from stack.errors import ConfigError, InvalidRequest, NotFound, Unsupported
from stack.providers.inline.inference.llama_cpp import Config, LlamaCpp
from stack.testing.deps import provider_deps

pytest.importorskip("llama_cpp", reason="run `pip install llama-cpp-python`, which builds it: some ten minutes")

SCHEMA = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
    "additionalProperties": False,
}
NAMED: Any = {"type": "function", "function": {"name": "set", "parameters": SCHEMA}}


@pytest.fixture(scope="module")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_alphabet(tmp_path_factory.mktemp("gguf") / "alphabet.gguf")


@pytest.fixture
async def alphabet(model_path: Path) -> AsyncIterator[LlamaCpp]:
    provider = LlamaCpp(Config(model_path=model_path, context_tokens=256, threads=1), provider_deps("llama"))
    await provider.initialize()
    yield provider
    await provider.shutdown()


def chat(**fields: Any) -> ChatCompletionRequest:
    messages = [{"role": "user", "content": "hi"}]
    given = {"model": "alphabet", "messages": messages, "temperature": 0.0, **fields}
    return ChatCompletionRequest.from_body(json.dumps(given).encode())


def dot(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def completion(**fields: Any) -> CompletionRequest:
    return CompletionRequest.from_body(json.dumps({"model": "alphabet", "temperature": 0.0, **fields}).encode())


async def test_a_conversation_is_answered_by_the_files_template(alphabet):
    answer = (await alphabet.openai_chat_completion(chat())).value
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == (LETTERS, "stop")
    assert (answer.model, answer.usage.completion_tokens) == ("alphabet", len(LETTERS) + 1)


async def test_a_stream_says_the_same_in_pieces(alphabet):
    stream = await alphabet.openai_chat_completion(chat(stream=True, stream_options={"include_usage": True}))
    chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert (text, chunks[-2].choices[0].finish_reason) == (LETTERS, "stop")
    whole = (await alphabet.openai_chat_completion(chat())).value
    assert chunks[-1].usage == whole.usage
    assert len({chunk.id for chunk in chunks}) == 1


@pytest.mark.parametrize(
    ("fields", "text", "finish"),
    [({"max_tokens": 3}, "abc", "length"), ({"stop": "d"}, "abc", "stop"), ({"stop": ["zz", "c"]}, "ab", "stop")],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_ends_where_it_is_told(alphabet, fields, text, finish, stream):
    answer = await alphabet.openai_chat_completion(chat(stream=stream, **fields))
    if stream:
        chunks = [chunk async for chunk in answer]
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == text
        assert chunks[-1].choices[0].finish_reason == finish
    else:
        choice = answer.value.choices[0]
        assert (choice.message.content, choice.finish_reason) == (text, finish)


async def test_a_text_is_gone_on_with(alphabet):
    answer = (await alphabet.openai_completion(completion(prompt="c", max_tokens=3))).value
    assert (answer.choices[0].text, answer.choices[0].finish_reason) == ("def", "length")
    stream = await alphabet.openai_completion(completion(prompt="c", max_tokens=3, stream=True))
    assert "".join([chunk.choices[0].text async for chunk in stream]) == "def"


async def test_an_answer_is_held_to_a_schema(alphabet):
    wanted = {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA}}
    answer = (await alphabet.openai_chat_completion(chat(response_format=wanted, max_tokens=100))).value
    assert isinstance(json.loads(answer.choices[0].message.content)["ok"], bool)


async def test_a_function_that_is_named_is_called(alphabet):
    answer = (await alphabet.openai_chat_completion(chat(tools=[NAMED], tool_choice="required", max_tokens=100))).value
    [call] = answer.choices[0].message.tool_calls
    assert (call.function.name, isinstance(json.loads(call.function.arguments)["ok"], bool)) == ("set", True)


async def test_whoever_leaves_a_stream_lets_the_next_one_begin(alphabet):
    stream = await alphabet.openai_chat_completion(chat(stream=True, logit_bias={"2": -100.0}))
    await anext(aiter(stream))
    await stream.aclose()
    answer = (await alphabet.openai_chat_completion(chat(max_tokens=1))).value
    assert answer.choices[0].message.content == "a"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_beyond_the_context_is_refused_before_anything_is_sent(alphabet, stream):
    long = [{"role": "user", "content": "x" * 300}]
    with pytest.raises(InvalidRequest) as caught:
        await alphabet.openai_chat_completion(chat(messages=long, stream=stream))
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "messages")


async def test_a_schema_that_cannot_be_held_is_refused(alphabet):
    wanted = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"$ref": "#/nowhere"}}}
    with pytest.raises(InvalidRequest, match="cannot hold an answer to this schema"):
        await alphabet.openai_chat_completion(chat(response_format=wanted))


async def test_other_models_and_tasks_are_refused(alphabet):
    with pytest.raises(NotFound, match="ask `alphabet`"):
        await alphabet.openai_chat_completion(chat(model="other"))
    with pytest.raises(Unsupported, match="set `task: embed`"):
        await alphabet.openai_embeddings(EmbeddingsRequest(model="alphabet", input="a"))


async def test_the_model_tells_of_itself(alphabet):
    [model] = await alphabet.list_models()
    assert (model.model_id, model.model_type, model.metadata["context_length"]) == ("alphabet", "llm", 256)
    found = [(await alphabet.check_model_availability(name)).status for name in ("alphabet", "other")]
    assert found == ["available", "absent"]


async def test_texts_are_embedded_as_the_mean_of_their_tokens(model_path):
    provider = LlamaCpp(Config(model_path=model_path, task="embed", context_tokens=64), provider_deps("llama"))
    await provider.initialize()
    answer = (await provider.openai_embeddings(EmbeddingsRequest(model="alphabet", input=["ab", "ba", "yz"]))).value
    with pytest.raises(InvalidRequest, match=r"`input\[1\]` is longer than the 64 tokens"):
        await provider.openai_embeddings(EmbeddingsRequest(model="alphabet", input=["a", "b" * 70]))
    await provider.shutdown()
    one, two, other = (item.embedding for item in answer.data)
    assert (round(dot(one, two), 4), round(dot(one, one), 4)) == (1.0, 1.0)
    assert dot(one, other) < 0.9


@pytest.mark.parametrize("content", [None, b"no model"])
async def test_a_file_that_is_no_model_is_told(tmp_path, content):
    path = tmp_path / "m.gguf"
    if content:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"m\.gguf"):
        await LlamaCpp(Config(model_path=path), provider_deps("llama")).initialize()
