"""PyTorch itself, on a model of a hundred kilobytes that says the alphabet."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from alphabet_folder import CONTEXT, LETTERS, write_alphabet

from stack.apis.chat import ChatCompletionRequest
from stack.apis.completions import CompletionRequest
from stack.apis.embeddings import EmbeddingsRequest
from stack.errors import ConfigError, InvalidRequest, NotFound, Unsupported
from stack.providers.inline.inference.transformers import Config, Transformers
from stack.testing.deps import provider_deps

for package in ("torch", "transformers"):
    pytest.importorskip(package, reason="run `pip install torch transformers`")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_alphabet(tmp_path_factory.mktemp("models") / "alphabet")


@pytest.fixture
async def alphabet(folder: Path) -> AsyncIterator[Transformers]:
    provider = Transformers(Config(model=str(folder)), provider_deps("torch"))
    await provider.initialize()
    yield provider
    await provider.shutdown()


def chat(**fields: Any) -> ChatCompletionRequest:
    messages = [{"role": "user", "content": "hi"}]
    given = {"model": "alphabet", "messages": messages, "temperature": 0.0, **fields}
    return ChatCompletionRequest.from_body(json.dumps(given).encode())


def completion(**fields: Any) -> CompletionRequest:
    return CompletionRequest.from_body(json.dumps({"model": "alphabet", "temperature": 0.0, **fields}).encode())


async def test_a_conversation_is_answered_by_the_models_template(alphabet):
    answer = (await alphabet.openai_chat_completion(chat())).value
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == (LETTERS, "stop")
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (len("hi :"), len(LETTERS) + 1)


async def test_a_stream_says_the_same_in_pieces(alphabet):
    stream = await alphabet.openai_chat_completion(chat(stream=True, stream_options={"include_usage": True}))
    chunks = [chunk async for chunk in stream]
    said = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert said == list(LETTERS)
    assert (chunks[0].choices[0].delta.role, chunks[-2].choices[0].finish_reason) == ("assistant", "stop")
    assert chunks[-1].usage == (await alphabet.openai_chat_completion(chat())).value.usage


@pytest.mark.parametrize(
    ("fields", "text", "finish"),
    [({"max_tokens": 3}, "abc", "length"), ({"stop": "d"}, "abc", "stop"), ({"stop": ["zz", "bc"]}, "a", "stop")],
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


async def test_a_seed_makes_chance_repeatable(alphabet):
    asked = completion(prompt="c", temperature=100.0, seed=7, max_tokens=8)
    said = [(await alphabet.openai_completion(asked)).value.choices[0].text for _ in "ab"]
    assert said[0] == said[1] != "defghijk"


async def test_whoever_leaves_a_stream_lets_the_next_one_begin(alphabet):
    stream = await alphabet.openai_chat_completion(chat(stream=True))
    await anext(aiter(stream))
    await stream.aclose()
    assert (await alphabet.openai_chat_completion(chat(max_tokens=1))).value.choices[0].message.content == "a"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_beyond_the_context_is_refused_before_anything_is_sent(alphabet, stream):
    long = [{"role": "user", "content": "x" * CONTEXT}]
    with pytest.raises(InvalidRequest) as caught:
        await alphabet.openai_chat_completion(chat(messages=long, stream=stream))
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "messages")


async def test_what_the_template_refuses_is_the_callers_fault(alphabet):
    with pytest.raises(InvalidRequest, match="the model's template refuses the conversation: no tools"):
        await alphabet.openai_chat_completion(chat(messages=[{"role": "tool", "content": "1", "tool_call_id": "a"}]))


async def test_other_models_and_tasks_are_refused(alphabet):
    with pytest.raises(NotFound, match="ask `alphabet`"):
        await alphabet.openai_chat_completion(chat(model="other"))
    with pytest.raises(Unsupported, match="set `task: embed`"):
        await alphabet.openai_embeddings(EmbeddingsRequest(model="alphabet", input="a"))


async def test_a_model_without_a_template_goes_on_with_texts_alone(tmp_path):
    folder = write_alphabet(tmp_path / "plain", template=None)
    provider = Transformers(Config(model=str(folder), model_id="alphabet"), provider_deps("torch"))
    await provider.initialize()
    with pytest.raises(Unsupported, match="has no template for conversations"):
        await provider.openai_chat_completion(chat())
    assert (await provider.openai_completion(completion(prompt="x", max_tokens=2))).value.choices[0].text == "yz"
    await provider.shutdown()


async def test_the_model_tells_of_itself(alphabet):
    [model] = await alphabet.list_models()
    assert (model.model_id, model.model_type, model.metadata["context_length"]) == ("alphabet", "llm", CONTEXT)
    found = [(await alphabet.check_model_availability(name)).status for name in ("alphabet", "other")]
    assert found == ["available", "absent"]


async def test_texts_are_embedded_as_the_mean_of_their_tokens(folder):
    provider = Transformers(Config(model=str(folder), task="embed"), provider_deps("torch"))
    await provider.initialize()
    answer = (await provider.openai_embeddings(EmbeddingsRequest(model="alphabet", input=["ab", "ba", "yz"]))).value
    long = EmbeddingsRequest(model="alphabet", input=["a", "b" * (CONTEXT + 1)])
    with pytest.raises(InvalidRequest, match=r"`input\[1\]` has 129 tokens"):
        await provider.openai_embeddings(long)
    await provider.shutdown()
    one, two, other = (item.embedding for item in answer.data)
    assert one == pytest.approx(two, abs=1e-6)
    assert sum(number * number for number in one) == pytest.approx(1)
    assert sum(a * b for a, b in zip(one, other, strict=True)) == pytest.approx(0, abs=1e-3)
    assert answer.usage.prompt_tokens == 6


async def test_a_folder_without_a_model_is_told(tmp_path):
    with pytest.raises(ConfigError, match="cannot be loaded"):
        await Transformers(Config(model=str(tmp_path)), provider_deps("torch")).initialize()
