"""Completions of a text: whole and streamed."""

from __future__ import annotations

import pytest


def test_a_completion_goes_on_with_the_prompt(complete, text_model):
    answer = complete()
    assert answer.choices[0].text
    assert (answer.object, answer.model) == ("text_completion", text_model)
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_a_streamed_completion_says_the_same(complete, playground):
    streamed = "".join(choice.text for chunk in complete(stream=True) for choice in chunk.choices)
    assert streamed == complete().choices[0].text


async def test_the_asynchronous_client_streams_a_completion(async_client, text_model):
    stream = await async_client.completions.create(model=text_model, prompt="Once", stream=True)
    assert [choice async for chunk in stream for choice in chunk.choices][-1].finish_reason in ("stop", "length")


@pytest.mark.parametrize(("max_tokens", "finish"), [(3, "length"), (2000, "stop")])
def test_a_completion_ends_at_its_limit_or_by_itself(complete, playground, max_tokens, finish):
    assert complete(max_tokens=max_tokens).choices[0].finish_reason == finish


def test_echo_repeats_the_prompt(complete):
    assert complete(echo=True).choices[0].text.startswith("Once upon a time")


def test_each_prompt_gets_n_choices(complete):
    answer = complete(prompt=["Once", "Twice"], n=2)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]


def test_log_probabilities_come_in_four_equal_lists(complete):
    logprobs = complete(logprobs=2).choices[0].logprobs
    lengths = {
        len(each) for each in (logprobs.tokens, logprobs.token_logprobs, logprobs.top_logprobs, logprobs.text_offset)
    }
    assert len(lengths) == 1
    assert lengths != {0}


def test_a_suffix_is_accepted(complete):
    assert complete(suffix=" and they lived happily.").choices[0].finish_reason in ("stop", "length")
