"""What every engine of models in this process does: the engines themselves, on tiny models that say the alphabet."""

from __future__ import annotations

from typing import Any

import pytest
from alphabet_gguf import CONTEXT, LETTERS
from alphabet_models import chat, completion, texts

from stack.errors import InvalidRequest, NotFound, Unsupported
from stack.testing.natives import NATIVES

pytestmark = pytest.mark.natives

ANYTHING = {"temperature": 100.0, "top_p": 1.0, "min_p": 0.0}  # every letter is about as likely as the right one


@pytest.fixture(params=NATIVES)
def engine(request: pytest.FixtureRequest, alphabet_of) -> str:
    alphabet_of(request.param)
    return request.param


@pytest.fixture
async def alphabet(engine, local_model) -> Any:
    return await local_model(engine)


@pytest.fixture
async def embedder(engine, local_model) -> Any:
    return await local_model(engine, task="embed")


def dot(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_a_conversation_is_answered_by_the_models_template(alphabet):
    answer = (await alphabet.openai_chat_completion(chat())).value
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == (LETTERS, "stop")
    assert (answer.model, answer.usage.completion_tokens) == ("alphabet", len(LETTERS) + 1)


async def test_a_stream_says_the_same_in_pieces(alphabet):
    stream = await alphabet.openai_chat_completion(chat(stream=True, stream_options={"include_usage": True}))
    chunks = [chunk async for chunk in stream]
    said = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert said == list(LETTERS)
    assert (chunks[0].choices[0].delta.role, chunks[-2].choices[0].finish_reason) == ("assistant", "stop")
    assert chunks[-1].usage == (await alphabet.openai_chat_completion(chat())).value.usage
    assert len({chunk.id for chunk in chunks}) == 1


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
    answer = (await alphabet.openai_completion(completion("c", max_tokens=3))).value
    assert (answer.choices[0].text, answer.choices[0].finish_reason) == ("def", "length")
    stream = await alphabet.openai_completion(completion("c", max_tokens=3, stream=True))
    assert "".join([chunk.choices[0].text async for chunk in stream]) == "def"


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 1e-300},
        {"temperature": 1000.0},
        {"top_p": 0.0},
        {"top_k": 0},
        {"min_p": 1},
        {"typical_p": 0.001},
        {"repetition_penalty": 1},
        {"repetition_penalty": 100},
        {"seed": -(2**63)},
        {"seed": 2**63 - 1},
    ],
)
async def test_the_ends_of_what_is_taken_are_answered(alphabet, fields):
    answer = (
        await alphabet.openai_completion(completion("c", **{"temperature": 1.0, "max_tokens": 3, **fields}))
    ).value
    assert answer.usage.completion_tokens in range(1, 4)


async def test_a_seed_makes_chance_repeatable(alphabet):
    asked = [completion("c", seed=seed, max_tokens=8, **ANYTHING) for seed in (7, 7, 8)]
    one, same, other = [(await alphabet.openai_completion(each)).value.choices[0].text for each in asked]
    assert one == same != other


async def test_whoever_leaves_a_stream_lets_the_next_one_begin(alphabet):
    stream = await alphabet.openai_chat_completion(chat(stream=True, seed=7, **ANYTHING))
    await anext(aiter(stream))
    await stream.aclose()
    assert (await alphabet.openai_chat_completion(chat(max_tokens=1))).value.choices[0].message.content == "a"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_beyond_the_context_is_refused_before_anything_is_sent(alphabet, stream):
    long = [{"role": "user", "content": "x" * CONTEXT}]
    with pytest.raises(InvalidRequest) as caught:
        await alphabet.openai_chat_completion(chat(messages=long, stream=stream))
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "messages")


@pytest.mark.parametrize("stream", [False, True])
async def test_what_the_template_refuses_is_the_callers_fault(alphabet, stream):
    told = [{"role": "tool", "content": "1", "tool_call_id": "a"}]
    with pytest.raises(InvalidRequest, match=r"refuses the (request|conversation): no tools"):
        await alphabet.openai_chat_completion(chat(messages=told, stream=stream))


async def test_other_models_and_tasks_are_refused(alphabet):
    with pytest.raises(NotFound, match="ask `alphabet`"):
        await alphabet.openai_chat_completion(chat(model="other"))
    with pytest.raises(Unsupported, match="set `task: embed`"):
        await alphabet.openai_embeddings(texts("a"))


async def test_the_model_tells_of_itself(alphabet):
    [model] = await alphabet.list_models()
    assert (model.model_id, model.model_type, model.metadata["context_length"]) == ("alphabet", "llm", CONTEXT)
    found = [(await alphabet.check_model_availability(name)).status for name in ("alphabet", "other")]
    assert found == ["available", "absent"]


async def test_texts_are_embedded_as_the_mean_of_their_tokens(embedder):
    answer = (await embedder.openai_embeddings(texts("ab", "ba", "yz"))).value
    one, two, other = (item.embedding for item in answer.data)
    assert (dot(one, two), dot(one, one)) == pytest.approx((1.0, 1.0), abs=1e-4)
    assert dot(one, other) < 0.9
    [model] = await embedder.list_models()
    assert (model.model_type, model.metadata["embedding_dimension"]) == ("embedding", len(one))


async def test_a_text_beyond_the_context_is_not_embedded(embedder):
    with pytest.raises(InvalidRequest, match=r"`input\[1\]`") as caught:
        await embedder.openai_embeddings(texts("a", "b" * (CONTEXT + 1)))
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "input")


async def test_a_model_that_embeds_writes_nothing(embedder):
    with pytest.raises(Unsupported, match="set `task: generate`"):
        await embedder.openai_chat_completion(chat())
