"""Chat: whole and streamed, bounded, with choices, log probabilities, images and several turns."""

from __future__ import annotations

import asyncio
import json

import pytest
from integration.wire import CHAT, asking, events

PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


def text_of(chunks):
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def test_an_answer_has_text_a_finish_reason_and_usage(chat, text_model):
    answer = chat()
    assert answer.choices[0].message.content
    assert (answer.object, answer.model, answer.choices[0].finish_reason) == ("chat.completion", text_model, "stop")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_a_stream_says_the_same_as_a_whole_answer(chat, playground):
    assert text_of(chat(stream=True)) == chat().choices[0].message.content


def test_a_stream_has_one_id_one_finish_and_the_callers_model(chat, text_model):
    chunks = list(chat(stream=True))
    assert {chunk.id for chunk in chunks} == {chunks[0].id}
    assert {chunk.model for chunk in chunks} == {text_model}
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason] == ["stop"]


def test_a_stream_ends_with_done(wire, text_model):
    answer = wire.post(CHAT, json=asking(text_model, stream=True))
    *chunks, last = events(answer.content)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert last == b"[DONE]"
    assert all(json.loads(chunk)["object"] == "chat.completion.chunk" for chunk in chunks)


@pytest.mark.parametrize("wanted", [True, False])
def test_usage_ends_a_stream_if_it_is_asked_for(chat, wanted):
    *chunks, last = chat(stream=True, stream_options={"include_usage": wanted})
    assert all(chunk.usage is None for chunk in chunks)
    assert (last.usage is not None and not last.choices) is wanted


async def test_the_asynchronous_client_streams_the_same(async_client, chat, text_model, playground):
    stream = await async_client.chat.completions.create(**asking(text_model, "What is a stack?", stream=True))
    messages = asking(text_model, "What is a stack?")["messages"]
    assert text_of([chunk async for chunk in stream]) == chat(messages=messages).choices[0].message.content


async def test_asynchronous_calls_run_side_by_side(async_client, text_model):
    calls = (async_client.chat.completions.create(**asking(text_model, f"number {n}")) for n in range(8))
    assert len({answer.id for answer in await asyncio.gather(*calls)}) == 8


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("option", ["max_tokens", "max_completion_tokens"])
def test_a_token_limit_ends_the_answer(chat, option, stream):
    answer = chat(**{option: 2}, stream=stream)
    choices = [choice for chunk in answer for choice in chunk.choices] if stream else answer.choices
    assert choices[-1].finish_reason == "length"


@pytest.mark.parametrize("stop", ["capital", ["nothing like it", "capital"]])
def test_a_stop_text_ends_the_answer_before_it(chat, playground, stop):
    choice = chat(stop=stop).choices[0]
    assert choice.finish_reason == "stop"
    assert choice.message.content
    assert "capital" in chat().choices[0].message.content.removeprefix(choice.message.content)[:8]


def test_n_gives_that_many_choices(chat):
    answer = chat(n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert all(choice.message.content for choice in answer.choices)


def test_a_stream_of_n_choices_interleaves_them_by_index(chat):
    finished = [choice.index for chunk in chat(n=2, stream=True) for choice in chunk.choices if choice.finish_reason]
    assert sorted(finished) == [0, 1]


def test_log_probabilities_spell_the_answer(chat):
    choice = chat(logprobs=True, top_logprobs=2).choices[0]
    tokens = choice.logprobs.content
    assert b"".join(bytes(token.bytes) for token in tokens).decode() == choice.message.content
    assert all(token.logprob <= 0 and len(token.top_logprobs) == 2 for token in tokens)


def test_log_probabilities_come_with_the_chunks_of_a_stream(chat):
    said = [choice for chunk in chat(logprobs=True, stream=True) for choice in chunk.choices if choice.delta.content]
    assert all("".join(token.token for token in each.logprobs.content) == each.delta.content for each in said)


@pytest.mark.parametrize("detail", ["auto", "low"])
def test_messages_may_hold_text_and_images(chat, detail):
    image = {"type": "image_url", "image_url": {"url": PIXEL, "detail": detail}}
    parts = [{"type": "text", "text": "What colour is this?"}, image]
    assert chat(messages=[{"role": "user", "content": parts}]).choices[0].message.content


def test_the_playground_tells_what_it_did_not_look_at(client, playground):
    image = {"type": "image_url", "image_url": {"url": PIXEL}}
    asked = {"model": playground, "messages": [{"role": "user", "content": [image]}]}
    headers = client.chat.completions.with_raw_response.create(**asked).headers
    assert headers["x-stack-playground-unread"] == "1 image"


def test_several_turns_are_read_to_the_last(chat, playground):
    turns = ["The pump starts at 40 degrees.", "Noted.", "When does the pump start?"]
    roles = ["user", "assistant", "user"]
    messages = [{"role": role, "content": text} for role, text in zip(roles, turns, strict=True)]
    assert "40 degrees" in chat(messages=messages).choices[0].message.content


@pytest.mark.parametrize("role", ["system", "developer"])
def test_instructions_may_come_first(chat, role):
    messages = [{"role": role, "content": "The code word is heron."}, {"role": "user", "content": "the code word?"}]
    assert "heron" in chat(messages=messages).choices[0].message.content


@pytest.mark.parametrize("text", ["", " ", "\u0000", "\U0001f680 caf\u00e9 \u2028", "x" * 40_000])
def test_odd_texts_are_answered(chat, playground, text):
    assert chat(messages=[{"role": "user", "content": text}]).choices[0].finish_reason in ("stop", "length")


@pytest.mark.parametrize("model", ["not-an-llm", "playground/not-an-llm"])
def test_a_model_answers_under_the_id_that_was_asked_for(chat, playground, model):
    assert chat(model=model).model == model
