"""The router is an Inference itself: it translates ids in both directions and adds nothing else."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asking import chat
from unit.routing.listing import LOG, Listing, instance, model

from stack.apis.inference import ChatCompletionRequest, CompletionRequest, EmbeddingsRequest
from stack.apis.wire import Reply, Stream
from stack.errors import InvalidRequest, ProviderUnavailable, Unreachable, Unsupported
from stack.routing.inference import InferenceRouter


class Stack:
    """A router over one provider `up`, and the parts of it that tests look at."""

    def __init__(self) -> None:
        self.provider = Listing("m", "text-embed")
        self.instance = instance("up", self.provider)
        registered = [
            model("m", "up", "llm", "talk"),
            model("text-embed", "up", "embedding", "embed"),
            model("r", "up", "rerank", "rank"),
            model("m", "gone", "llm", "gone-model"),
        ]
        self.router = InferenceRouter([self.instance, instance("gone", None)], registered, LOG)


@pytest.fixture
async def stack() -> AsyncIterator[Stack]:
    made = Stack()
    yield made
    await made.router.routes.stop()


async def test_the_upstream_is_told_its_own_id_and_every_other_byte_as_it_came(stack: Stack):
    body = b'{ "messages":[{"role":"user","content":"\\u00e9 model"}],  "model" : "talk", "knob": 1e3 }'
    await stack.router.openai_chat_completion(ChatCompletionRequest.from_body(body))
    assert stack.provider.sent == [body.replace(b'"model" : "talk"', b'"model":"m"')]


@pytest.mark.parametrize("said", ["talk", "up/m", "m"])
async def test_a_reply_names_the_model_as_the_caller_did(stack: Stack, said: str):
    reply = await stack.router.openai_chat_completion(chat(model=said))
    assert isinstance(reply, Reply)
    answer = json.loads(reply.body)
    assert answer == {"model": said, "choices": [{"text": 'my "model":"is"'}]}
    assert (reply.meta.provider_id, reply.meta.upstream_model) == ("up", "m")


async def test_every_event_of_a_stream_names_the_model_as_the_caller_did(stack: Stack):
    stream = await stack.router.openai_chat_completion(chat(model="talk", stream=True))
    assert isinstance(stream, Stream)
    sent = b"".join([block async for block in stream.blocks()])
    events = sent.removesuffix(b"data: [DONE]\n\n").split(b"\n\n")[:-1]
    assert [json.loads(event[6:])["model"] for event in events] == ["talk", "talk"]
    assert sent.count(b'my \\"model\\":\\"is\\"') == 2


WRONG: list[tuple[Any, str]] = [
    (chat(model="embed"), "`embed` is an embedding model: this call needs a language model"),
    (chat(model="rank"), "`rank` is a reranking model"),
    (CompletionRequest(model="embed", prompt="a"), "`embed` is an embedding model"),
    (EmbeddingsRequest(model="talk", input="a"), "`talk` is a language model: this call needs an embedding model"),
]


@pytest.mark.parametrize(("request_", "message"), WRONG)
async def test_a_model_of_another_kind_is_refused_before_anything_is_sent(stack: Stack, request_: Any, message: str):
    ask = {
        ChatCompletionRequest: stack.router.openai_chat_completion,
        CompletionRequest: stack.router.openai_completion,
        EmbeddingsRequest: stack.router.openai_embeddings,
    }[type(request_)]
    with pytest.raises(InvalidRequest, match=message) as raised:
        await ask(request_)
    assert (raised.value.code, raised.value.param, stack.provider.sent) == ("wrong_model_type", "model", [])


async def test_a_model_of_unknown_kind_may_be_asked_for_anything(stack: Stack):
    await stack.router.openai_chat_completion(chat(model="up/whatever"))
    await stack.router.openai_embeddings(EmbeddingsRequest(model="up/whatever", input="a"))
    assert len(stack.provider.sent) == 2


async def test_what_the_provider_does_not_offer_is_refused(stack: Stack):
    with pytest.raises(Unsupported):
        await stack.router.openai_completion(CompletionRequest(model="talk", prompt="a"))
    assert stack.instance.status == "available"


async def test_a_provider_is_unavailable_from_its_failure_to_its_next_answer(stack: Stack):
    stack.provider.answer = unreachable
    with pytest.raises(Unreachable):
        await stack.router.openai_chat_completion(chat(model="talk"))
    assert (stack.instance.status, stack.instance.reason) == ("unavailable", "gone for lunch")
    stack.provider.answer = None
    await stack.router.openai_chat_completion(chat(model="talk"))
    assert stack.instance.status == "available"


def unreachable() -> None:
    raise Unreachable("gone for lunch", provider_id="up", phase="connect")


async def test_a_model_of_a_provider_that_did_not_start_is_unavailable_and_not_unknown(stack: Stack):
    with pytest.raises(ProviderUnavailable):
        await stack.router.openai_chat_completion(chat(model="gone-model"))


@pytest.mark.parametrize(
    ("said", "status"), [("talk", "available"), ("rank", "absent"), ("nothing", "absent"), ("gone-model", "unknown")]
)
async def test_availability_is_told_for_the_id_that_callers_use(stack: Stack, said: str, status: str):
    assert (await stack.router.check_model_availability(said)).status == status


async def test_models_are_listed_under_the_ids_that_callers_use(stack: Stack):
    listed = [each.model_id for each in await stack.router.list_models()]
    assert listed == ["talk", "embed", "rank", "gone-model", "up/m", "up/text-embed"]


async def test_no_model_steps_in_that_the_provider_is_not_allowed():
    up = Listing("m", "cheap", "dear")
    router = InferenceRouter([instance("up", up, {"m", "cheap"})], [], LOG)
    await router.openai_chat_completion(chat(model="up/m", models=["m", "cheap"]))
    with pytest.raises(InvalidRequest, match="`models` names `dear`, which is none of its provider's"):
        await router.openai_chat_completion(chat(model="up/m", models=["cheap", "dear"]))
    await router.routes.stop()
