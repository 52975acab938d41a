"""OpenAIMixin: a vendor that speaks OpenAI's API, from `get_api_key()` and `get_base_url()`.

Bytes travel as they came: the caller's JSON (with the vendor's model id) goes up, the vendor's answer comes back. The
`client` property is for provider authors; requests do not pass through it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar
from urllib.parse import quote

import pydantic_core
from pydantic import BaseModel, Field, SecretStr, ValidationError

from stack.apis.context import request_context
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
)
from stack.apis.wire import JSON, Reply, ReplyMeta, Stream, WireRequest
from stack.errors import StackError, UpstreamError
from stack.providers.remote.credentials import callers_key
from stack.providers.remote.relay import Relay, check_answer, fill, relay
from stack.providers.remote.upstream import Limits, Upstream, UpstreamRequest, UpstreamResponse
from stack.providers.remote.upstream_errors import rejection, stream_error
from stack.registry.spec import Deps, Provider, ProviderConfig

if TYPE_CHECKING:
    from openai import AsyncOpenAI

A = TypeVar("A", bound=BaseModel)
C = TypeVar("C", bound=BaseModel)

ERROR_BYTES = 1 << 16  # as much of an error answer as is read
MAX_ID = 200  # characters of an upstream's request id that are passed on


class OpenAIConfig(ProviderConfig):
    """Settings of every OpenAI-compatible vendor, who names its own variables and defaults for the first two.

    switch: the setting whose variable switches the provider on in a distribution.
    """

    switch: ClassVar[str] = "api_key"

    base_url: str = Field(description="API root.")
    api_key: SecretStr | None = Field(None, description="Credential, sent as a bearer token.")
    allowed_models: list[str] | None = Field(None, description="Serve only these upstream models; default: all listed.")
    connect_timeout_s: float = Field(5.0, gt=0, description="Longest wait for a connection, in seconds.")
    first_byte_timeout_s: float = Field(60.0, gt=0, description="Longest wait for the first byte, in seconds.")
    idle_timeout_s: float = Field(60.0, gt=0, description="Longest pause within an answer, in seconds.")
    max_response_bytes: int = Field(32 << 20, gt=0, description="Largest answer that is not streamed, in bytes.")


class OpenAIMixin(Provider, Inference, ABC):
    """Chat, completions, embeddings and model checks of an OpenAI-compatible service."""

    config: OpenAIConfig
    # Where a vendor's model list has its entries, and what an entry calls the id of its model.
    models_at: ClassVar[str] = "data"
    model_id_at: ClassVar[str] = "id"
    reranks: ClassVar[bool] = False  # whether it orders documents at `/rerank`, as Cohere, vLLM and Jina do

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "client" in vars(cls):
            raise TypeError(
                f"`{cls.__name__}` overrides `client`, which no request passes through: override `authorize` for"
                " credentials, `base_url_for` for addresses, or `prepare` for bodies"
            )

    def __init__(self, config: Any, deps: Deps) -> None:
        super().__init__(config, deps)
        self.upstream = Upstream(
            deps.provider_id,
            Limits(
                config.connect_timeout_s, config.first_byte_timeout_s, config.idle_timeout_s, config.max_response_bytes
            ),
        )
        self._clients: dict[tuple[str | None, str], AsyncOpenAI] = {}
        self._prepares = type(self).prepare is not OpenAIMixin.prepare
        self._told_type = False

    @abstractmethod
    def get_api_key(self) -> str | None:
        """The configured key; None sends no credential. A caller's own key wins over it."""

    @abstractmethod
    def get_base_url(self) -> str:
        """The API root, such as `https://api.openai.com/v1`."""

    def base_url_for(self, model: str) -> str:
        """The API root of one model, for models with their own endpoint under one key."""
        return self.get_base_url()

    def url_for(self, base_url: str, path: str) -> str:
        """The address of a call; override for services that want more than root plus path."""
        return base_url.rstrip("/") + path

    def prepare(self, body: dict[str, Any]) -> dict[str, Any]:
        """The request as this vendor wants it. Only a vendor that overrides this has its bodies decoded."""
        return body

    async def authorize(self, request: UpstreamRequest) -> None:
        """Put the credential on a call; override for anything that is not a bearer token."""
        if key := self.credential():
            request.headers["authorization"] = f"Bearer {key}"

    def classify_error(self, status: int, body: bytes) -> UpstreamError | None:
        """The error for a vendor's own way of failing; None leaves it to the common rules."""
        return None

    def read_model(self, entry: dict[str, Any]) -> Model | None:
        """One entry of the vendor's model list; None leaves it out."""
        name, created, owner = str(entry[self.model_id_at]), entry.get("created"), entry.get("owned_by")
        return Model(
            model_id=name,
            provider_id=self.deps.provider_id,
            provider_model_id=name,
            model_type=_type_of(name, entry.get("type")),
            created=created if isinstance(created, int) else 0,
            owned_by=owner if isinstance(owner, str) and owner else self.deps.provider_id,
        )

    def credential(self) -> str | None:
        """The caller's own key for this provider if there is one, else the configured key."""
        return self._callers_key() or self.get_api_key()

    def secrets(self) -> tuple[str, ...]:
        """What a call carries to be let in, which no error repeats; a vendor that sends more than a key adds it."""
        key = self.credential()
        return (key,) if key else ()

    def _callers_key(self) -> str | None:
        return callers_key(self.deps.provider_id)

    @property
    def client(self) -> AsyncOpenAI:
        """An OpenAI client for the credential of the current request: one per credential, closed at shutdown."""
        from openai import AsyncOpenAI

        key, base_url = self.credential(), self.get_base_url()
        client = self._clients.get((key, base_url))
        if client is None:
            client = AsyncOpenAI(api_key=key or "none", base_url=base_url, max_retries=0)
            self._clients[key, base_url] = client
        return client

    async def shutdown(self) -> None:
        """Close every connection and client."""
        self.upstream.close()
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.close()

    async def openai_chat_completion(
        self, request: ChatCompletionRequest
    ) -> Reply[ChatCompletion] | Stream[ChatCompletionChunk]:
        response = await self._call("/chat/completions", request)
        if request.stream:
            return await self._stream(response, request.model, ChatCompletionChunk)
        return await self._reply(response, request.model, ChatCompletion, "choices")

    async def openai_completion(self, request: CompletionRequest) -> Reply[Completion] | Stream[Completion]:
        response = await self._call("/completions", request)
        if request.stream:
            return await self._stream(response, request.model, Completion)
        return await self._reply(response, request.model, Completion, "choices")

    async def openai_embeddings(self, request: EmbeddingsRequest) -> Reply[EmbeddingsResponse]:
        response = await self._call("/embeddings", request)
        return await self._reply(response, request.model, EmbeddingsResponse, "data")

    async def rerank(self, request: RerankRequest) -> Reply[RerankResponse]:
        if not self.reranks:
            return await super().rerank(request)
        response = await self._call("/rerank", request)
        body = await response.read()
        self._raise_error_in(body)
        try:
            value = RerankResponse.model_validate_json(body)
        except ValidationError as error:
            raise self.upstream.bad("sent an answer that orders no documents") from error
        return Reply(RerankResponse, self._meta(response, request.model), body=body, value=value)

    async def list_models(self) -> list[Model]:
        """The vendor's list, cut to `allowed_models`. Raises: UpstreamError."""
        response = await self._send(UpstreamRequest("GET", self.url_for(self.get_base_url(), "/models")))
        document = self._json(await response.read())
        entries = document.get(self.models_at) if isinstance(document, dict) else document
        if not isinstance(entries, list):
            raise self.upstream.bad("sent a model list that is no list")
        found = [self.read_model(entry) for entry in entries if isinstance(entry, dict) and entry.get(self.model_id_at)]
        allowed = self.config.allowed_models
        return [model for model in found if model and (allowed is None or model.provider_model_id in allowed)]

    async def check_model_availability(self, model: str) -> ModelAvailability:
        """Ask the vendor for the model, then for its list; never raises for the vendor's fault."""
        try:
            base_url = self.base_url_for(model)
            response = await self._send(UpstreamRequest("GET", self.url_for(base_url, f"/models/{quote(model)}")))
            document = self._json(await response.read())
            if isinstance(document, dict) and document.get(self.model_id_at):
                return ModelAvailability("available")
        except UpstreamError as error:
            if error.upstream.status not in (404, 405):
                return ModelAvailability("unknown", error.message)
        try:
            listed = any(found.provider_model_id == model for found in await self.list_models())
        except UpstreamError as error:
            return ModelAvailability("unknown", error.message)
        if listed:
            return ModelAvailability("available")
        return ModelAvailability("absent", f"provider `{self.deps.provider_id}` does not list `{model}`")

    async def _call(self, path: str, request: WireRequest) -> UpstreamResponse:
        body = request.body()
        if self._prepares:
            body = pydantic_core.to_json(self.prepare(pydantic_core.from_json(body)))
        url = self.url_for(self.base_url_for(request.model), path)
        return await self._send(UpstreamRequest("POST", url, {"content-type": JSON}, body), request.model)

    async def _send(self, request: UpstreamRequest, model: str | None = None) -> UpstreamResponse:
        if request_id := request_context.get().request_id:
            request.headers["x-request-id"] = request_id
        await self.authorize(request)
        response = await self.upstream.send(request, self.credential())
        if response.status < 400:
            return response
        try:
            body = await response.read(ERROR_BYTES)
        except StackError:  # the status is worth more than a body that cannot be read
            body = b""
        raise self.classify_error(response.status, body) or rejection(
            self.deps.provider_id, response, body, model, self.secrets(), own_key=self._callers_key() is not None
        )

    async def _reply(
        self, response: UpstreamResponse, model: str, answer: type[A], items: Literal["choices", "data"]
    ) -> Reply[A]:
        meta = self._meta(response, model)
        body = await self._whole(response, items, meta)
        if not (self._told_type or response.headers.get("content-type", "").startswith(JSON)):
            self._told_type = True  # once is enough: the answer is good
            self.deps.log.warning("JSON came under another content type")
        return Reply(answer, meta, body=body)

    async def _stream(self, response: UpstreamResponse, model: str, chunk: type[C]) -> Stream[C]:
        # Waiting for the first events lets a stream that fails at once fail with a status.
        meta = self._meta(response, model)
        try:
            if response.headers.get("content-type", "").startswith(JSON):
                return Reply(chunk, meta, body=await self._whole(response, "choices", meta)).as_stream(chunk)
            checker, source = Relay(meta.provider_id, self.secrets()), response.blocks()
            await fill(checker, source)
        except BaseException:
            response.close()
            raise
        return Stream(chunk, meta, relay(checker, source, meta), response.aclose)

    async def _whole(self, response: UpstreamResponse, items: Literal["choices", "data"], meta: ReplyMeta) -> bytes:
        body = await response.read()
        self._raise_error_in(body)
        check_answer(body, items, meta)
        return body

    def _raise_error_in(self, body: bytes) -> None:
        """Some services say 200 and send an error object."""
        if b'"error"' not in body:
            return
        document = self._json(body)
        if isinstance(document, dict) and document.get("error") and not document.get("choices"):
            raise stream_error(self.deps.provider_id, document["error"], self.secrets())

    def _meta(self, response: UpstreamResponse, model: str) -> ReplyMeta:
        return ReplyMeta(self.deps.provider_id, model, response.headers.get("x-request-id", "")[:MAX_ID] or None)

    def _json(self, body: bytes) -> Any:
        try:
            return pydantic_core.from_json(body)
        except ValueError as error:
            raise self.upstream.bad("sent an answer that is not JSON") from error


class OpenAIVendor(OpenAIMixin):
    """A vendor whose config holds `api_key` and `base_url`."""

    def get_api_key(self) -> str | None:
        key = self.config.api_key
        return key.get_secret_value().strip() if key else None  # files and variables often end with a newline

    def get_base_url(self) -> str:
        return self.config.base_url


def _type_of(name: str, stated: Any) -> Literal["llm", "embedding", "rerank"] | None:
    """What a model list tells of a model's kind; None when it tells nothing."""
    if stated in ("chat", "language", "code"):
        return "llm"
    if stated in ("embedding", "rerank"):
        return "embedding" if stated == "embedding" else "rerank"
    lowered = name.lower()
    if "rerank" in lowered:
        return "rerank"
    return "embedding" if "embed" in lowered else None
