"""Inference: OpenAI's chat completions, completions, embeddings and models, as one protocol."""

from __future__ import annotations

from typing import Protocol

from stack.apis.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionRequest
from stack.apis.completions import Completion, CompletionRequest
from stack.apis.embeddings import EmbeddingsRequest, EmbeddingsResponse
from stack.apis.models import Model, ModelAvailability, TextLimit
from stack.apis.rerank import RerankRequest, RerankResponse
from stack.apis.wire import Reply, Stream
from stack.errors import Unsupported

__all__ = [
    "ChatCompletion",
    "ChatCompletionChunk",
    "ChatCompletionRequest",
    "Completion",
    "CompletionRequest",
    "EmbeddingsRequest",
    "EmbeddingsResponse",
    "Inference",
    "Model",
    "ModelAvailability",
    "RerankRequest",
    "RerankResponse",
    "TextLimit",
]


class Inference(Protocol):
    """What a model can be asked. `request.model` is the id that this implementation knows the model by."""

    async def openai_chat_completion(
        self, request: ChatCompletionRequest
    ) -> Reply[ChatCompletion] | Stream[ChatCompletionChunk]:
        """Answer a conversation; a Stream exactly when `request.stream`. Raises: RequestError, UpstreamError."""
        raise Unsupported("chat completions are not supported by this provider")

    async def openai_completion(self, request: CompletionRequest) -> Reply[Completion] | Stream[Completion]:
        """Continue a text; a Stream exactly when `request.stream`. Raises: RequestError, UpstreamError."""
        raise Unsupported("completions are not supported by this provider")

    async def openai_embeddings(self, request: EmbeddingsRequest) -> Reply[EmbeddingsResponse]:
        """Embed each input; `data[i]` belongs to `input[i]`. Raises: RequestError, UpstreamError."""
        raise Unsupported("embeddings are not supported by this provider")

    async def rerank(self, request: RerankRequest) -> Reply[RerankResponse]:
        """Order documents by how well they answer a query. Raises: RequestError, UpstreamError."""
        raise Unsupported("reranking is not supported by this provider")

    async def list_models(self) -> list[Model]:
        """The models that can be asked for now, by the upstream's own ids. Raises: UpstreamError."""
        raise Unsupported("listing models is not supported by this provider")

    async def check_model_availability(self, model: str) -> ModelAvailability:
        """Whether `model` (an upstream's own id) can be asked for now; never raises for an upstream's fault."""
        raise Unsupported("checking models is not supported by this provider")

    async def text_limit(self, model: str) -> TextLimit | None:
        """How much of a text an embedding model reads (an upstream's own id); None where that is not known."""
        return None
