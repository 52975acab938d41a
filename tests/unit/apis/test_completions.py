from __future__ import annotations

import json

import pytest
from openai.types import Completion as OpenAICompletion
from pydantic import ValidationError

from stack.apis.completions import Completion, CompletionChoice, CompletionRequest
from stack.apis.usage import CompletionUsage
from stack.apis.validation import invalid_request


def read(**fields) -> CompletionRequest:
    return CompletionRequest.from_body(json.dumps({"model": "m", **fields}).encode())


@pytest.mark.parametrize("prompt", ["", "a", ["a", "b"], [1, 2], [[1], [2, 3]], None])
def test_a_prompt_is_text_or_token_ids_or_an_array_of_either(prompt):
    assert read(prompt=prompt).prompt == prompt


def test_options_of_completions_are_read():
    request = read(prompt="a", suffix="z", echo=True, best_of=3, n=2, logprobs=5, stop="x", knob=[1])
    assert (request.suffix, request.echo, request.best_of, request.logprobs) == ("z", True, 3, 5)
    assert request.model_extra == {"knob": [1]}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "prompt"),
        ({"prompt": 5}, "prompt"),
        ({"prompt": ["a", 5]}, "prompt[1]"),
        ({"prompt": [1, "a"]}, "prompt[1]"),
        ({"prompt": [1.5]}, "prompt[0]"),
        ({"prompt": [[1], [True]]}, "prompt[1][0]"),
        ({"prompt": "a", "best_of": 0}, "best_of"),
        ({"prompt": "a", "n": 0}, "n"),
        ({"prompt": "a", "echo": 1}, "echo"),
        ({"prompt": "a", "logprobs": True}, "logprobs"),
    ],
)
def test_a_wrong_shape_is_refused_where_it_is_wrong(fields, param):
    with pytest.raises(ValidationError) as caught:
        read(**fields)
    assert invalid_request(caught.value).param == param


def test_every_optional_field_accepts_null():
    read(**{name: None for name in CompletionRequest.model_fields if name != "model"})


def test_a_built_answer_is_what_openai_reads():
    choice = CompletionChoice(index=0, text="a", finish_reason="stop", logprobs=None)
    usage = CompletionUsage(prompt_tokens=1, completion_tokens=1, total_tokens=2)
    answer = Completion(id="x", object="text_completion", created=1, model="m", choices=[choice], usage=usage)
    theirs = OpenAICompletion.model_validate_json(answer.model_dump_json(exclude_unset=True), strict=True)
    assert theirs.choices[0].text == "a"


def test_logprobs_of_an_echoed_prompt_start_with_null():
    logprobs = {
        "tokens": ["a", "b"],
        "token_logprobs": [None, -1],
        "top_logprobs": [None, {"b": -1}],
        "text_offset": [0, 1],
    }
    answer = Completion.model_validate({"choices": [{"index": 0, "text": "ab", "logprobs": logprobs}]})
    assert answer.choices[0].logprobs.token_logprobs == [None, -1.0]
