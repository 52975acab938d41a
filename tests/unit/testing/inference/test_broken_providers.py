"""Each check catches a provider that is broken in what it looks at; and nothing is broken in the good one."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from broken_inference import Breakage, Broken, Deaf, Endless

from stack.apis.context import EMPTY, request_context
from stack.apis.inference import ModelAvailability
from stack.errors import InvalidRequest
from stack.registry.discovery import find_spec
from stack.testing.inference import failing
from stack.testing.inference.checks import examined
from stack.testing.inference.failing import FAILURES, STREAMED
from stack.testing.inference.making import played
from stack.testing.inference.suite import SUITE


def at(*path: Any, value: Any = None, drop: bool = False) -> Any:
    """Change one place of a document, where it is there."""

    def change(document: Any) -> Any:
        document = copy.deepcopy(document)
        place = document
        for step in path[:-1]:
            found = place.get(step) if isinstance(place, dict) else place[step] if step < len(place) else None
            if found is None:
                return document
            place = found
        if drop:
            place.pop(path[-1], None)
        else:
            place[path[-1]] = value(place[path[-1]]) if callable(value) else value
        return document

    return change


def each(change: Any) -> Any:
    return lambda chunks: [change(chunk) for chunk in chunks]


def without(*names: str) -> Any:
    """A request without these options."""
    return lambda body: {name: value for name, value in body.items() if name not in names}


def repeated_index(chunks: Any) -> Any:
    """All pieces of tool calls under one index."""
    return each(at("choices", 0, "delta", "tool_calls", 0, "index", value=0))(chunks)


def same_ids(answer: Any) -> Any:
    calls = answer["choices"][0]["message"].get("tool_calls") or []
    return at("choices", 0, "message", "tool_calls", value=[{**call, "id": "call_1"} for call in calls])(answer)


MESSAGE = ("choices", 0, "message")
CALL = (*MESSAGE, "tool_calls", 0)
WHOLE: dict[str, Breakage] = {
    "chat: answer": Breakage(whole=at("id", value="")),
    "chat: conversation": Breakage(whole=at(*MESSAGE, "content", value=None)),
    "chat: usage": Breakage(whole=at("usage", "total_tokens", value=1)),
    "chat: stream": Breakage(tail=b""),
    "chat: stream usage": Breakage(request=without("stream_options")),
    "chat: token limit": Breakage(request=without("max_tokens")),
    "chat: choices": Breakage(request=without("n")),
    "chat: log probabilities": Breakage(request=without("logprobs", "top_logprobs")),
    "chat: picture": Breakage(whole=at(*MESSAGE, "content", value="")),
    "tools: call": Breakage(whole=at(*CALL, "function", "arguments", value={"city": "Paris"})),
    "tools: streamed call": Breakage(chunks=each(at("choices", 0, "delta", "tool_calls", 0, "id", value=""))),
    "tools: parallel calls": Breakage(whole=same_ids),
    "tools: streamed parallel calls": Breakage(
        chunks=each(at("choices", 0, "delta", "tool_calls", 0, "id", value="call_1"))
    ),
    "tools: one call at a time": Breakage(request=without("parallel_tool_calls")),
    "tools: named tool": Breakage(request=without("tool_choice")),
    "tools: no tool": Breakage(request=without("tool_choice")),
    "tools: result": Breakage(whole=at(*MESSAGE, "content", value=None)),
    "structured output: schema": Breakage(request=without("response_format")),
    "structured output: streamed schema": Breakage(request=without("response_format")),
    "structured output: any object": Breakage(request=without("response_format")),
    "completions: answer": Breakage(whole=at("choices", 0, "text", value="")),
    "completions: stream": Breakage(chunks=each(at("object", value="chat.completion.chunk"))),
    "embeddings: one vector for each text": Breakage(whole=at("data", value=lambda data: data[::-1])),
    "embeddings: text alone": Breakage(whole=at("data", 0, "embedding", value=lambda numbers: [0.0] * len(numbers))),
    "embeddings: usage": Breakage(whole=at("usage", drop=True)),
    "embeddings: base64": Breakage(request=without("encoding_format")),
    "embeddings: dimensions": Breakage(request=without("dimensions")),
    "rerank: order": Breakage(whole=at("results", value=lambda results: results[::-1])),
    "rerank: limit": Breakage(request=without("top_n")),
    "models: list": Breakage(models=lambda models: models + models),
    "models: availability": Breakage(available=lambda _: ModelAvailability("available")),
    "relay: unknown option": Breakage(request=without("x_unknown")),
    "relay: request unchanged": Breakage(
        request=at("messages", 0, "content", value=lambda text: text.encode("ascii", "replace").decode())
    ),
    "relay: unknown field of an answer": Breakage(whole=at("x_played", drop=True)),
    "relay: unknown field of a chunk": Breakage(chunks=each(at("x_played", drop=True))),
    "failures: rate limit": Breakage(raised=lambda error: setattr(error, "retry_after", None) or error),
    "failures: unreachable": Breakage(raised=lambda error: ConnectionError(str(error))),
    "failures: no secret": Breakage(raised=lambda error: type(error)(f"{error} {KEY}", **UPSTREAM)),
}
KEY = "played-key-0123456789abcdef"
UPSTREAM = {"provider_id": "vllm", "phase": "status"}
FAILING = [check.title for check in FAILURES.checks if check.title not in WHOLE and check.name != "silence"]


async def found(title: str, breakage: Breakage, kind: type[Broken] = Broken) -> Any:
    """What a check finds in a provider that is broken like this."""
    async with played(find_spec("inference", "remote::vllm")) as subject:
        subject.provider = kind(subject.provider, breakage)
        (check,) = (each for each in SUITE if each.title == title)
        return await examined(check, subject)


@pytest.mark.parametrize("title", WHOLE)
async def test_a_check_catches_a_provider_that_breaks_what_it_looks_at(title: str):
    caught = await found(title, WHOLE[title])
    assert (caught.status, bool(caught.note)) == ("fail", True), caught


@pytest.mark.parametrize("title", [check.title for check in SUITE])
async def test_a_wrapped_provider_that_breaks_nothing_passes(title: str):
    if title not in ("relay: caller who leaves", "failures: silence"):  # the wrapper reads streams to their end
        assert (await found(title, Breakage())).status == "pass"


@pytest.mark.parametrize("title", FAILING)
@pytest.mark.parametrize(
    "raised",
    [lambda error: ValueError(str(error)), lambda _: None, lambda _: InvalidRequest("no")],
    ids=["another error", "no error", "the caller's fault"],
)
async def test_a_failure_that_is_not_told_as_what_it_is_is_caught(title: str, raised: Any):
    caught = await found(title, Breakage(raised=raised))
    assert (caught.status, bool(caught.note)) == ("fail", True), caught


@pytest.mark.parametrize("failure", STREAMED, ids=lambda failure: failure.name)
async def test_a_stream_that_lies_about_its_end_is_caught(failure: Any):
    finish = {"id": "x", "object": "chat.completion.chunk", "choices": [{"index": 0, "finish_reason": "stop"}]}
    lies = Breakage(raised=lambda _: None, chunks=lambda chunks: [*chunks, finish])
    assert (await found(f"failures: {failure.name}", lies)).status == "fail"


async def test_a_provider_that_ignores_the_deadline_is_caught(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(failing, "PATIENCE_S", 3.0)

    def forget(body: Any) -> Any:
        request_context.set(EMPTY)
        return body

    assert (await found("failures: silence", Breakage(request=forget))).status == "fail"


async def test_a_provider_that_uses_its_own_key_for_a_callers_is_caught():
    def forget(body: Any) -> Any:
        request_context.set(EMPTY)
        return body

    assert (await found("relay: caller's key", Breakage(request=forget))).status == "fail"


async def test_a_provider_that_mixes_up_answers_is_caught():
    first: list[Any] = []

    def the_first(answer: Any) -> Any:
        first.append(answer)
        return first[0]

    assert (await found("relay: calls at once", Breakage(whole=the_first))).status == "fail"


async def test_a_provider_that_goes_on_reading_for_nobody_is_caught():
    caught = await found("relay: caller who leaves", Breakage(), Deaf)
    assert caught.note == "the caller left, and the service goes on answering"


async def test_a_provider_that_never_answers_is_caught(monkeypatch):
    monkeypatch.setattr("stack.testing.inference.checks.LIMIT_S", 0.1)
    caught = await found("chat: usage", Breakage(), Endless)
    assert caught.note == "it had not ended after 0.1 seconds"


def test_every_check_has_a_provider_that_it_catches():
    alone = {"failures: silence", "relay: caller's key", "relay: calls at once", "relay: caller who leaves"}
    assert {check.title for check in SUITE} == {*WHOLE, *FAILING, *alone}


async def test_a_failure_shows_request_and_answer_without_secrets():
    from stack.testing.inference.report import dialogue

    async with played(find_spec("inference", "remote::vllm")) as subject:
        subject.provider = Broken(subject.provider, Breakage(whole=at("id", value=KEY), request=at("user", value=KEY)))
        (check,) = (each for each in SUITE if each.title == "chat: usage")
        subject.provider.breakage = Breakage(whole=at("usage", value=KEY), request=lambda body: body)
        told = dialogue(await examined(check, subject), subject)
    assert told.startswith('openai_chat_completion {"model": "played-chat"')
    assert '"usage": "***"' in told
