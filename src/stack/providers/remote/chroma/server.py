"""Chroma's REST API, version 2: one call after another, each failure told by its own error.

Source: https://docs.trychroma.com/reference/server-api, and `/openapi.json` of a running server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pydantic_core

from stack.errors import Unreachable
from stack.providers.remote.unavailable import unavailable
from stack.providers.remote.upstream import Limits, Upstream, UpstreamRequest
from stack.providers.remote.upstream_errors import rejection

_QUICK_BYTES = 100_000  # of JSON that is read or written in less than a few milliseconds
_ASSUMED_BATCH = 1000


class Missing(Exception):
    """The server has no such collection, database or tenant."""


class Taken(Exception):
    """The name is given to another one already."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where it is, and what it is told. token: shown in `header`, as a bearer where that is `authorization`."""

    url: str
    tenant: str
    database: str
    token: str | None
    header: str


@dataclass(slots=True)
class ChromaServer:
    """Calls of one server; paths are those below the database, unless they begin with `/`."""

    provider_id: str
    server: Server
    limits: Limits
    _upstream: Upstream = field(init=False)
    _max_batch: int = 0

    def __post_init__(self) -> None:
        self._upstream = Upstream(self.provider_id, self.limits)

    def close(self) -> None:
        self._upstream.close()

    async def max_batch(self) -> int:
        """Records that one call may write."""
        if not self._max_batch:
            answer = await self.call("GET", "/pre-flight-checks")
            self._max_batch = max(1, int(answer.get("max_batch_size") or _ASSUMED_BATCH))
        return self._max_batch

    async def make_database(self) -> None:
        """Make the tenant and the database, unless they are there."""
        tenant = f"/tenants/{quote(self.server.tenant, safe='')}"
        try:
            await self.call("GET", f"{tenant}/databases/{quote(self.server.database, safe='')}")
        except Missing:
            for path, name in (("/tenants", self.server.tenant), (f"{tenant}/databases", self.server.database)):
                with suppress(Taken):
                    await self.call("POST", path, {"name": name})

    async def call(self, method: str, path: str, body: object = None) -> Any:
        """What the server answers. Raises: Missing, Taken, UpstreamError."""
        server = self.server
        if not path.startswith("/"):
            path = f"/tenants/{quote(server.tenant, safe='')}/databases/{quote(server.database, safe='')}/{path}"
        headers = {"content-type": "application/json", "accept": "application/json"}
        if server.token:
            headers[server.header] = f"Bearer {server.token}" if server.header == "authorization" else server.token
        data = b"" if body is None else await _off_the_loop(pydantic_core.to_json, body, _is_large(body))
        request = UpstreamRequest(method, f"{server.url.rstrip('/')}/api/v2{path}", headers, data)
        try:
            response = await self._upstream.send(request, server.token)
            answer = await response.read()
        except Unreachable as error:
            what = error.message.partition("` ")[2]
            raise unavailable(self.provider_id, what, error.phase, retryable=error.retryable) from error
        if response.status == 404:
            raise Missing
        if response.status == 409:
            raise Taken
        if response.status >= 400:
            raise rejection(self.provider_id, response, _told(answer), None, server.token, own_key=False)
        try:
            return await _off_the_loop(pydantic_core.from_json, answer, len(answer) > _QUICK_BYTES)
        except ValueError as error:
            raise self._upstream.bad("sent an answer that is not JSON") from error


def _told(answer: bytes) -> bytes:
    """Chroma's `{"error": KIND, "message": ...}` in the shape that others use."""
    try:
        document = pydantic_core.from_json(answer)
    except ValueError:
        return answer
    if not isinstance(document, dict) or not isinstance(document.get("error"), str):
        return answer
    return pydantic_core.to_json({"error": {"code": document["error"], "message": document.get("message")}})


def _is_large(body: object) -> bool:
    return isinstance(body, dict) and len(body.get("ids") or ()) > 100


async def _off_the_loop(work: Callable[[Any], Any], value: object, is_large: bool) -> Any:
    return await asyncio.to_thread(work, value) if is_large else work(value)
