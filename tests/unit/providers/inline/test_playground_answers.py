"""The playground quotes what it is given, and says so when it has nothing to quote."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from stack.providers.inline.playground.hints import Hints
from stack.providers.inline.playground.relevance import relevance
from stack.providers.inline.playground.text import sentences

FRANCE = "The capital of France is Paris. The Seine flows through Paris. Lyon makes silk."


def assistant(content):
    return {"role": "assistant", "content": content}


def user(content):
    return {"role": "user", "content": content}


@pytest.mark.parametrize(
    ("question", "quoted"),
    [
        ("What is the capital of France?", "The capital of France is Paris."),
        ("Which river flows there?", "The Seine flows through Paris."),
        ("who MAKES Silk", "Lyon makes silk."),
    ],
)
async def test_the_most_relevant_sentence_is_quoted(text, question, quoted):
    assert await text(FRANCE, question) == f'The context says: "{quoted}"'


@pytest.mark.parametrize(
    "prompt",
    [
        "Answer from this context: Refunds take 30 days. How long do refunds take?",
        "Context:\nRefunds take 30 days. Shipping is free.\n\nQuestion: How long do refunds take?\nAnswer:",
        "Shipping is free.\n- Refunds take 30 days.\n- Gifts are wrapped.\nHow long is a refund?",
    ],
)
async def test_context_in_the_question_is_quoted(text, prompt):
    assert await text(prompt) == 'The context says: "Refunds take 30 days."'


async def test_an_order_in_a_system_message_is_not_quoted_but_its_context_is(text):
    context = "You are a capital assistant. Answer using only this: The capital of Peru is Lima."
    assert await text(context, "Capital of Peru?") == 'The context says: "The capital of Peru is Lima."'


async def test_what_the_user_said_before_is_context(text):
    said = [user("My name is Ada."), assistant("Hello.")]
    assert await text(*said, "What is my name?") == 'The context says: "My name is Ada."'


async def test_a_question_without_content_goes_on_about_the_one_before(text):
    first = await text(FRANCE, "Tell me of Paris")
    second = await text(FRANCE, user("Tell me of Paris"), assistant(first), "And what else?")
    assert second != first
    assert "Paris" in second


async def test_our_own_stand_in_answer_is_never_quoted(text):
    first = await text("What is a zebra?")
    assert (
        "zebra" not in (await text(user("What is a zebra?"), assistant(first), "Say zebra facts")).split("You said")[0]
    )


async def test_ideographs_are_compared_without_spaces(text):
    assert "1400万人" in await text("大阪は880万人です。東京の人口は1400万人です。", "東京の人口は？")


async def test_without_context_it_says_what_it_is_and_what_it_was_asked(text):
    answer = await text("Why is the sky blue?")
    assert "playground, not a language model" in answer
    assert '"Why is the sky blue?"' in answer


@pytest.mark.parametrize("asked", ["", " \n ", "?!", "\u0000", "🙂"])
async def test_a_question_without_words_is_answered(text, asked):
    assert "not a language model" in await text(asked)


async def test_parts_that_are_not_text_are_named(playground, chat):
    image = {"type": "image_url", "image_url": {"url": "data:,"}}
    audio = {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}
    parts = [{"type": "text", "text": "What is this?"}, image, image, audio, {"type": "smell", "strength": 3}]
    reply = await playground.openai_chat_completion(chat(user(parts)))
    assert "1 audio clip, 2 images and 1 unknown part" in reply.value.choices[0].message.content
    assert reply.meta.headers["x-stack-playground-unread"] == "1 audio clip, 2 images and 1 unknown part"


async def test_parts_of_earlier_turns_are_not_named_again(text):
    image = {"type": "image_url", "image_url": {"url": "data:,"}}
    assert "image" not in await text(user([image]), assistant("No."), "Why not?")


async def test_a_tool_result_is_reported_by_tool(text):
    call = {"id": "c", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    messages = [user("Weather?"), {"role": "assistant", "content": None, "tool_calls": [call]}]
    result = {"role": "tool", "tool_call_id": "c", "content": '{"sky": "clear"}'}
    assert await text(*messages, result) == 'get_weather returned: {"sky": "clear"}'


async def test_a_long_tool_result_is_reported_by_its_relevant_line(text):
    rows = [{"city": f"Town{i}", "mayor": f"Person{i}"} for i in range(100)]
    result = {"role": "tool", "tool_call_id": "?", "content": json.dumps({"rows": rows})}
    answer = await text(user("Who is the mayor of Town42?"), result)
    assert answer == "the tool returned: city: Town42, mayor: Person42"


async def test_choices_differ_and_the_best_comes_first(whole):
    choices = (await whole(FRANCE, "What of Paris?", n=2)).choices
    assert [choice.index for choice in choices] == [0, 1]
    assert choices[0].message.content != choices[1].message.content
    assert all("Paris" in choice.message.content for choice in choices)


async def test_a_seed_picks_the_wording_and_nothing_else(text):
    answers = {await text(FRANCE, "Capital?", seed=seed) for seed in range(20)}
    assert len(answers) > 1
    assert all('"The capital of France is Paris."' in answer for answer in answers)


async def test_low_verbosity_is_the_bare_quotation(text):
    assert await text(FRANCE, "Who makes silk?", verbosity="low") == "Lyon makes silk."


async def test_high_verbosity_quotes_more(text):
    assert len(await text(FRANCE, "What of Paris?", verbosity="high")) > len(await text(FRANCE, "What of Paris?"))


async def test_sampling_options_change_nothing(text):
    knobs = {"temperature": 1.9, "top_p": 0.1, "top_k": 3, "presence_penalty": 1.0, "reasoning_effort": "high"}
    assert await text(FRANCE, "Capital?", **knobs) == await text(FRANCE, "Capital?")


ASK = """
import asyncio, sys
from stack.apis.chat import ChatCompletionRequest
from stack.providers.inline.inference.playground import Config, Playground
from stack.testing.deps import provider_deps
request = ChatCompletionRequest.from_body(sys.stdin.buffer.read())
reply = asyncio.run(Playground(Config(), provider_deps("p")).openai_chat_completion(request))
reply.value.created = 0
print(reply.value.model_dump_json(exclude_unset=True))
"""


def test_another_process_with_another_hash_seed_gives_the_same_answer(chat):
    nested = {"type": "object", "required": ["b", "a"], "properties": {"a": {"enum": ["x", "y"]}}}
    tool = {"type": "function", "function": {"name": "paint", "parameters": nested}}
    body = chat(FRANCE, "Paint Paris", tools=[tool], n=2).body()
    answers = {
        subprocess.run(
            [sys.executable, "-c", ASK],
            input=body,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(answers) == 1
    assert b'"name":"paint"' in answers.pop()


@pytest.mark.parametrize(
    "work",
    [
        lambda: sentences("a" + " " * 20_000 + "b"),
        lambda: relevance(" ".join(f"w{n}" for n in range(4_000)), [f"d{n}" for n in range(4_000)]),
        lambda: list(map(Hints("three small words " * 200).mentions, map(str, range(20_000)))),
    ],
)
def test_work_does_not_grow_with_the_square_of_what_is_sent(work):
    began = time.thread_time()
    work()
    assert time.thread_time() - began < 2
