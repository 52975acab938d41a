"""Transformers in this process: a model of a folder, or of Hugging Face's hub, by PyTorch.

Source: https://huggingface.co/docs/transformers/main_classes/text_generation
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from stack.apis.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionRequest
from stack.apis.completions import Completion, CompletionRequest
from stack.apis.embeddings import EmbeddingsRequest, EmbeddingsResponse
from stack.apis.inference import Inference
from stack.apis.models import Model, ModelAvailability
from stack.apis.wire import Reply, ReplyMeta, Stream
from stack.errors import ProviderUnavailable
from stack.importing import one_at_a_time
from stack.providers.inline.local_model.answers import Chunks, Piece, Usage, embedded, streamed, whole
from stack.providers.inline.local_model.options import check_model, check_options, check_task, texts_of
from stack.providers.inline.local_model.worker import Stopped, Worker
from stack.providers.inline.transformers.asking import Asked, asked_chat, asked_completion
from stack.registry.spec import Deps, Provider, ProviderConfig, env

if TYPE_CHECKING:
    from stack.providers.inline.transformers.model import Embedder, Generator


class Config(ProviderConfig):
    switch: ClassVar[str] = "model"

    model: str = env(
        "TRANSFORMERS_MODEL",
        description="Folder of a model, or its id on the hub, which is downloaded at the first start; `.safetensors`"
        " only, and no code of its repository is run.",
        min_length=1,
    )
    revision: str | None = Field(None, description="Commit, tag or branch on the hub; a commit never changes.")
    model_id: str | None = Field(None, min_length=1, description="Id of the model; default: the name of the folder.")
    task: Literal["generate", "embed"] = Field("generate", description="Whether it writes texts, or embeds them.")
    device: str = env("TRANSFORMERS_DEVICE", "cpu", "Where it computes: `cpu`, `cuda`, `cuda:1`, `mps`.", min_length=1)
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = Field(
        "auto", description="Numbers of its weights; `auto`: as they are stored."
    )
    max_waiting: int = Field(16, ge=0, description="Requests that wait in line behind the one that is answered.")


class Transformers(Provider, Inference):
    config: Config

    def __init__(self, config: Config, deps: Deps) -> None:
        super().__init__(config, deps)
        self._name = config.model_id or Path(config.model).name
        self._worker = Worker(f"transformers-{deps.provider_id}", config.max_waiting)
        self._generator: Generator | None = None
        self._embedder: Embedder | None = None

    async def initialize(self) -> None:
        """Load the model. Raises: MissingPackage, ConfigError."""
        if self.config.task == "generate":
            self._generator = await asyncio.to_thread(_generator, self.config)
        else:
            self._embedder = await asyncio.to_thread(_embedder, self.config)

    async def shutdown(self) -> None:
        await self._worker.close()

    async def openai_chat_completion(
        self, request: ChatCompletionRequest
    ) -> Reply[ChatCompletion] | Stream[ChatCompletionChunk]:
        """Answer by the model's template. Raises: RequestError, ProviderUnavailable."""
        model = self._generating(request.model)
        asked, usage, meta = asked_chat(request), Usage(), self._meta()
        if request.stream:
            chunks = Chunks(request.model, True, _with_usage(request), usage)
            pieces = self._worker.pieces(partial(_deltas, model, asked, usage))
            return await streamed(ChatCompletionChunk, chunks, pieces, meta)
        text, finish = await self._worker.run(partial(model.whole, asked, usage))
        choice = {"message": {"role": "assistant", "content": text}, "finish_reason": finish}
        return whole(ChatCompletion, request.model, choice, usage, meta)

    async def openai_completion(self, request: CompletionRequest) -> Reply[Completion] | Stream[Completion]:
        """Go on with one text. Raises: RequestError, ProviderUnavailable."""
        model = self._generating(request.model)
        asked, usage, meta = asked_completion(request), Usage(), self._meta()
        if request.stream:
            chunks = Chunks(request.model, False, _with_usage(request), usage)
            return await streamed(Completion, chunks, self._worker.pieces(partial(model.pieces, asked, usage)), meta)
        text, finish = await self._worker.run(partial(model.whole, asked, usage))
        return whole(Completion, request.model, {"text": text, "finish_reason": finish}, usage, meta)

    async def openai_embeddings(self, request: EmbeddingsRequest) -> Reply[EmbeddingsResponse]:
        """Vectors of length 1. Raises: RequestError, ProviderUnavailable."""
        check_model(request.model, self._name)
        check_task(self.config.task == "embed", "generate", "embed")
        check_options(request, ("input", "dimensions", "encoding_format"))
        if self._embedder is None:
            raise ProviderUnavailable("the model is not loaded")
        vectors, tokens = await self._worker.run(partial(self._embedder.embed, texts_of(request.input)))
        return embedded(request, vectors, tokens, self._meta())

    async def list_models(self) -> list[Model]:
        loaded = self._generator or self._embedder
        if loaded is None:
            raise ProviderUnavailable("the model is not loaded")
        listed = Model(
            model_id=self._name,
            provider_id=self.deps.provider_id,
            provider_model_id=self._name,
            model_type="llm" if self._generator else "embedding",
            owned_by=self.deps.provider_id,
            metadata=loaded.facts(),
        )
        return [listed]

    async def check_model_availability(self, model: str) -> ModelAvailability:
        if model == self._name:
            return ModelAvailability("available", "it is loaded")
        return ModelAvailability("absent", f"the model that is loaded is `{self._name}`")

    def _generating(self, asked: str) -> Generator:
        check_model(asked, self._name)
        check_task(self.config.task == "generate", "embed", "generate")
        if self._generator is None:
            raise ProviderUnavailable("the model is not loaded")
        return self._generator

    def _meta(self) -> ReplyMeta:
        return ReplyMeta(provider_id=self.deps.provider_id, upstream_model=self._name)


def _deltas(model: Generator, asked: Asked, usage: Usage, stopped: Stopped) -> Iterator[Piece]:
    for index, piece in enumerate(model.pieces(asked, usage, stopped)):
        role = {"role": "assistant"} if index == 0 else {}
        yield Piece({**role, "content": piece.delta} if piece.delta or role else {}, piece.finish)


def _with_usage(request: ChatCompletionRequest | CompletionRequest) -> bool:
    return request.stream_options is not None and bool(request.stream_options.include_usage)


def _generator(config: Config) -> Generator:
    with one_at_a_time:  # what a row's packages bring is not imported before somebody wants this provider to start
        from stack.providers.inline.transformers.model import Generator

    return Generator(config.model, device=config.device, revision=config.revision, dtype=config.dtype)


def _embedder(config: Config) -> Embedder:
    with one_at_a_time:
        from stack.providers.inline.transformers.model import Embedder

    return Embedder(config.model, device=config.device, revision=config.revision, dtype=config.dtype)
