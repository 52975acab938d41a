"""llama.cpp in this process: a model in one GGUF file, on the CPU or a GPU.

Source: https://llama-cpp-python.readthedocs.io/en/latest/api-reference/
"""

from __future__ import annotations

import asyncio
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
from stack.providers.inline.llama_cpp.asking import asked_chat, asked_completion
from stack.providers.inline.local_model.answers import Chunks, Usage, embedded, streamed, whole
from stack.providers.inline.local_model.options import check_model, check_options, check_task, texts_of
from stack.providers.inline.local_model.worker import Worker
from stack.registry.spec import Deps, Provider, ProviderConfig, env

if TYPE_CHECKING:
    from stack.providers.inline.llama_cpp.model import GGUF


class Config(ProviderConfig):
    switch: ClassVar[str] = "model_path"

    model_path: Path = env("LLAMA_CPP_MODEL", description="GGUF file of the model.")
    model_id: str | None = Field(None, min_length=1, description="Id of the model; default: the file's name.")
    task: Literal["generate", "embed"] = Field("generate", description="Whether it writes texts, or embeds them.")
    context_tokens: int = Field(
        4096, ge=0, description="Longest request and answer together; 0: what the model was trained for."
    )
    gpu_layers: int = Field(0, ge=-1, description="Layers that a GPU computes; -1: all of them.")
    threads: int | None = Field(None, ge=1, le=256, description="Threads that compute; default: half of the cores.")
    chat_format: str | None = Field(
        None,
        min_length=1,
        description="Form of conversations, such as `chatml`; default: the template in the file.",
    )
    max_waiting: int = Field(16, ge=0, description="Requests that wait in line behind the one that is answered.")


class LlamaCpp(Provider, Inference):
    config: Config

    def __init__(self, config: Config, deps: Deps) -> None:
        super().__init__(config, deps)
        self._name = config.model_id or config.model_path.stem
        self._worker = Worker(f"llama-cpp-{deps.provider_id}", config.max_waiting)
        self._loaded: GGUF | None = None

    async def initialize(self) -> None:
        """Load the model. Raises: MissingPackage, ConfigError."""
        self._loaded = await asyncio.to_thread(_load, self.config)

    async def shutdown(self) -> None:
        await self._worker.close()
        model, self._loaded = self._loaded, None
        if model is not None:
            await asyncio.to_thread(model.close)

    async def openai_chat_completion(
        self, request: ChatCompletionRequest
    ) -> Reply[ChatCompletion] | Stream[ChatCompletionChunk]:
        """Answer by the file's template. Raises: RequestError, ProviderUnavailable."""
        model = self._ready(request.model, "generate")
        ask, usage, meta = asked_chat(request), Usage(), self._meta()
        if request.stream:
            chunks = Chunks(request.model, True, _with_usage(request), usage)
            pieces = self._worker.pieces(partial(model.chat_pieces, ask, usage))
            return await streamed(ChatCompletionChunk, chunks, pieces, meta)
        choice = await self._worker.run(partial(model.chat, ask, usage))
        return whole(ChatCompletion, request.model, choice, usage, meta)

    async def openai_completion(self, request: CompletionRequest) -> Reply[Completion] | Stream[Completion]:
        """Go on with one text. Raises: RequestError, ProviderUnavailable."""
        model = self._ready(request.model, "generate")
        ask, usage, meta = asked_completion(request), Usage(), self._meta()
        if request.stream:
            chunks = Chunks(request.model, False, _with_usage(request), usage)
            pieces = self._worker.pieces(partial(model.text_pieces, ask, usage))
            return await streamed(Completion, chunks, pieces, meta)
        choice = await self._worker.run(partial(model.text, ask, usage))
        return whole(Completion, request.model, choice, usage, meta)

    async def openai_embeddings(self, request: EmbeddingsRequest) -> Reply[EmbeddingsResponse]:
        """Vectors of length 1. Raises: RequestError, ProviderUnavailable."""
        model = self._ready(request.model, "embed")
        check_options(request, ("input", "dimensions", "encoding_format"))
        texts = texts_of(request.input)
        vectors, tokens = await self._worker.run(partial(model.embed, texts))
        return embedded(request, vectors, tokens, self._meta())

    async def list_models(self) -> list[Model]:
        loaded = self._started()
        listed = Model(
            model_id=self._name,
            provider_id=self.deps.provider_id,
            provider_model_id=self._name,
            model_type="llm" if self.config.task == "generate" else "embedding",
            owned_by=self.deps.provider_id,
            metadata=loaded.facts(),
        )
        return [listed]

    async def check_model_availability(self, model: str) -> ModelAvailability:
        if model == self._name:
            return ModelAvailability("available", "it is loaded")
        return ModelAvailability("absent", f"the model that is loaded is `{self._name}`")

    def _ready(self, asked: str, task: str) -> GGUF:
        check_model(asked, self._name)
        check_task(self.config.task == task, self.config.task, task)
        return self._started()

    def _started(self) -> GGUF:
        if self._loaded is None:
            raise ProviderUnavailable("the model is not loaded")
        return self._loaded

    def _meta(self) -> ReplyMeta:
        return ReplyMeta(provider_id=self.deps.provider_id, upstream_model=self._name)


def _with_usage(request: ChatCompletionRequest | CompletionRequest) -> bool:
    return request.stream_options is not None and bool(request.stream_options.include_usage)


def _load(config: Config) -> GGUF:
    """Raises: MissingPackage, ConfigError."""
    with one_at_a_time:  # what a row's packages bring is not imported before somebody wants this provider to start
        from stack.providers.inline.llama_cpp.model import GGUF

    embeds = config.task == "embed"
    return GGUF(
        config.model_path,
        embeds=embeds,
        n_ctx=config.context_tokens,
        n_gpu_layers=config.gpu_layers,
        n_threads=config.threads,
        chat_format=config.chat_format,
    )
