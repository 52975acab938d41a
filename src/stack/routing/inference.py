"""The inference router: an `Inference` that hands each request to the provider of its model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

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
    RerankRequest,
    RerankResponse,
    TextLimit,
)
from stack.apis.models import ModelType
from stack.apis.wire import Reply, ReplyMeta, Stream, WireRequest
from stack.errors import InvalidRequest, NotFound, ProviderBug, StackError, UpstreamError, shortened
from stack.routing.deadlines import in_time
from stack.routing.instance import Instance
from stack.routing.rerank import rerank
from stack.routing.routes import Routes, Target
from stack.routing.shields.guard import Guards
from stack.routing.text_limits import text_limit

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

_KIND = {"llm": "a language model", "embedding": "an embedding model", "rerank": "a reranking model"}


class InferenceRouter(Inference):
    """Picks the provider by the model's id, and answers under the id that the caller used."""

    def __init__(
        self,
        instances: Sequence[Instance[Inference]],
        registered: Sequence[Model],
        log: FilteringBoundLogger,
        guards: Guards | None = None,
    ) -> None:
        self.routes = Routes(instances, registered, log)
        self._guards = guards

    async def openai_chat_completion(
        self, request: ChatCompletionRequest
    ) -> Reply[ChatCompletion] | Stream[ChatCompletionChunk]:
        answer = await self._ask(request, "llm", lambda provider, sent: provider.openai_chat_completion(sent))
        return answer.as_stream(ChatCompletionChunk) if request.stream and isinstance(answer, Reply) else answer

    async def openai_completion(self, request: CompletionRequest) -> Reply[Completion] | Stream[Completion]:
        answer = await self._ask(request, "llm", lambda provider, sent: provider.openai_completion(sent))
        return answer.as_stream(Completion) if request.stream and isinstance(answer, Reply) else answer

    async def openai_embeddings(self, request: EmbeddingsRequest) -> Reply[EmbeddingsResponse]:
        return await self._ask(request, "embedding", lambda provider, sent: provider.openai_embeddings(sent))

    async def rerank(self, request: RerankRequest) -> Reply[RerankResponse]:
        return await self._ask(request, "rerank", rerank)

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

    async def text_limit(self, model: str) -> TextLimit | None:
        return await text_limit(self.routes, model)

    def _check_others(self, request: WireRequest, target: Target[Inference]) -> None:
        """Some upstreams take the models of a list `models` in place of one that fails: none that the caller could not
        ask by that provider, and none with shields of its own. Raises: InvalidRequest.
        """
        others, instance = (request.model_extra or {}).get("models"), target.instance
        for name in others if isinstance(others, list) else ():
            if not isinstance(name, str) or name == target.provider_model_id:
                continue
            said = f"{instance.provider_id}/{name}"
            if instance.allowed is not None and name not in instance.allowed:
                what = "is none of its provider's `allowed_models`"
            elif self._guards is not None and self._guards.of(said, instance.provider_id, name) is not None:
                what = "has shields of its own: ask for it by `model`"
            else:
                continue
            raise InvalidRequest(f"`models` names `{shortened(name)}`, which {what}", param="models")

    async def _ask(self, request: R, wanted: ModelType, ask: Callable[[Inference, R], Awaitable[A]]) -> A:
        target = await self.routes.resolve(request.model)
        if target.model_type is not None and target.model_type != wanted:
            raise InvalidRequest(
                f"`{request.model}` is {_KIND[target.model_type]}: this call needs {_KIND[wanted]}",
                param="model",
                code="wrong_model_type",
            )
        instance = target.instance
        if request.model_extra:
            self._check_others(request, target)
        attempts = 0
        try:
            provider, sent = instance.answer(), request.for_model(target.provider_model_id)
            if self._guards is not None:
                provider = self._guards.around(provider, request.model, instance.provider_id, target.provider_model_id)
            attempts = 1
            asked = ask(provider, sent)
            answer = await (asked if instance.keeps_deadline else in_time(asked, instance.provider_id))
        except StackError as error:
            error.asked(instance.provider_id, target.provider_model_id, attempts)
            if isinstance(error, UpstreamError):
                instance.failed_to_answer(error)
            raise
        except Exception as error:
            bug = ProviderBug()
            bug.asked(instance.provider_id, target.provider_model_id, attempts)
            raise bug from error
        instance.works()
        answer.meta.provider_id = answer.meta.provider_id or instance.provider_id
        answer.meta.upstream_model = answer.meta.upstream_model or target.provider_model_id
        return answer.renamed(request.model)


class _Answer(Protocol):
    """What Reply and Stream have in common."""

    meta: ReplyMeta

    def renamed(self, model: str) -> Self: ...


R = TypeVar("R", bound=WireRequest)
A = TypeVar("A", bound=_Answer)
