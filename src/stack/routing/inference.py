"""The inference router: an `Inference` that hands each request to the provider of its model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stack.apis.inference import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionRequest,
    Completion,
    CompletionRequest,
    EmbeddingsRequest,
    EmbeddingsResponse,
    Inference,
    Model,
    ModelAvailability,
)
from stack.apis.models import ModelType
from stack.apis.wire import Reply, ReplyMeta, Stream
from stack.errors import InvalidRequest, NotFound, StackError, UpstreamError
from stack.routing.instance import Instance
from stack.routing.routes import Routes, Target

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

_KIND = {"llm": "a language model", "embedding": "an embedding model", "rerank": "a reranking model"}


class InferenceRouter(Inference):
    """Picks the provider by the model's id, and answers under the id that the caller used."""

    def __init__(
        self, instances: Sequence[Instance[Inference]], registered: Sequence[Model], log: FilteringBoundLogger
    ) -> None:
        self.routes = Routes(instances, registered, log)

    async def openai_chat_completion(
        self, request: ChatCompletionRequest
    ) -> Reply[ChatCompletion] | Stream[ChatCompletionChunk]:
        target = await self._target(request.model, "llm")
        try:
            answer = await target.instance.answer().openai_chat_completion(request.for_model(target.provider_model_id))
        except StackError as error:
            raise self._noted(target, error) from error.__cause__
        self._credit(target, answer.meta)
        return answer.renamed(request.model)

    async def openai_completion(self, request: CompletionRequest) -> Reply[Completion] | Stream[Completion]:
        target = await self._target(request.model, "llm")
        try:
            answer = await target.instance.answer().openai_completion(request.for_model(target.provider_model_id))
        except StackError as error:
            raise self._noted(target, error) from error.__cause__
        self._credit(target, answer.meta)
        return answer.renamed(request.model)

    async def openai_embeddings(self, request: EmbeddingsRequest) -> Reply[EmbeddingsResponse]:
        target = await self._target(request.model, "embedding")
        try:
            answer = await target.instance.answer().openai_embeddings(request.for_model(target.provider_model_id))
        except StackError as error:
            raise self._noted(target, error) from error.__cause__
        self._credit(target, answer.meta)
        return answer.renamed(request.model)

    async def list_models(self) -> list[Model]:
        """Every model that can be named, under the ids that callers use."""
        await self.routes.refresh()
        return self.routes.models()

    async def check_model_availability(self, model: str) -> ModelAvailability:
        try:
            target = await self.routes.resolve(model)
            return await target.instance.answer().check_model_availability(target.provider_model_id)
        except NotFound as error:
            return ModelAvailability("absent", error.message)
        except StackError as error:
            return ModelAvailability("unknown", error.message)

    async def _target(self, model: str, wanted: ModelType) -> Target[Inference]:
        target = await self.routes.resolve(model)
        if target.model_type is not None and target.model_type != wanted:
            raise InvalidRequest(
                f"`{model}` is {_KIND[target.model_type]}: this call needs {_KIND[wanted]}",
                param="model",
                code="wrong_model_type",
            )
        return target

    @staticmethod
    def _credit(target: Target[Inference], meta: ReplyMeta) -> None:
        target.instance.works()
        meta.provider_id = meta.provider_id or target.instance.provider_id
        meta.upstream_model = meta.upstream_model or target.provider_model_id

    @staticmethod
    def _noted(target: Target[Inference], error: StackError) -> StackError:
        if isinstance(error, UpstreamError):
            target.instance.failed_to_answer(error)
        return error
