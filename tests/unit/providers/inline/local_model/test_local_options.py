"""What a model in this process is asked, and what is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from stack.apis.chat import ChatCompletionRequest
from stack.apis.completions import CompletionRequest
from stack.errors import InvalidRequest, UnsupportedParameter
from stack.providers.inline.llama_cpp import asking as llama
from stack.providers.inline.transformers import asking as torch

USER: Any = {"role": "user", "content": "hi"}
TOOL: Any = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
either = pytest.mark.parametrize("asking", [llama, torch], ids=["llama.cpp", "transformers"])


def chat(**fields: Any) -> ChatCompletionRequest:
    return ChatCompletionRequest.model_validate({"model": "m", "messages": [USER], **fields})


def completion(**fields: Any) -> CompletionRequest:
    return CompletionRequest.model_validate({"model": "m", "prompt": "a", **fields})


@either
@pytest.mark.parametrize(
    "fields",
    [
        {"n": 2},
        {"logprobs": True},
        {"audio": {"format": "wav", "voice": "alloy"}},
        {"store": True},
        {"reasoning_effort": "low"},
        {"vendor_knob": 1},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]},
    ],
)
def test_what_would_have_no_effect_is_refused_by_name(asking, fields):
    with pytest.raises(UnsupportedParameter) as caught:
        asking.asked_chat(chat(**fields))
    assert (caught.value.param or "").startswith(next(iter(fields)))


@either
@pytest.mark.parametrize(
    "fields",
    [
        {"stop": [""]},
        {"max_tokens": 0},
        {"stream_options": {"include_usage": True}},
        {"temperature": 1e9},
        {"top_p": 1.5},
        {"seed": 2**63},
        {"top_k": -1},
        {"top_k": 2.5},
        {"min_p": "0.1"},
        {"typical_p": 0},
        {"repetition_penalty": True},
        {"repetition_penalty": 0},
    ],
)
def test_what_makes_no_sense_is_refused(asking, fields):
    with pytest.raises(InvalidRequest):
        asking.asked_chat(chat(**fields))


@either
@pytest.mark.parametrize(
    "fields",
    [
        {"user": "u"},
        {"n": 1},
        {"store": False},
        {"metadata": {"a": "b"}},
        {"stop": None},
        {"presence_penalty": 0, "frequency_penalty": 0.0},
    ],
)
def test_labels_and_neutral_values_pass(asking, fields):
    asking.asked_chat(chat(**fields))


@either
@pytest.mark.parametrize("prompt", [["a", "b"], [1, 2], [[1]]])
def test_a_completion_is_of_one_text(asking, prompt):
    with pytest.raises(UnsupportedParameter):
        asking.asked_completion(completion(prompt=prompt))


def test_templates_are_given_plain_texts():
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    messages: Any = [{"role": "developer", "content": "be brief"}, {"role": "user", "content": parts}]
    asked = llama.asked_chat(chat(messages=messages))["messages"]
    assert asked == [{"role": "system", "content": "be brief"}, {"role": "user", "content": "ab"}]


@pytest.mark.parametrize(
    ("choice", "named"),
    [("required", "add"), ({"type": "function", "function": {"name": "add"}}, "add"), ("none", None)],
)
def test_llama_cpp_calls_the_function_that_is_named(choice, named):
    asked = llama.asked_chat(chat(tools=[TOOL], tool_choice=choice))
    assert asked.get("tool_choice", {}).get("function", {}).get("name") == named


@pytest.mark.parametrize("choice", [None, "auto", {"type": "function", "function": {"name": "other"}}])
def test_llama_cpp_does_not_choose_a_function(choice):
    with pytest.raises(UnsupportedParameter, match="only a function that `tool_choice` names"):
        llama.asked_chat(chat(tools=[TOOL], tool_choice=choice))


@pytest.mark.parametrize("seed", [-1, 2**32 - 1])
def test_a_seed_never_stands_for_chance(seed):
    asked = llama.asked_chat(chat(seed=seed))["seed"]
    assert asked == llama.asked_chat(chat(seed=seed))["seed"] < 2**32 - 1


def test_a_temperature_of_nearly_nothing_is_the_likeliest_token():
    assert torch.asked_chat(chat(temperature=1e-300)).options == {"do_sample": False}


def test_sampling_goes_by_the_names_of_each_engine():
    fields = {"temperature": 0.0, "top_p": 0.5, "seed": 7, "top_k": 3, "repetition_penalty": 1.1}
    asked = llama.asked_chat(chat(**fields, logit_bias={"5": 1.0}))
    assert (asked["temperature"], asked["repeat_penalty"], asked["logit_bias"]) == (0.0, 1.1, {5: 1.0})
    theirs = torch.asked_chat(chat(**fields))
    assert (theirs.seed, theirs.options) == (7, {"do_sample": False, "top_k": 3, "repetition_penalty": 1.1})
