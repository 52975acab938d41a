"""A provider under examination: it is asked, what was said is kept, and its service can be made to fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pydantic_core

from stack.apis.inference import (
    ChatCompletionRequest,
    CompletionRequest,
    EmbeddingsRequest,
    Inference,
    RerankRequest,
)
from stack.apis.wire import Reply, Stream
from stack.logs import Redactor
from stack.providers.remote.upstream import Send, Upstream, UpstreamRequest, UpstreamResponse
from stack.testing.answers import Json
from stack.testing.inference.heard import Heard, heard
from stack.testing.inference.service import PlayedService
from stack.testing.recordings import LED


class NotSupported(Exception):
    """The provider says, in one way or another, that it does not do this."""


class NotTried(Exception):
    """Nobody can tell in this mode."""


@dataclass(frozen=True, slots=True)
class Models:
    """Which models to ask, by the provider's own ids; those that are None are not asked."""

    chat: str | None = None
    embedding: str | None = None
    rerank: str | None = None
    vision: str | None = None


@dataclass(slots=True)
class Asked:
    """A call and what came back, as JSON or text."""

    call: str
    request: Any
    answer: Any = None


@dataclass
class Detour:
    """Leads what a provider sends to another place, while a check wants it. origin: scheme, host and port of that."""

    origin: str = ""

    def step(self, upstream: Upstream, send: Send) -> Send:
        """For `stack.providers.remote.upstream.between`."""

        async def led(request: UpstreamRequest, credential: str | None) -> UpstreamResponse:
            if self.origin:
                parts = urlsplit(request.url)
                query = f"?{parts.query}" if parts.query else ""
                request.url = f"{self.origin}{parts.path}{query}"
                request.headers[LED] = "true"
            return await send(request, credential)

        return led


@dataclass
class Subject:
    """provider: what is examined, to be asked by the models' own ids.

    service: the one that we play for it, or can play; None for a provider that cannot be led there. detour: the way
    to it. key: what the provider authorises itself with. asked: of the check that runs.
    """

    provider: Inference
    models: Models
    service: PlayedService | None = None
    detour: Detour | None = None
    provider_id: str = ""
    key: str = ""
    asked: list[Asked] = field(default_factory=list)
    redactor: Redactor = field(default_factory=Redactor)

    def masked(self, text: str) -> str:
        """Text without the secrets of the configuration."""
        return str(self.redactor.redact(text))

    @contextmanager
    def at_ours(self, fault: str = "") -> Iterator[PlayedService]:
        """The service is ours meanwhile, and fails like this. Raises: NotSupported."""
        if self.service is None:
            raise NotSupported("it calls no service that could be played")
        self.service.fault = fault
        try:
            with self.led_to(self.service.origin) if self.detour else nullcontext():
                yield self.service
        finally:
            self.service.fault = ""

    @contextmanager
    def led_to(self, origin: str) -> Iterator[None]:
        """What the provider sends goes there meanwhile. Raises: NotSupported."""
        if self.detour is None:
            raise NotSupported("what it sends cannot be led elsewhere")
        self.detour.origin = origin
        try:
            yield
        finally:
            self.detour.origin = ""

    def model(self, kind: str) -> str:
        """The model of a kind. Raises: NotSupported."""
        model: str | None = getattr(self.models, kind) if kind in Models.__slots__ else None
        if model is None:
            raise NotSupported(f"no {kind} model is listed or named")
        return model

    async def chat(self, text: str = "What is the capital of France?", **fields: Any) -> Json:
        """A whole answer's JSON, to one message or to `messages`."""
        request = self._chat_request(text, fields)
        return self._document(await self._ask("openai_chat_completion", request))

    async def stream_chat(self, text: str = "What is the capital of France?", **fields: Any) -> Heard:
        """A streamed answer, read to its end."""
        request = self._chat_request(text, {**fields, "stream": True})
        return await self._events(await self._ask("openai_chat_completion", request))

    async def open_stream(self, **fields: Any) -> Stream[Any]:
        """A streamed answer that nobody has read yet."""
        request = self._chat_request("What is the capital of France?", {**fields, "stream": True})
        answer = await self._ask("openai_chat_completion", request)
        if not isinstance(answer, Stream):
            raise AssertionError("`stream` is true, and the answer came whole")
        return answer

    async def complete(self, **fields: Any) -> Json:
        request = CompletionRequest.from_body(_body(model=self.model("chat"), prompt="Once upon a time", **fields))
        return self._document(await self._ask("openai_completion", request))

    async def stream_complete(self, **fields: Any) -> Heard:
        request = CompletionRequest.from_body(
            _body(model=self.model("chat"), prompt="Once upon a time", stream=True, **fields)
        )
        return await self._events(await self._ask("openai_completion", request))

    async def embed(self, given: Any, **fields: Any) -> Json:
        request = EmbeddingsRequest.from_body(_body(model=self.model("embedding"), input=given, **fields))
        return self._document(await self._ask("openai_embeddings", request))

    async def rerank(self, query: str, documents: list[str], **fields: Any) -> Json:
        request = RerankRequest.from_body(_body(model=self.model("rerank"), query=query, documents=documents, **fields))
        return self._document(await self._ask("rerank", request))

    def _chat_request(self, text: str, fields: dict[str, Any]) -> ChatCompletionRequest:
        said = {"messages": [{"role": "user", "content": text}], **fields}
        return ChatCompletionRequest.from_body(_body(**{"model": self.model("chat"), **said}))

    async def _ask(self, call: str, request: Any) -> Any:
        self.asked.append(Asked(call, pydantic_core.from_json(request.body())))
        try:
            return await getattr(self.provider, call)(request)
        except Exception as error:
            self.asked[-1].answer = f"{type(error).__name__}: {error}"
            raise

    def _document(self, answer: Any) -> Json:
        if not isinstance(answer, Reply):
            raise AssertionError(f"the answer is a {type(answer).__name__}, and a whole one was asked for")
        self.asked[-1].answer = answer.body.decode("utf-8", "replace")
        document = pydantic_core.from_json(answer.body)
        self.asked[-1].answer = document
        if not isinstance(document, dict):
            raise AssertionError("the answer is JSON, but no object")
        _ = answer.value  # it must have the types of the API
        return document

    async def _events(self, answer: Any) -> Heard:
        if not isinstance(answer, Stream):
            raise AssertionError("`stream` is true, and the answer came whole")
        blocks: list[bytes] = []
        try:
            async for block in answer.blocks():
                blocks.append(block)  # noqa: PERF401, so that what came before a failure is kept
        finally:
            self.asked[-1].answer = b"".join(blocks).decode("utf-8", "replace")
        return heard(blocks)


def _body(**fields: Any) -> bytes:
    return pydantic_core.to_json(fields)
