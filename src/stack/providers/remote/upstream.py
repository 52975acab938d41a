"""The one HTTP client to the outside: pooled connections per credential, limits, and failures told apart by phase."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stack.apis.context import request_context
from stack.errors import BadUpstreamReply, StackError, Unreachable, UpstreamTimeout
from stack.version import __version__

if TYPE_CHECKING:
    import aiohttp
    from yarl import URL

MAX_POOLS = 64  # one pool per credential; callers with their own keys push out the longest unused
READ_BYTES = 1 << 16
MAX_HEADER_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds, sizes in decoded bytes."""

    connect_timeout_s: float = 5.0
    first_byte_timeout_s: float = 60.0
    idle_timeout_s: float = 60.0
    max_body_bytes: int = 32 << 20


@dataclass(slots=True)
class UpstreamRequest:
    """One call; `authorize` hooks may change every part of it before it is sent."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(slots=True)
class _Pool:
    session: aiohttp.ClientSession
    in_flight: int = 0


class UpstreamResponse:
    """An answer whose head has arrived. Read it whole, or in blocks; close it in either case."""

    def __init__(self, upstream: Upstream, pool: _Pool, response: aiohttp.ClientResponse) -> None:
        self._upstream = upstream
        self._pool: _Pool | None = pool
        self._response = response
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    async def read(self, limit: int | None = None) -> bytes:
        """The whole body, at most `limit` bytes (default: the client's). Raises: UpstreamError."""
        limit = self._upstream.limits.max_body_bytes if limit is None else limit
        parts: list[bytes] = []
        size = 0
        async for part in self.blocks():
            size += len(part)
            if size > limit:
                await self.aclose()
                raise self._upstream.bad(f"sent more than {limit} bytes", "upstream_too_large")
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        """The body's bytes as they arrive; whatever ends it early raises. Raises: UpstreamError."""
        content, upstream = self._response.content, self._upstream
        try:
            with upstream.failures("read"):
                while True:
                    async with asyncio.timeout_at(upstream.until(upstream.limits.idle_timeout_s)):
                        data = await content.readany()
                    if not data:
                        return
                    yield data
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Give the connection back if the body was read to its end, else close it."""
        if self._pool is None:
            return
        self._pool.in_flight -= 1
        self._pool = None
        if self._response.content.is_eof():
            self._response.release()
        else:
            self._response.close()


class Upstream:
    """HTTP to one provider. Nothing is opened before the first call."""

    def __init__(self, provider_id: str, limits: Limits | None = None) -> None:
        self.provider_id = provider_id
        self.limits = limits or Limits()
        self._pools: OrderedDict[bytes, _Pool] = OrderedDict()
        self._urls: dict[str, URL] = {}

    async def send(self, request: UpstreamRequest, credential: str | None) -> UpstreamResponse:
        """Send and wait for the head of the answer; redirects are refused.

        credential: what the call is authorised with; calls with different ones never share a connection.
        Raises: Unreachable, UpstreamTimeout, BadUpstreamReply.
        """
        pool = await self._pool_of(credential)
        pool.in_flight += 1
        try:
            with self.failures("send"):
                async with asyncio.timeout_at(self.until(self.limits.first_byte_timeout_s)):
                    raw = await pool.session.request(
                        request.method,
                        self._url(request.url),
                        data=request.body,
                        headers=request.headers,
                        allow_redirects=False,
                    )
        except BaseException:
            pool.in_flight -= 1
            raise
        response = UpstreamResponse(self, pool, raw)
        if 300 <= raw.status < 400:
            await response.aclose()
            raise self.bad("answered with a redirect, which is never followed: check its base URL", "upstream_redirect")
        return response

    async def aclose(self) -> None:
        """Close every connection."""
        pools, self._pools = self._pools, OrderedDict()
        for pool in pools.values():
            await pool.session.close()

    def until(self, seconds: float) -> float:
        """Loop time at which a wait of so many seconds, or the request's deadline, ends."""
        limit = asyncio.get_running_loop().time() + seconds
        deadline = request_context.get().deadline
        return limit if deadline is None else min(limit, deadline)

    def bad(self, what: str, code: str | None = None) -> BadUpstreamReply:
        """An answer that breaks the rules; no other attempt would change it when it has a code of its own."""
        error = BadUpstreamReply(
            f"provider `{self.provider_id}` {what}", provider_id=self.provider_id, phase="parse", code=code
        )
        error.retryable = code is None
        return error

    @contextmanager
    def failures(self, phase: str) -> Iterator[None]:
        """Turn the client's exceptions into this project's, by what failed."""
        import aiohttp

        try:
            yield
        except TimeoutError as error:
            if isinstance(error, aiohttp.ConnectionTimeoutError):
                raise self._timeout("did not accept a connection", "connect") from error
            raise self._timeout("did not answer" if phase == "send" else "stopped sending", phase) from error
        except (aiohttp.ClientError, OSError) as error:
            raise self._failure(error, phase) from error

    def _timeout(self, what: str, phase: str) -> UpstreamTimeout:
        deadline = request_context.get().deadline
        if deadline is not None and asyncio.get_running_loop().time() >= deadline:
            message = f"the request's deadline passed while waiting for provider `{self.provider_id}`"
            return UpstreamTimeout(message, provider_id=self.provider_id, phase=phase, code="deadline_exceeded")
        code = "upstream_idle" if phase == "read" else None
        message = f"provider `{self.provider_id}` {what} in time"
        return UpstreamTimeout(message, provider_id=self.provider_id, phase=phase, code=code)

    def _failure(self, error: Exception, phase: str) -> StackError:
        import aiohttp

        if isinstance(error, aiohttp.ClientConnectorDNSError):
            return self._unreachable(f"has a host name that does not resolve: `{error.host}`", "dns", "upstream_dns")
        if isinstance(error, aiohttp.ClientSSLError | aiohttp.ServerFingerprintMismatch):
            tls = self._unreachable("has no valid TLS certificate for its name", "tls", "upstream_tls")
            tls.retryable = False
            return tls
        if isinstance(error, aiohttp.ClientConnectorError):
            return self._unreachable(f"refused the connection to `{error.host}:{error.port}`", "connect", None)
        if isinstance(error, aiohttp.InvalidURL):
            return self._unreachable("has a base URL that is not valid", "send", None)
        if isinstance(error, aiohttp.ClientResponseError):
            if error.message.startswith("Got more than"):
                return self.bad("sent a header that is too large", "upstream_too_large")
            return self.bad("sent an answer that is not valid HTTP")
        if isinstance(error, aiohttp.ClientPayloadError) and "decod" in str(error).lower():
            return self.bad("sent a body that does not decode")
        return self._unreachable("closed the connection before its answer was complete", phase, "upstream_reset")

    def _unreachable(self, what: str, phase: str, code: str | None) -> Unreachable:
        return Unreachable(
            f"provider `{self.provider_id}` {what}", provider_id=self.provider_id, phase=phase, code=code
        )

    def _url(self, url: str) -> URL:
        known = self._urls.get(url)
        if known is None:
            from yarl import URL

            if len(self._urls) > 1000:
                self._urls.clear()
            known = self._urls[url] = URL(url, encoded=True)
        return known

    async def _pool_of(self, credential: str | None) -> _Pool:
        # The digest, so that a caller's key is not kept longer than its request.
        key = hashlib.blake2b(credential.encode(), digest_size=16).digest() if credential else b""
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = _Pool(self._open())
            await self._close_unused()
        else:
            self._pools.move_to_end(key)
        return pool

    async def _close_unused(self) -> None:
        surplus = len(self._pools) - MAX_POOLS
        unused = [key for key, pool in self._pools.items() if not pool.in_flight][: max(surplus, 0)]
        for key in unused:
            if pool := self._pools.pop(key, None):
                await pool.session.close()

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp

        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=30, keepalive_timeout=30),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self.limits.connect_timeout_s),
            headers={"user-agent": f"stack/{__version__}", "accept-encoding": "identity"},
            skip_auto_headers=("content-type",),
            read_bufsize=READ_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            trust_env=False,
            raise_for_status=False,
        )
