"""The playground goes on with a text."""

from __future__ import annotations

import pytest
from openai.types import Completion as OpenAICompletion

from stack.apis.completions import Completion, CompletionRequest
from stack.errors import InvalidRequest, UnsupportedParameter

PROMPT = "The sky is blue. The grass is green. What colour is the sky?"


@pytest.fixture
def complete(playground):
    async def ask(prompt=PROMPT, **options):
        reply = await playground.openai_completion(CompletionRequest(model="not-an-llm", prompt=prompt, **options))
        # OpenAI answers null for the first token of an echo, which its own types do not allow.
        if not (options.get("echo") and options.get("logprobs")):
            OpenAICompletion.model_validate_json(reply.body)
        return Completion.model_validate_json(reply.body)

    return ask


@pytest.fixture
def stream(playground):
    async def ask(prompt=PROMPT, **options):
        request = CompletionRequest(model="not-an-llm", prompt=prompt, stream=True, **options)
        return [chunk async for chunk in await playground.openai_completion(request)]

    return ask


async def test_the_text_goes_on_with_the_relevant_sentence(complete):
    choice = (await complete()).choices[0]
    assert (choice.text, choice.finish_reason) == (' The context says: "The sky is blue."', "stop")


async def test_sixteen_tokens_are_the_default(complete):
    answer = await complete("Once upon a time")
    assert answer.usage.completion_tokens == 16
    assert answer.choices[0].finish_reason == "length"


async def test_the_prompt_is_echoed_when_asked(complete):
    assert (await complete(echo=True)).choices[0].text == PROMPT + (await complete()).choices[0].text


async def test_echo_without_new_tokens_scores_the_prompt(complete):
    choice = (await complete("Hello there", echo=True, max_tokens=0, logprobs=2)).choices[0]
    assert choice.text == "Hello there"
    assert choice.logprobs.token_logprobs[0] is None
    assert "".join(choice.logprobs.tokens) == "Hello there"


@pytest.mark.parametrize("echo", [False, True])
async def test_offsets_point_into_the_text(complete, echo):
    choice = (await complete(echo=echo, logprobs=3)).choices[0]
    found = choice.logprobs
    assert "".join(found.tokens) == choice.text
    assert [
        choice.text[at : at + len(token)] for at, token in zip(found.text_offset, found.tokens, strict=True)
    ] == found.tokens
    assert all(top is None or len(top) == 3 for top in found.top_logprobs)


async def test_every_prompt_has_its_own_choices_in_order(complete):
    answer = await complete(["Why is it so?", PROMPT], n=2, max_tokens=30)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert ["sky is blue" in choice.text for choice in answer.choices] == [False, False, True, True]


async def test_a_suffix_is_context(complete):
    text = (await complete("Who wrote it?", suffix=" Ada wrote it in 1843.", max_tokens=50)).choices[0].text
    assert text == ' The context says: "Ada wrote it in 1843."'


@pytest.mark.parametrize("options", [{}, {"echo": True, "logprobs": 1}, {"n": 2}, {"stop": "blue"}, {"max_tokens": 3}])
async def test_a_stream_adds_up_to_the_whole_text(complete, stream, options):
    answer = await complete(**options)
    chunks = await stream(**options, stream_options={"include_usage": True})
    pieces = [choice for chunk in chunks for choice in chunk.choices]
    for choice in answer.choices:
        own = [piece for piece in pieces if piece.index == choice.index]
        assert "".join(piece.text for piece in own) == choice.text
        assert own[-1].finish_reason == choice.finish_reason
        assert [t for p in own if p.logprobs for t in p.logprobs.tokens] == (
            choice.logprobs.tokens if choice.logprobs else []
        )
    assert (chunks[-1].usage, chunks[-1].choices) == (answer.usage, [])


@pytest.mark.parametrize("prompt", [[1, 2, 3], [[1, 2], [3]]])
async def test_token_ids_are_refused(complete, prompt):
    with pytest.raises(UnsupportedParameter, match="no vocabulary to decode token ids"):
        await complete(prompt)


@pytest.mark.parametrize("prompt", [None, "", [""], "\n"])
async def test_an_empty_prompt_is_continued(complete, prompt):
    assert "playground" in (await complete(prompt)).choices[0].text


@pytest.mark.parametrize(
    "options", [{"best_of": 1, "n": 2}, {"max_tokens": -1}, {"logprobs": 6}, {"n": 200}, {"stop": ""}, {"logprobs": -1}]
)
async def test_what_makes_no_sense_is_refused(complete, options):
    with pytest.raises(InvalidRequest):
        await complete(**options)


async def test_more_continuations_than_fit_are_refused(complete):
    with pytest.raises(InvalidRequest, match="asks for 2176 continuations: ask for at most 2048 at a time"):
        await complete(["a"] * 17, n=128)


@pytest.mark.parametrize("options", [{"logit_bias": {"1": 1.0}}, {"vendor_knob": 1}])
async def test_what_cannot_be_honoured_is_refused(complete, options):
    with pytest.raises(UnsupportedParameter, match=next(iter(options))):
        await complete(**options)


async def test_best_of_is_accepted_since_choices_come_best_first(complete):
    assert (await complete(best_of=3)).choices == (await complete()).choices
