"""Sentence embeddings on the CPU with onnxruntime, without PyTorch and without a network.

The model is all-MiniLM-L6-v2 out of a pinned package, or any of the BERT family in a folder of the operator's.
Source: https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import Field

from stack.apis.embeddings import EmbeddingsRequest, EmbeddingsResponse
from stack.apis.inference import Inference
from stack.apis.models import Model, ModelAvailability, TextLimit
from stack.apis.wire import Reply, ReplyMeta
from stack.errors import ConfigError, InvalidRequest, NotFound, ProviderUnavailable, UnsupportedParameter
from stack.importing import one_at_a_time
from stack.providers.inline.onnx_embeddings.answer import answer_body
from stack.providers.inline.onnx_embeddings.batching import Batches
from stack.providers.inline.onnx_embeddings.folder import Pooling, read_folder
from stack.providers.inline.onnx_embeddings.weights import packaged_folder
from stack.registry.discovery import find_spec
from stack.registry.spec import Deps, Provider, ProviderConfig, env

if TYPE_CHECKING:
    from stack.providers.inline.onnx_embeddings.encoder import Encoder
    from stack.providers.inline.onnx_embeddings.tokenizing import TextTokenizer

PACKAGED_MODEL = "all-MiniLM-L6-v2"
# What takes a millisecond or two is done at once: a thread would cost a good part of that again.
_QUICK_CHARACTERS = 4_000
_QUICK_VECTORS = 32

T = TypeVar("T")


class Config(ProviderConfig):
    model_dir: Path | None = env(
        "ONNX_EMBEDDINGS_MODEL_DIR",
        None,
        "Folder of another model of the BERT family: `config.json`, `model.safetensors` or `model.onnx`, and"
        " `tokenizer.json` or `vocab.txt`.",
    )
    model_id: str | None = Field(
        None, min_length=1, description=f"Id of the model; default: `{PACKAGED_MODEL}`, or the name of `model_dir`."
    )
    pooling: Pooling | None = Field(
        None, description="How token vectors become one; default: as the model's folder says, else their mean."
    )
    normalize: bool = Field(True, description="Scale every vector to length 1, as OpenAI's are.")
    max_tokens: int | None = Field(
        None, ge=3, description="Longest text in tokens, special ones included; default: as the model's folder says."
    )
    truncate: bool = Field(
        True,
        description="Cut longer texts, as sentence-transformers does, and say in `x-stack-truncated-inputs` how many"
        " were; false: refuse them, as OpenAI does.",
    )
    max_inputs: int = Field(2048, ge=1, description="Most texts in one request.")
    threads: int | None = Field(
        None, ge=1, le=256, description="Batches computed at a time, each on one core; default: all cores but one."
    )
    batch_tokens: int = Field(
        512, ge=1, le=65_536, description="Most tokens in one batch, padding included; a longer text is one by itself."
    )


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A model that is ready. max_tokens: of one text."""

    name: str
    max_tokens: int
    tokenizer: TextTokenizer
    encoder: Encoder


class OnnxEmbeddings(Provider, Inference):
    config: Config

    def __init__(self, config: Config, deps: Deps) -> None:
        super().__init__(config, deps)
        self._running: tuple[_Loaded, Batches] | None = None

    async def initialize(self) -> None:
        """Check and load the model. Raises: MissingPackage, ConfigError."""
        model = await asyncio.to_thread(_load, self.config)
        threads = self.config.threads or max(1, _cores() - 1)
        self._running = model, Batches(model.encoder.compute, threads, self.config.batch_tokens)

    async def shutdown(self) -> None:
        if self._running is not None:
            await self._running[1].close()

    async def openai_embeddings(self, request: EmbeddingsRequest) -> Reply[EmbeddingsResponse]:
        """Embed texts; ids of tokens are refused, since those of another tokenizer could not be told from ours."""
        model, batches = self._started()
        texts = self._texts(request, model)
        slow = sum(map(len, texts)) > _QUICK_CHARACTERS
        rows, cut = await _off_the_loop(slow, partial(model.tokenizer.encode, texts))
        self._check_rows(rows, cut, model)
        vectors = await batches.vectors(rows)
        as_base64 = request.encoding_format == "base64"
        write = partial(answer_body, request.model, vectors, sum(map(len, rows)), as_base64)
        body = await _off_the_loop(len(rows) > _QUICK_VECTORS, write)
        headers = {"x-stack-truncated-inputs": str(len(cut))} if cut else {}
        meta = ReplyMeta(provider_id=self.deps.provider_id, upstream_model=model.name, headers=headers)
        meta.prompt_tokens = sum(map(len, rows))
        return Reply(EmbeddingsResponse, meta, body=body)

    async def list_models(self) -> list[Model]:
        model, _ = self._started()
        listed = Model(
            model_id=model.name,
            provider_id=self.deps.provider_id,
            provider_model_id=model.name,
            model_type="embedding",
            owned_by=self.deps.provider_id,
            metadata={"embedding_dimension": model.encoder.dimensions, "context_length": model.max_tokens},
        )
        return [listed]

    async def check_model_availability(self, model: str) -> ModelAvailability:
        name = self._started()[0].name
        if model == name:
            return ModelAvailability("available", "it is loaded")
        return ModelAvailability("absent", f"the model that is loaded is `{name}`")

    async def text_limit(self, model: str) -> TextLimit | None:
        loaded, _ = self._started()
        if model != loaded.name:
            return None
        return TextLimit(loaded.max_tokens - loaded.tokenizer.marks, loaded.tokenizer.count)

    def _started(self) -> tuple[_Loaded, Batches]:
        if self._running is None:
            raise ProviderUnavailable("the model is not loaded")
        return self._running

    def _texts(self, request: EmbeddingsRequest, model: _Loaded) -> list[str]:
        """The texts of a request that can be answered. Raises: RequestError for any other."""
        if request.model != model.name:
            message = f"there is no model `{request.model}` here: ask `{model.name}`"
            raise NotFound(message, param="model", code="model_not_found")
        _check_options(request, model)
        given = [request.input] if isinstance(request.input, str) else request.input
        texts = [one for one in given if isinstance(one, str)]
        if len(texts) < len(given):
            message = f"`input` holds token ids: send text, since `{model.name}` has a tokenizer of its own"
            raise UnsupportedParameter(message, param="input")
        if len(texts) > self.config.max_inputs:
            message = f"`input` holds {len(texts)} texts: send at most {self.config.max_inputs} at a time"
            raise InvalidRequest(message, param="input")
        return texts

    def _check_rows(self, rows: Sequence[Sequence[int]], cut: Sequence[int], model: _Loaded) -> None:
        if cut and not self.config.truncate:
            message = (
                f"`input[{cut[0]}]` is longer than the {model.max_tokens} tokens that `{model.name}` reads: split it"
            )
            raise InvalidRequest(message, param="input", code="context_length_exceeded")
        if not all(rows):
            raise InvalidRequest("a text in `input` has no tokens: leave empty texts out", param="input")


async def _off_the_loop(slow: bool, work: Callable[[], T]) -> T:
    """The result of `work`, from a thread if it is slow."""
    return await asyncio.to_thread(work) if slow else work()


def _check_options(request: EmbeddingsRequest, model: _Loaded) -> None:
    """Raises: UnsupportedParameter naming an option that would have no effect."""
    if unknown := sorted(request.model_extra or ()):
        raise UnsupportedParameter(f"`{unknown[0]}` has no effect on this provider: leave it out", param=unknown[0])
    if request.dimensions not in (None, model.encoder.dimensions):
        message = f"`dimensions` is {request.dimensions}: the vectors of `{model.name}` have {model.encoder.dimensions}"
        raise UnsupportedParameter(message, param="dimensions")
    if request.encoding_format not in (None, "float", "base64"):
        raise UnsupportedParameter("`encoding_format` must be `float` or `base64`", param="encoding_format")


def _cores() -> int:
    """How many cores this process may use, as far as the system tells."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _load(config: Config) -> _Loaded:
    """Raises: MissingPackage, ConfigError."""
    # What a row's packages bring is not imported before somebody wants this provider to start.
    with one_at_a_time:
        from stack.providers.inline.onnx_embeddings.encoder import Encoder
        from stack.providers.inline.onnx_embeddings.tokenizing import TextTokenizer

    path = config.model_dir or packaged_folder(find_spec("inference", "inline::onnx-embeddings"))
    folder = read_folder(path, config.pooling)
    if (config.max_tokens or 0) > folder.max_tokens:
        raise ConfigError(f"`max_tokens` is {config.max_tokens}, and `{path}` is a model for {folder.max_tokens}")
    max_tokens = config.max_tokens or folder.max_tokens
    name = config.model_id or (config.model_dir.resolve().name if config.model_dir else PACKAGED_MODEL)
    return _Loaded(name, max_tokens, TextTokenizer(folder, max_tokens), Encoder(folder, config.normalize))
