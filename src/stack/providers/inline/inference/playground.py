"""Playground: answers without a key, a download or a network, and says that it is no language model.

It is there so that a fresh installation answers, and to build, test and load-test against. It quotes the sentence of
its context that speaks of the question, calls tools and fills JSON schemas with conforming values made of the words it
was given, and embeds texts by the words and letters they share. The same request gives the same answer on every
machine: only `created` is the clock's, and the id is a hash of the request. Token counts are estimates.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeVar

from pydantic import Field

from stack.apis.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionRequest
from stack.apis.completions import Completion, CompletionRequest
from stack.apis.embeddings import Embedding, EmbeddingsRequest, EmbeddingsResponse, EmbeddingsUsage
from stack.apis.inference import Inference
from stack.apis.models import Model, ModelAvailability, ModelType
from stack.apis.rerank import RerankRequest, RerankResponse, RerankResult
from stack.apis.usage import CompletionUsage
from stack.apis.wire import Reply, ReplyMeta, Stream
from stack.errors import InvalidRequest, NotFound, Unsupported, UnsupportedParameter, quoted
from stack.providers.inline.playground.chatting import draft_chat
from stack.providers.inline.playground.continuing import draft_completion
from stack.providers.inline.playground.embedding import (
    DEFAULT_DIMENSIONS,
    MAX_DIMENSIONS,
    as_base64,
    embed,
    embed_tokens,
)
from stack.providers.inline.playground.options import check_extra
from stack.providers.inline.playground.relevance import relevance
from stack.providers.inline.playground.text import token_count
from stack.registry.spec import Provider, ProviderConfig

CHAT_MODEL = "not-an-llm"
EMBEDDING_MODEL = "lexical-embedding"
RERANK_MODEL = "lexical-reranker"
_DOES = {
    CHAT_MODEL: "answers chats and completions",
    EMBEDDING_MODEL: "embeds texts",
    RERANK_MODEL: "orders documents",
}
# Larger requests are worked on in a thread: this many bytes take under 5 ms.
_QUICK_BYTES = 8_000
_MAX_INPUTS = 2_048  # as OpenAI has it
_MAX_NUMBERS = 1 << 21  # of all vectors of an answer: each takes 32 bytes while it is written
# A stream that never waits lets others run after this many chunks.
_CHUNKS_AT_ONCE = 32

T = TypeVar("T")


class Config(ProviderConfig):
    latency_ms: float = Field(0, ge=0, le=600_000, description="Wait before every answer, in milliseconds.")
    chunk_delay_ms: float = Field(
        0,
        ge=0,
        le=60_000,
        description="Wait before every chunk of a stream; a chunk is a token, so 20 is 50 tokens per second.",
    )
    answer_tokens: int = Field(
        0,
        ge=0,
        le=100_000,
        description="Repeat or cut every text answer to this many tokens, to test under load; 0 leaves it.",
    )


class Playground(Provider, Inference):
    config: Config

    async def openai_chat_completion(
        self, request: ChatCompletionRequest
    ) -> Reply[ChatCompletion] | Stream[ChatCompletionChunk]:
        """Quote, call a tool, or fill a schema; see `options` for what is refused and what has no effect."""
        _require_model(request.model, CHAT_MODEL)
        size = len(request.body()) + (
            _QUICK_BYTES if request.tools or request.functions or request.response_format else 0
        )
        answer = await self._work(size, lambda: draft_chat(request, int(time.time()), self.config.answer_tokens))
        meta = self._meta(request.model, answer.unread, answer.usage)
        if request.stream:
            return Stream.of(ChatCompletionChunk, self._paced(answer.chunks()), meta)
        return Reply.of(answer.whole(), meta)

    async def openai_completion(self, request: CompletionRequest) -> Reply[Completion] | Stream[Completion]:
        """Go on with a text; token ids cannot be decoded and are refused."""
        _require_model(request.model, CHAT_MODEL)
        size = len(request.body())
        answer = await self._work(size, lambda: draft_completion(request, int(time.time()), self.config.answer_tokens))
        meta = self._meta(request.model, usage=answer.usage)
        if request.stream:
            return Stream.of(Completion, self._paced(answer.chunks()), meta)
        return Reply.of(answer.whole(), meta)

    async def openai_embeddings(self, request: EmbeddingsRequest) -> Reply[EmbeddingsResponse]:
        """Embed by words and spelling; token ids are embedded as they are, for want of a vocabulary."""
        _require_model(request.model, EMBEDDING_MODEL)
        count = len(request.input) if isinstance(request.input, list) else 1
        size = len(request.body()) + count * (request.dimensions or DEFAULT_DIMENSIONS) // 8
        response = await self._work(size, lambda: _embed_all(request))
        meta = self._meta(request.model)
        meta.prompt_tokens = response.usage.prompt_tokens if response.usage else 0
        return Reply.of(response, meta)

    async def rerank(self, request: RerankRequest) -> Reply[RerankResponse]:
        """Order documents by the words that they share with the query."""
        _require_model(request.model, RERANK_MODEL)
        response = await self._work(len(request.body()), lambda: _ordered(request))
        return Reply.of(response, self._meta(request.model))

    async def list_models(self) -> list[Model]:
        orders = "Orders documents by the words that they share with a query; no neural network."
        embeds = "Embeds texts by the words and letters they share; no neural network."
        quotes = "Quotes the context it is given; not a language model."
        sizes = {"embedding_dimension": DEFAULT_DIMENSIONS, "min_dimensions": 1, "max_dimensions": MAX_DIMENSIONS}
        return [
            self._model(CHAT_MODEL, "llm", description=quotes),
            self._model(EMBEDDING_MODEL, "embedding", description=embeds, **sizes),
            self._model(RERANK_MODEL, "rerank", description=orders),
        ]

    async def check_model_availability(self, model: str) -> ModelAvailability:
        if model in _DOES:
            return ModelAvailability("available", "it is part of the playground")
        return ModelAvailability("absent", f"the playground has {quoted(_DOES)}")

    def _model(self, name: str, model_type: ModelType, **metadata: str | int) -> Model:
        return Model(
            model_id=name,
            provider_id=self.deps.provider_id,
            provider_model_id=name,
            model_type=model_type,
            owned_by="stack-playground",
            metadata={"playground": True, **metadata},
        )

    def _meta(self, model: str, unread: str = "", usage: CompletionUsage | None = None) -> ReplyMeta:
        headers = {"x-stack-playground": "true"} | ({"x-stack-playground-unread": unread} if unread else {})
        meta = ReplyMeta(provider_id=self.deps.provider_id, upstream_model=model, headers=headers)
        if usage is not None:
            meta.prompt_tokens, meta.completion_tokens = usage.prompt_tokens, usage.completion_tokens
        return meta

    async def _work(self, size: int, work: Callable[[], T]) -> T:
        """The result of `work` after the configured latency, from a thread if it may take long."""
        await asyncio.sleep(self.config.latency_ms / 1000)
        return work() if size < _QUICK_BYTES else await asyncio.to_thread(work)

    async def _paced(self, chunks: Iterator[T]) -> AsyncIterator[T]:
        delay_s = self.config.chunk_delay_ms / 1000
        for count, chunk in enumerate(chunks, 1):
            if delay_s or count % _CHUNKS_AT_ONCE == 0:
                await asyncio.sleep(delay_s)
            yield chunk


def _require_model(model: str, wanted: str) -> None:
    if model == wanted:
        return
    if model in _DOES:
        raise Unsupported(f"`{model}` only {_DOES[model]}: ask `{wanted}` for this", param="model")
    message = f"the playground has no model `{model}`: it has {quoted(_DOES)}"
    raise NotFound(message, param="model", code="model_not_found")


def _ordered(request: RerankRequest) -> RerankResponse:
    check_extra(request.model_extra)
    texts = [_text_of(document, index) for index, document in enumerate(request.documents)]
    scores = relevance(request.query, texts)
    best = sorted(range(len(texts)), key=lambda index: (-scores[index], index))[: request.top_n]
    kept = request.documents if request.return_documents else [None] * len(texts)
    results = [RerankResult(index=i, relevance_score=scores[i], document=kept[i]) for i in best]
    return RerankResponse(results=results, model=request.model)


def _text_of(document: str | dict[str, object], index: int) -> str:
    text = document.get("text") if isinstance(document, dict) else document
    if not isinstance(text, str):
        param = f"documents[{index}].text"
        raise InvalidRequest(f"`{param}` must be a string", param=param)
    return text


def _embed_all(request: EmbeddingsRequest) -> EmbeddingsResponse:
    check_extra(request.model_extra)
    dimensions = DEFAULT_DIMENSIONS if request.dimensions is None else request.dimensions
    if not 1 <= dimensions <= MAX_DIMENSIONS:
        raise InvalidRequest(f"`dimensions` is {dimensions}, and must be 1 to {MAX_DIMENSIONS}", param="dimensions")
    if request.encoding_format not in (None, "float", "base64"):
        raise UnsupportedParameter("`encoding_format` must be `float` or `base64`", param="encoding_format")
    inputs = _inputs(request.input)
    if len(inputs) > (most := min(_MAX_INPUTS, _MAX_NUMBERS // dimensions)):
        message = f"`input` holds {len(inputs)} texts: send at most {most} at a time with {dimensions} dimensions"
        raise InvalidRequest(message, param="input")
    vectors: list[array[float]] = []
    count = 0
    for item in inputs:
        vectors.append(embed(item, dimensions) if isinstance(item, str) else embed_tokens(item, dimensions))
        count += token_count(item) if isinstance(item, str) else len(item)
    as_text = request.encoding_format == "base64"
    data = [
        Embedding(index=index, object="embedding", embedding=as_base64(vector) if as_text else vector.tolist())
        for index, vector in enumerate(vectors)
    ]
    usage = EmbeddingsUsage(prompt_tokens=count, total_tokens=count)
    return EmbeddingsResponse(object="list", data=data, model=request.model, usage=usage)


def _inputs(given: str | list[str] | list[int] | list[list[int]]) -> list[str | list[int]]:
    if isinstance(given, str):
        return [given]
    whole = [item for item in given if isinstance(item, int)]
    return [whole] if whole else [item for item in given if not isinstance(item, int)]
