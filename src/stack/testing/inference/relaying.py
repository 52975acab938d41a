"""Checks of what lies between: fields that nobody knows, keys of callers, calls at once, and callers who leave."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stack.apis.context import RequestContext, request_context
from stack.errors import RequestError
from stack.testing.http import Request
from stack.testing.inference.chatting import text_of
from stack.testing.inference.checks import Group, equal, require
from stack.testing.inference.subject import NotSupported, NotTried, Subject

MODELS = Group("models")
RELAY = Group("relay")
SLOW = "stream-300-every-10"
PATIENCE_S = 30.0


@MODELS.check("list")
async def listed(subject: Subject) -> None:
    """Models are listed, each once, under the provider's id."""
    found = await subject.provider.list_models()
    if not found:
        raise NotTried("the list is empty")
    names = [model.provider_model_id for model in found]
    equal(len(set(names)), len(names), "the number of different models in the list")
    equal({model.provider_id for model in found}, {subject.provider_id}, "`provider_id` in the list")
    require(all(names), "a model of the list has no id")


@MODELS.check("availability")
async def availability(subject: Subject) -> None:
    """A model that is listed is available, and one that nobody has is not."""
    found = await subject.provider.list_models()
    if not found:
        raise NotTried("the list is empty")
    there = await subject.provider.check_model_availability(found[0].provider_model_id)
    require(there.status != "absent", f"`{found[0].provider_model_id}` is listed, and called absent: {there.reason}")
    nobody = await subject.provider.check_model_availability("no-such-model-0f9d")
    require(not nobody, "a model that nobody has is called available")


@RELAY.check("unknown option", needs_fake=True)
async def unknown_option(subject: Subject) -> None:
    """A field of a request that no API has reaches the service, or is refused by its name."""
    with subject.at_ours() as service:
        try:
            await subject.chat(x_unknown={"deep": [1]})
        except RequestError as error:
            require("x_unknown" in error.message, f"the refusal does not name the field: `{error.message}`")
            return
        equal(_last(service.received).json.get("x_unknown"), {"deep": [1]}, "`x_unknown` as the service got it")


@RELAY.check("request unchanged", needs_fake=True)
async def request_unchanged(subject: Subject) -> None:
    """Texts reach the service as they are, whatever they are written in."""
    text = 'caf\u00e9 \U0001f680 \u202e\u0000 \\u00e9 "quoted" </s>\n'
    with subject.at_ours() as service:
        text_of(await subject.chat(text))
        sent = _last(service.received).json
    equal(sent["messages"][-1]["content"], text, "the text as the service got it")


@RELAY.check("unknown field of an answer", needs_fake=True)
async def unknown_field(subject: Subject) -> None:
    """A field of a whole answer that no API has reaches the caller."""
    with subject.at_ours():
        equal((await subject.chat()).get("x_played"), {"is_kept": True}, "`x_played` of the answer")


@RELAY.check("unknown field of a chunk", needs_fake=True)
async def unknown_chunk_field(subject: Subject) -> None:
    """A field of a chunk that no API has reaches the caller."""
    with subject.at_ours():
        heard = await subject.stream_chat()
    kept = [chunk.get("x_played") for chunk in heard.chunks]
    equal(kept, [{"is_kept": True}] * len(kept), "`x_played` of the chunks")


@RELAY.check("calls at once")
async def at_once(subject: Subject) -> None:
    """Calls at once get each its own answer."""
    replies = await asyncio.gather(*(subject.chat(f"Say the number {number}.") for number in range(4)))
    for each in replies:
        text_of(each)
    if subject.service is None:
        return
    with subject.at_ours("echo"):
        replies = await asyncio.gather(*(subject.chat(f"number-{number}-of-8") for number in range(8)))
    for number, each in enumerate(replies):
        require(f"number-{number}-of-8" in text_of(each), "a call got the answer of another one")


@RELAY.check("caller's key", needs_fake=True)
async def callers_key(subject: Subject) -> None:
    """A key that comes with a request is used in the place of the configured one."""
    if not subject.key:
        raise NotSupported("it has no key of ours")
    own = "callers-own-key-8d1f"
    with subject.at_ours() as service, _provider_data({subject.provider_id: {"api_key": own}}):
        before = len(service.received)
        await subject.chat()
        sent = service.received[before:]
    carried = [f"{request.headers}{request.target}{request.body!r}" for request in sent]
    require(any(own in each for each in carried), "the caller's key reaches no service")
    require(not any(subject.key in each for each in carried), "the configured key is sent for a caller with its own")


@RELAY.check("caller who leaves")
async def caller_leaves(subject: Subject) -> None:
    """A stream that nobody reads any more ends at once, and so does the service's answer."""
    if subject.service is None:
        await _leave(subject)
        return
    with subject.at_ours(SLOW) as service:
        before = service.counts
        await _leave(subject)
        try:
            ended = await asyncio.to_thread(service.wait_until, lambda counts: counts.active == 0)
        except TimeoutError:
            ended = before
        require(ended.aborted.total() > before.aborted.total(), "the caller left, and the service goes on answering")


async def _leave(subject: Subject) -> None:
    stream = await subject.open_stream()
    blocks = stream.blocks()
    await anext(blocks)
    try:
        async with asyncio.timeout(PATIENCE_S):
            await stream.aclose()
    except TimeoutError as error:
        raise AssertionError("the caller left, and closing the stream takes for ever") from error
    require(await anext(blocks, None) is None, "the stream goes on behind its end")


@contextmanager
def _provider_data(data: dict[str, Any]) -> Iterator[None]:
    token = request_context.set(RequestContext(provider_data=data))
    try:
        yield
    finally:
        request_context.reset(token)


def _last(requests: list[Request]) -> Request:
    return [request for request in requests if request.method == "POST" and request.json is not None][-1]
