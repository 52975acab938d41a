"""The shapes of the playground's answers: choices, chunks, usage, bounds, log probabilities, refusals."""

from __future__ import annotations

import asyncio
import json
import math
import time

import pytest
from openai.types.chat import ChatCompletion as OpenAIChat
from openai.types.chat import ChatCompletionChunk as OpenAIChunk

from stack.errors import InvalidRequest, NotFound, Unsupported, UnsupportedParameter

CONTEXT = "The quick brown fox jumps over the lazy dog, twice a day."
WEATHER = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"properties": {"city": {"type": "string"}}}},
}
SQL = {"type": "custom", "custom": {"name": "run_sql"}}
CASES = {
    "text": {},
    "several choices": {"n": 3},
    "stop": {"stop": ["lazy"]},
    "length": {"max_completion_tokens": 4},
    "log probabilities": {"logprobs": True, "top_logprobs": 3},
    "json": {"response_format": {"type": "json_object"}},
    "tools": {"tools": [WEATHER], "tool_choice": "required"},
    "cut tools": {"tools": [WEATHER], "tool_choice": "required", "max_tokens": 6},
    "custom tool": {"tools": [SQL], "tool_choice": {"type": "custom", "custom": {"name": "run_sql"}}},
    "function": {"functions": [{"name": "jump"}], "function_call": {"name": "jump"}},
}


def joined(chunks, index):
    """What the deltas of one choice add up to: text, calls as (name, payload), reason."""
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices if choice.index == index]
    reasons = [c.finish_reason for chunk in chunks for c in chunk.choices if c.index == index and c.finish_reason]
    calls: dict[int, list[str]] = {}
    for delta in deltas:
        for call in delta.tool_calls or ():
            part = call.function.model_dump() if call.function else dict(call)["custom"]
            entry = calls.setdefault(call.index, ["", ""])
            entry[0] += part.get("name") or ""
            entry[1] += part.get("arguments", part.get("input")) or ""
        if delta.function_call:
            entry = calls.setdefault(0, ["", ""])
            entry[0] += delta.function_call.name or ""
            entry[1] += delta.function_call.arguments or ""
    return "".join(delta.content or "" for delta in deltas), [tuple(call) for call in calls.values()], reasons


def told(choice):
    """The same of a choice of a whole answer."""
    message = choice.message
    calls = [one.function or one.custom for one in message.tool_calls or ()] + [message.function_call] * bool(
        message.function_call
    )
    pairs = [(call.name, dict(call).get("arguments", dict(call).get("input"))) for call in calls]
    return message.content or "", pairs, [choice.finish_reason]


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
async def test_a_stream_adds_up_to_the_whole_answer(whole, streamed, options):
    answer = await whole(CONTEXT, "What does the fox do?", **options)
    chunks = await streamed(CONTEXT, "What does the fox do?", **options, stream_options={"include_usage": True})
    assert [joined(chunks, choice.index) for choice in answer.choices] == [told(choice) for choice in answer.choices]
    assert chunks[-1].usage == answer.usage
    assert chunks[-1].choices == []


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
async def test_answers_parse_as_openai_types(playground, chat, options):
    reply = await playground.openai_chat_completion(chat(CONTEXT, "What does the fox do?", **options))
    OpenAIChat.model_validate_json(reply.body)
    stream = await playground.openai_chat_completion(chat(CONTEXT, "What?", **options, stream=True))
    blocks = [block async for block in stream.blocks()]
    assert blocks.pop() == b"data: [DONE]\n\n"
    if options.get("tools") != [SQL]:
        assert all(OpenAIChunk.model_validate_json(block.removeprefix(b"data: ")) for block in blocks)


async def test_a_stream_begins_with_the_role_and_ends_with_the_reason(streamed):
    first, *_, last = await streamed(CONTEXT, "What does the fox do?")
    assert (first.choices[0].delta.role, first.choices[0].delta.content) == ("assistant", "")
    assert last.choices[0].finish_reason == "stop"
    assert last.usage is None


async def test_chunks_share_one_id_and_are_padded_when_asked(streamed):
    chunks = await streamed(CONTEXT, "What does the fox do?", stream_options={"include_obfuscation": True})
    assert len({chunk.id for chunk in chunks}) == 1
    sizes = {len(c.choices[0].delta.content + c.obfuscation) % 16 for c in chunks if c.choices[0].delta.content}
    assert sizes == {0}


async def test_the_id_names_the_request(whole):
    first, again, other = [(await whole(question)).id for question in ("Why?", "Why?", "How?")]
    assert first == again != other


async def test_every_answer_is_labelled(playground, chat):
    reply = await playground.openai_chat_completion(chat("Hello"))
    assert reply.meta.headers == {"x-stack-playground": "true"}
    assert (reply.value.system_fingerprint, reply.meta.upstream_model) == ("stack-playground", "not-an-llm")


@pytest.mark.parametrize(
    ("stop", "kept"), [("brown", "The quick "), (["dog", "fox"], "The quick brown "), (["zebra"], CONTEXT)]
)
async def test_text_ends_before_the_first_stop(whole, stop, kept):
    choice = (await whole(CONTEXT, "What does the fox do?", verbosity="low", stop=stop)).choices[0]
    assert (choice.message.content, choice.finish_reason) == (kept, "stop")


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
async def test_the_token_limit_is_kept_exactly(whole, name):
    answer = await whole(CONTEXT, "What does the fox do?", **{name: 5})
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 5
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 5


async def test_arguments_are_cut_by_the_token_limit(whole):
    choice = (await whole("Weather in Rome?", tools=[WEATHER], max_tokens=8)).choices[0]
    assert choice.finish_reason == "length"
    with pytest.raises(json.JSONDecodeError):
        json.loads(choice.message.tool_calls[0].function.arguments)


async def test_log_probabilities_belong_to_the_tokens_of_the_text(whole):
    choice = (await whole(CONTEXT, "What does the fox do?", logprobs=True, top_logprobs=5)).choices[0]
    tokens = choice.logprobs.content
    assert "".join(token.token for token in tokens) == choice.message.content
    assert all(bytes(token.bytes).decode() == token.token for token in tokens)


async def test_top_log_probabilities_fall_and_stay_below_one(whole):
    choice = (await whole(CONTEXT, "What does the fox do?", logprobs=True, top_logprobs=5)).choices[0]
    for token in choice.logprobs.content:
        values = [top.logprob for top in token.top_logprobs]
        assert values == sorted(values, reverse=True)
        assert values[0] == token.logprob
        assert sum(map(math.exp, values)) < 1


async def test_no_log_probabilities_unless_asked(whole):
    assert (await whole("Hello")).choices[0].logprobs is None


@pytest.mark.parametrize(
    ("param", "options"),
    [
        ("modalities", {"modalities": ["text", "audio"], "audio": {"format": "wav", "voice": "alloy"}}),
        ("web_search_options", {"web_search_options": {}}),
        ("store", {"store": True}),
        ("logit_bias", {"logit_bias": {"50256": -100}}),
        ("service_tier", {"service_tier": "priority"}),
        ("moderation", {"moderation": {"model": "m"}}),
        ("vendor_knob", {"vendor_knob": 3}),
        ("response_format.type", {"response_format": {"type": "xml"}}),
        ("tools[0].type", {"tools": [{"type": "telepathy"}]}),
    ],
)
async def test_what_cannot_be_honoured_is_refused_by_name(whole, param, options):
    with pytest.raises(UnsupportedParameter, match=r"playground|response_format") as refusal:
        await whole("Hello", **options)
    assert refusal.value.param == param


@pytest.mark.parametrize(
    ("param", "options"),
    [
        ("max_tokens", {"max_tokens": 0}),
        ("max_completion_tokens", {"max_completion_tokens": -1}),
        ("n", {"n": 129}),
        ("stop", {"stop": ["a", ""]}),
        ("top_logprobs", {"top_logprobs": 3}),
        ("top_logprobs", {"logprobs": True, "top_logprobs": 21}),
        ("stream_options", {"stream_options": {"include_usage": True}}),
        ("tool_choice", {"tool_choice": "required"}),
        ("tool_choice", {"tools": [WEATHER], "tool_choice": "sometimes"}),
        ("function_call", {"functions": [{"name": "f"}], "function_call": {"name": "g"}}),
    ],
)
async def test_what_makes_no_sense_is_refused(whole, param, options):
    with pytest.raises(InvalidRequest) as refusal:
        await whole("Hello", **options)
    assert refusal.value.param == param


@pytest.mark.parametrize(
    "options",
    [
        {"store": False},
        {"prediction": {"type": "content", "content": "x"}},
        {"user": "u", "metadata": {"a": "b"}},
        {"tool_choice": "none"},
    ],
)
async def test_what_has_no_effect_here_is_accepted(whole, options):
    assert (await whole("Hello", **options)).choices[0].finish_reason == "stop"


async def test_an_unknown_model_is_named_with_those_there_are(playground, chat):
    with pytest.raises(NotFound, match=r"`gpt-9`.*`not-an-llm`.*`lexical-embedding`.*`lexical-reranker`") as refusal:
        await playground.openai_chat_completion(chat("Hello").for_model("gpt-9"))
    assert refusal.value.code == "model_not_found"


async def test_the_embedding_model_does_not_chat(playground, chat):
    with pytest.raises(Unsupported, match="only embeds texts"):
        await playground.openai_chat_completion(chat("Hello").for_model("lexical-embedding"))


async def test_the_models_say_what_they_are(playground):
    models = await playground.list_models()
    assert [(model.model_id, model.model_type, model.owned_by) for model in models] == [
        ("not-an-llm", "llm", "stack-playground"),
        ("lexical-embedding", "embedding", "stack-playground"),
        ("lexical-reranker", "rerank", "stack-playground"),
    ]
    assert all(model.metadata["playground"] for model in models)
    assert models[1].metadata["embedding_dimension"] == 384


@pytest.mark.parametrize(
    ("model", "status"), [("not-an-llm", "available"), ("lexical-embedding", "available"), ("x", "absent")]
)
async def test_availability_is_known(playground, model, status):
    assert (await playground.check_model_availability(model)).status == status


async def test_a_text_can_be_stretched_for_load_tests(configured, chat):
    reply = await configured(answer_tokens=200).openai_chat_completion(chat("Hello"))
    assert reply.value.usage.completion_tokens == 200


async def test_delays_are_waited_for(configured, chat):
    started = time.monotonic()
    slow = configured(latency_ms=20, chunk_delay_ms=2, answer_tokens=10)
    chunks = [chunk async for chunk in await slow.openai_chat_completion(chat("Hello", stream=True))]
    assert time.monotonic() - started >= (20 + 2 * len(chunks)) / 1000


async def test_a_large_request_does_not_hold_the_loop(playground, chat):
    context = " ".join(f"Sentence {number} is about number {number}." for number in range(20_000))
    answering = asyncio.create_task(playground.openai_chat_completion(chat(context, "What of 19999?")))
    turns = 0
    while not answering.done():
        await asyncio.sleep(0)
        turns += 1
    assert "Sentence 19999" in answering.result().value.choices[0].message.content
    assert turns > 5
