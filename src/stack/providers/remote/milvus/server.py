"""Calls of Milvus' client, in threads of their own, each failure told by its own error.

The client for asyncio asks for things that the small server lacks, and both use the same connection underneath.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from stack.apis.context import request_context
from stack.errors import RateLimited, Unreachable, UpstreamDetail, UpstreamRejected, UpstreamTimeout
from stack.providers.remote.unavailable import unavailable

if TYPE_CHECKING:
    from pymilvus import MilvusClient
    from pymilvus.exceptions import MilvusException

T = TypeVar("T")
# https://github.com/milvus-io/milvus/blob/master/pkg/util/merr/errors.go, and the client's own for a lost connection
_LOST, _RATE_LIMIT, _NOT_FOUND, _NOT_LOADED, _NO_RIGHT = 2, 8, 100, 101, 1400
_LATE = "Retry timeout"
# A new client shares no pause of an earlier one that lost its connection.
_GRPC_OPTIONS = {"grpc.use_local_subchannel_pool": 1, "grpc.max_reconnect_backoff_ms": 1000}


class Missing(Exception):
    """There is no such collection."""


class Released(Exception):
    """The collection is not loaded, as after a restart of the small server."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where Milvus is: its URL, a token or `user:password`, a database."""

    url: str
    token: str
    database: str
    ca_file: str | None
    timeout_s: float


class MilvusServer:
    """The client, opened at the first call. max_calls: at one time; others wait."""

    def __init__(self, provider_id: str, place: Place, max_calls: int) -> None:
        self._provider_id = provider_id
        self._place = place
        self._threads = ThreadPoolExecutor(max_calls, thread_name_prefix="milvus")
        self._opening = asyncio.Lock()
        self._client: MilvusClient | None = None

    async def close(self) -> None:
        client: Any = self._client
        if client is not None:
            await self._in_thread(client.close)
        self._threads.shutdown(wait=False)

    async def run(self, act: Callable[[MilvusClient, float], T]) -> T:
        """What `act(client, timeout_s)` gives. Raises: Missing, Released, UpstreamError."""
        deadline = request_context.get().deadline
        try:
            async with asyncio.timeout_at(deadline):
                client = await self._open()
                try:
                    return await self._in_thread(lambda: act(client, self._place.timeout_s))
                except Unreachable:
                    await self._forget(client)
                    raise
        except TimeoutError as error:
            message = f"the request's deadline passed while waiting for provider `{self._provider_id}`"
            raise UpstreamTimeout(
                message, provider_id=self._provider_id, phase="read", code="deadline_exceeded"
            ) from error

    async def _open(self) -> MilvusClient:
        async with self._opening:
            if self._client is None:
                self._client = await self._in_thread(lambda: _opened(self._place))
        return self._client

    async def _forget(self, client: MilvusClient) -> None:
        """Connect anew at the next call: a lost connection is tried again only after a pause, which grows."""
        close = client.close
        if self._client is client:
            self._client = None
            await self._in_thread(close)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        def told() -> T:
            import grpc
            from pymilvus.exceptions import MilvusException

            try:
                return work()
            except MilvusException as error:
                raise self._failure(error) from error
            except (grpc.RpcError, ValueError) as error:
                if isinstance(error, ValueError) and "closed channel" not in str(error):
                    raise
                raise unavailable(self._provider_id, "cannot be reached, or closed the connection") from error

        return await asyncio.get_running_loop().run_in_executor(self._threads, told)

    def _failure(self, error: MilvusException) -> Exception:
        said = str(error.message).replace(self._place.token or "\0", "***")[:500]
        if error.code == _NOT_FOUND:
            return Missing()
        if error.code == _NOT_LOADED:
            return Released()
        if _LATE in said or "DEADLINE_EXCEEDED" in said:
            message = f"provider `{self._provider_id}` did not answer in time"
            return UpstreamTimeout(message, provider_id=self._provider_id, phase="send")
        if error.code == _LOST or "UNAVAILABLE" in said:
            return unavailable(self._provider_id, "cannot be reached, or does not speak as it is asked to: check `url`")
        seen = UpstreamDetail(code=str(error.code), message=said)
        if error.code == _RATE_LIMIT:
            message = f"provider `{self._provider_id}` refuses more requests now"
            return RateLimited(message, provider_id=self._provider_id, phase="status", upstream=seen)
        code = "upstream_auth_failed" if error.code == _NO_RIGHT or "auth" in said.lower() else None
        message = f"provider `{self._provider_id}` failed with code {error.code}"
        message += ": check its `token`" if code else f": {said}"
        quiet = UpstreamDetail(code=str(error.code)) if code else seen
        return UpstreamRejected(message, provider_id=self._provider_id, phase="status", code=code, upstream=quiet)


def _opened(place: Place) -> MilvusClient:
    # It logs each failure with its whole request; failures are told by errors here.
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL + 1)
    from pymilvus import MilvusClient

    more: dict[str, Any] = {"server_pem_path": place.ca_file} if place.ca_file else {}
    return MilvusClient(
        uri=place.url,
        token=place.token,
        db_name=place.database,
        timeout=place.timeout_s,
        grpc_options=_GRPC_OPTIONS,
        **more,
    )
