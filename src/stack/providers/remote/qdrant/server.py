"""Calls of Qdrant's client, each failure told by its own error."""

from __future__ import annotations

import asyncio
import json
import ssl
import warnings
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from stack.apis.context import request_context
from stack.errors import RateLimited, StackError, UpstreamDetail, UpstreamRejected, UpstreamTimeout
from stack.providers.remote.unavailable import unavailable

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient

T = TypeVar("T")
_STATUS = {503: 503, 504: 504}


class Missing(Exception):
    """There is no such collection."""


class Taken(Exception):
    """There is such a collection already."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where Qdrant is: a server's URL and key, or else the folder, or `:memory:`, of its local mode."""

    url: str
    path: str | None
    api_key: str | None
    timeout_s: float


class QdrantServer:
    """The client, opened at the first call."""

    def __init__(self, provider_id: str, place: Place) -> None:
        self._provider_id = provider_id
        self._place = place
        self._opening = asyncio.Lock()
        self._client: AsyncQdrantClient | None = None

    @property
    def is_local(self) -> bool:
        return self._place.path is not None

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    async def open(self) -> AsyncQdrantClient:
        """Raises: UpstreamError."""
        async with self._opening:
            if self._client is None:
                await asyncio.to_thread(__import__, "qdrant_client")  # it takes a second
                self._client = _opened(self._place)
        return self._client

    async def run(self, act: Callable[[AsyncQdrantClient], Awaitable[T]]) -> T:
        """What a call gives. Raises: Missing, Taken, UpstreamError."""
        client = await self.open()
        deadline = request_context.get().deadline
        try:
            async with asyncio.timeout_at(deadline):
                return await act(client)
        except TimeoutError as error:
            message = f"the request's deadline passed while waiting for provider `{self._provider_id}`"
            raise UpstreamTimeout(
                message, provider_id=self._provider_id, phase="read", code="deadline_exceeded"
            ) from error
        except Exception as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> Exception:
        """What a failure is to a caller; one that is not Qdrant's, as it is."""
        from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
        from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

        if isinstance(error, UnexpectedResponse):
            return self._refusal(error.status_code or 500, bytes(error.content))
        if isinstance(error, ResourceExhaustedResponse):
            message = f"provider `{self._provider_id}` refuses more requests now"
            wait = str(error.retry_after_s)
            return RateLimited(message, provider_id=self._provider_id, phase="status", retry_after=wait)
        if isinstance(error, ResponseHandlingException):
            return self._broken(error.source)
        if isinstance(error, AssertionError):  # the client's, where an answer has no result
            return self._broken(error)
        if self.is_local and isinstance(error, ValueError):
            if "not found" in str(error):
                return Missing()
            if "already exists" in str(error):
                return Taken()
        return error

    def _refusal(self, status: int, body: bytes) -> Exception:
        if status == 404:
            return Missing()
        said = _said(body, self._place.api_key)
        if status == 409 or (status == 400 and "already exists" in said):
            return Taken()
        seen: dict[str, Any] = {"provider_id": self._provider_id, "phase": "status"}
        if status in (401, 403):
            message = f"provider `{self._provider_id}` refused the configured credential: check its `api_key`"
            return UpstreamRejected(message, code="upstream_auth_failed", upstream=UpstreamDetail(status), **seen)
        message = f"provider `{self._provider_id}` failed with status {status}: {said}"
        status_here = _STATUS.get(status, 502) if status >= 500 else status
        refused = UpstreamRejected(message, status=status_here, upstream=UpstreamDetail(status, message=said), **seen)
        refused.retryable = status >= 500
        return refused

    def _broken(self, source: Exception) -> StackError:
        import httpx

        if isinstance(source, httpx.TimeoutException):
            message = f"provider `{self._provider_id}` did not answer in time"
            return UpstreamTimeout(message, provider_id=self._provider_id, phase="send")
        if isinstance(source.__cause__, ssl.SSLError) or "SSL" in str(source):
            return unavailable(self._provider_id, "has no valid TLS certificate for its name", "tls", retryable=False)
        if isinstance(source, httpx.TransportError):
            return unavailable(self._provider_id, "cannot be reached, or closed the connection")
        message = f"provider `{self._provider_id}` sent an answer that is not Qdrant's"
        return UpstreamRejected(message, provider_id=self._provider_id, phase="parse", code="upstream_bad_response")


def _opened(place: Place) -> AsyncQdrantClient:
    from qdrant_client import AsyncQdrantClient

    if place.path == ":memory:":
        return AsyncQdrantClient(location=place.path)
    if place.path is not None:
        return AsyncQdrantClient(path=place.path)
    with warnings.catch_warnings():
        # That a key travels unencrypted is told by a log line of ours.
        warnings.filterwarnings("ignore", message="Api key is used with an insecure connection")
        return AsyncQdrantClient(
            url=place.url,
            api_key=place.api_key,
            timeout=max(1, round(place.timeout_s)),
            check_compatibility=False,  # it would wait for the server, and hold up everything
        )


def _said(body: bytes, secret: str | None) -> str:
    text = body.decode("utf-8", "replace")
    with suppress(ValueError, KeyError, TypeError):
        text = str(json.loads(body)["status"]["error"])
    return (text.replace(secret, "***") if secret else text)[:500]
