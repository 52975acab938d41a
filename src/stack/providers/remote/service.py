"""JSON to one service over the one HTTP client: an answer is a JSON object, or an error tells why there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar

import pydantic_core
from pydantic import Field, SecretStr, ValidationError

from stack.apis.chat import ChatCompletion
from stack.apis.context import request_context
from stack.apis.wire import JSON
from stack.errors import StackError
from stack.providers.remote.credentials import callers_key
from stack.providers.remote.upstream import Limits, Upstream, UpstreamRequest
from stack.providers.remote.upstream_errors import rejection, stream_error
from stack.registry.spec import ProviderConfig

ERROR_BYTES = 1 << 16
AT_ONCE = 8  # calls for one request

G = TypeVar("G")
A = TypeVar("A")
Authorize = Callable[[UpstreamRequest], Awaitable[str]]


class ServiceConfig(ProviderConfig):
    """How long a service may take, and how much it may say."""

    connect_timeout_s: float = Field(5.0, gt=0, description="Longest wait for a connection, in seconds.")
    first_byte_timeout_s: float = Field(30.0, gt=0, description="Longest wait for the first byte, in seconds.")
    idle_timeout_s: float = Field(30.0, gt=0, description="Longest pause within an answer, in seconds.")
    max_response_bytes: int = Field(4 << 20, gt=0, description="Largest answer, in bytes.")


class Service:
    """A service and what is sent to authorise calls: a configured key, or the caller's own, which wins."""

    def __init__(self, provider_id: str, config: ServiceConfig, api_key: SecretStr | None = None) -> None:
        self.provider_id = provider_id
        self._configured = api_key.get_secret_value().strip() if api_key else None
        limits = Limits(
            config.connect_timeout_s, config.first_byte_timeout_s, config.idle_timeout_s, config.max_response_bytes
        )
        self.upstream = Upstream(provider_id, limits)

    def close(self) -> None:
        """Close every connection."""
        self.upstream.close()

    async def post(
        self,
        url: str,
        body: object,
        *,
        headers: dict[str, str] | None = None,
        model: str | None = None,
        authorize: Authorize | None = None,
    ) -> dict[str, Any]:
        """What the service answers. model: what a 404 is about. authorize: puts on the credential in place of a bearer
        token, and tells its name. Raises: UpstreamError, ProviderUnavailable.
        """
        sent = {"content-type": JSON, "accept": JSON}
        if request_id := request_context.get().request_id:
            sent["x-request-id"] = request_id
        request = UpstreamRequest("POST", url, sent | (headers or {}), pydantic_core.to_json(body))
        own = callers_key(self.provider_id)
        if authorize is not None:
            credential: str | None = await authorize(request)
        elif (credential := own or self._configured) is not None:
            request.headers["authorization"] = f"Bearer {credential}"
        # Whatever was forwarded for a caller may not be shared with another.
        shared = "\0".join([credential or "", *(headers or {}).values()])
        response = await self.upstream.send(request, shared if headers else credential)
        if response.status >= 400:
            try:
                said = await response.read(ERROR_BYTES)
            except StackError:  # the status is worth more than a body that cannot be read
                said = b""
            own_key = own is not None and authorize is None
            raise rejection(self.provider_id, response, said, model, credential, own_key=own_key)
        return self._object(await response.read(), credential)

    async def chat(self, base_url: str, model: str, messages: Sequence[object], max_tokens: int) -> str:
        """What a model says, without chance. Raises: UpstreamError."""
        body = {"model": model, "messages": messages, "temperature": 0, "max_tokens": max_tokens}
        document = await self.post(f"{base_url.rstrip('/')}/chat/completions", body, model=model)
        try:
            answer = ChatCompletion.model_validate(document)
        except ValidationError as error:
            raise self.upstream.bad("sent an answer that is no chat completion") from error
        return (answer.choices[0].message.content or "") if answer.choices else ""

    def _object(self, body: bytes, credential: str | None) -> dict[str, Any]:
        try:
            document = pydantic_core.from_json(body)
        except ValueError as error:
            raise self.upstream.bad("sent an answer that is not JSON") from error
        if not isinstance(document, dict):
            raise self.upstream.bad("sent an answer that is no JSON object")
        if document.get("error"):  # some services say 200 and send an error object
            raise stream_error(self.provider_id, document["error"], credential)
        return document


async def each_of(given: Iterable[G], ask: Callable[[G], Awaitable[A]]) -> list[A]:
    """An answer for each, in their order, some asked for at a time; when one fails, the others are left."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(item: G) -> A:
        async with room:
            return await ask(item)

    asking = [asyncio.ensure_future(one(item)) for item in given]
    try:
        return await asyncio.gather(*asking)
    finally:
        for task in asking:
            task.cancel()
