"""Providers that are real objects of the protocol: they list what a test says, and answer what they were asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog

from stack.apis.context import request_context
from stack.apis.inference import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionRequest,
    EmbeddingsRequest,
    EmbeddingsResponse,
    Inference,
    Model,
    ModelAvailability,
)
from stack.apis.wire import Reply, ReplyMeta, Stream
from stack.registry.spec import ProviderSpec
from stack.routing.instance import Instance

LOG = structlog.get_logger("test")


def model(name: str, provider_id: str = "", model_type: Any = None, model_id: str = "") -> Model:
    return Model(
        model_id=model_id or name, provider_id=provider_id, provider_model_id=name, model_type=model_type, owned_by=""
    )


class Listing(Inference):
    """Lists these names, or what `answer` returns or raises; answers chats and embeddings as bytes."""

    def __init__(self, *names: str, answer: Callable[[], Any] | None = None) -> None:
        self.names = names
        self.answer = answer
        self.asked = 0
        self.sent: list[bytes] = []
        self.callers: list[Any] = []

    async def list_models(self) -> list[Model]:
        self.asked += 1
        self.callers.append(request_context.get())
        listed = self.answer() if self.answer else [model(name, "whoever") for name in self.names]
        return await listed if hasattr(listed, "__await__") else listed

    async def openai_chat_completion(
        self, request: ChatCompletionRequest
    ) -> Reply[ChatCompletion] | Stream[ChatCompletionChunk]:
        self.sent.append(request.body())
        if self.answer:
            self.answer()
        document = b'{"model":"%s","choices":[{"text":"my \\"model\\":\\"is\\""}]}' % request.model.encode()
        if request.stream:
            return Stream(ChatCompletionChunk, ReplyMeta(), _events(document))
        return Reply(ChatCompletion, ReplyMeta(), body=document)

    async def openai_embeddings(self, request: EmbeddingsRequest) -> Reply[EmbeddingsResponse]:
        self.sent.append(request.body())
        return Reply(EmbeddingsResponse, ReplyMeta(), body=b'{"data":[],"model":"%s"}' % request.model.encode())

    async def check_model_availability(self, model: str) -> ModelAvailability:
        return ModelAvailability("available" if model in self.names else "absent")


async def _events(document: bytes) -> Any:
    yield b"data: " + document + b"\n\n" + b"data: " + document + b"\n\n"
    yield b"data: [DONE]\n\n"


def instance(provider_id: str, provider: Inference | None, allowed: set[str] | None = None) -> Instance[Any]:
    spec = ProviderSpec("inference", f"inline::{provider_id}", "A provider.", module="none")
    known = None if allowed is None else frozenset(allowed)
    return Instance("inference", provider_id, spec, None, provider, allowed=known)
