"""The one HTTP client to the outside: pooled connections per credential, limits, and failures told apart by phase."""

from __future__ import annotations

import asyncio
import hashlib
import math
import socket
import ssl
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from stack.apis.context import request_context
from stack.errors import BadUpstreamReply, InvalidRequest, StackError, Unreachable, UpstreamTimeout
from stack.providers.remote.dial import connect, resolve
from stack.providers.remote.http1 import Broken, Connection
from stack.providers.remote.tls import TlsTransport
from stack.version import __version__

IDLE_S = 30.0  # an unused connection is closed after this long
MAX_IDLE = 256  # unused connections kept in all, so that callers with keys of their own cannot pile them up
DECODED_BYTES = 1 << 14  # a compressed body is decoded in steps of at most this many bytes
ADDRESSES = 256
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds, sizes in decoded bytes."""

    connect_timeout_s: float = 5.0
    first_byte_timeout_s: float = 60.0
    idle_timeout_s: float = 60.0
    max_body_bytes: int = 32 << 20


@dataclass(slots=True)
class UpstreamRequest:
    """One call; `authorize` hooks may change every part of it before it is sent. Header names are lower case."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Address(NamedTuple):
    """Where a URL leads: the socket, and what the request line and the Host header say."""

    scheme: str
    host: str
    port: int
    target: str
    authority: str


class PoolKey(NamedTuple):
    """Connections are shared by calls that are equal in all of this."""

    scheme: str
    host: str
    port: int
    credential: bytes


class UpstreamResponse:
    """An answer whose head has arrived. Read it whole, or in blocks; close it in either case."""

    def __init__(self, upstream: Upstream, key: PoolKey, connection: Connection) -> None:
        self._upstream = upstream
        self._key = key
        self._connection: Connection | None = connection
        self.status = connection.status
        self.headers = connection.headers

    async def read(self, limit: int | None = None) -> bytes:
        """The whole body, at most `limit` bytes (default: the client's). Raises: UpstreamError."""
        limit = self._upstream.limits.max_body_bytes if limit is None else limit
        connection, parts = self._connection, []
        if connection is not None and connection.complete and "content-encoding" not in self.headers:
            parts = [connection.take()]  # as nearly all are: the body came with the head
            self.close()
            size = len(parts[0])
        else:
            size = 0
            async for part in self.blocks():
                size += len(part)
                if size > limit:
                    break
                parts.append(part)
        if size > limit:
            self.close()
            raise self._upstream.bad(f"sent more than {limit} bytes", "upstream_too_large")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def blocks(self) -> AsyncGenerator[bytes, None]:
        """The body's bytes as they arrive; whatever ends it early raises. Raises: UpstreamError."""
        encoding = self.headers.get("content-encoding", "identity").lower()
        return self._raw() if encoding == "identity" else self._decoded(encoding)

    async def _raw(self) -> AsyncGenerator[bytes, None]:
        connection, upstream = self._connection, self._upstream
        assert connection is not None, "an answer is read once"
        clock, deadline = asyncio.get_running_loop().time, request_context.get().deadline or math.inf
        try:
            while True:
                complete = connection.complete
                if connection.has_body:
                    yield connection.take()  # and not kept here: a slow caller may hold on to it for long
                    # A wait that data always ends at once never times out.
                    if not complete and clock() >= deadline:
                        raise TimeoutError
                elif complete:
                    return
                else:
                    await connection.wait(upstream.until(upstream.limits.idle_timeout_s))
        except (Broken, TimeoutError) as error:
            raise upstream.failure(error, "read") from error
        finally:
            self.close()

    async def _decoded(self, encoding: str) -> AsyncGenerator[bytes, None]:
        # Not asked for, yet sent by some. 32 + 15: gzip or zlib, whichever the header says.
        if encoding not in ("gzip", "deflate"):
            self.close()
            raise self._upstream.bad("sent a body in an encoding that was not asked for")
        decoder = zlib.decompressobj(32 + zlib.MAX_WBITS)
        async for data in self._raw():
            try:
                while data:
                    if decoded := decoder.decompress(data, DECODED_BYTES):
                        yield decoded
                    data = decoder.unconsumed_tail
                    if decoder.unused_data:
                        raise zlib.error("more than one compressed body")
            except zlib.error as error:
                self.close()
                raise self._upstream.bad("sent a body that does not decode") from error
        if not decoder.eof:
            raise self._upstream.bad("sent a body that does not decode")

    def close(self) -> None:
        """Give the connection back if the answer was read to its end, else close it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._upstream.give_back(self._key, connection)

    async def aclose(self) -> None:
        """The same, where something to await is wanted."""
        self.close()


class Upstream:
    """HTTP to one provider. Nothing is opened before the first call."""

    def __init__(self, provider_id: str, limits: Limits | None = None) -> None:
        self.provider_id = provider_id
        self.limits = limits or Limits()
        self._idle: dict[PoolKey, list[Connection]] = {}
        self._kept = 0  # connections in there
        self._busy: set[Connection] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self.send: Send = self._send
        for step in _between:
            self.send = step(self, self.send)

    async def _send(self, request: UpstreamRequest, credential: str | None) -> UpstreamResponse:
        """Send and wait for the head of the answer; redirects are refused.

        credential: what the call is authorised with; calls with different ones never share a connection.
        Raises: Unreachable, UpstreamTimeout, BadUpstreamReply.
        """
        try:
            address = _address(request.url)
        except ValueError as error:
            raise self._unreachable("has a base URL that is not valid", "send") from error
        # The digest, so that a caller's key is not kept longer than its request.
        digest = hashlib.blake2b(credential.encode(), digest_size=16).digest() if credential else b""
        key = PoolKey(address.scheme, address.host, address.port, digest)
        head = _head(request, address)
        connection = await self._exchange(key, head, request.body)
        response = UpstreamResponse(self, key, connection)
        if 300 <= response.status < 400:
            response.close()
            raise self.bad("answered with a redirect, which is never followed: check its base URL", "upstream_redirect")
        return response

    async def _exchange(self, key: PoolKey, head: bytes, body: bytes) -> Connection:
        """A connection on which the answer to this request has begun."""
        connection = self._take_idle(key) or await self._connect(key)
        until = self.until(self.limits.first_byte_timeout_s)
        while True:
            try:
                connection.send(head, body)
                while not connection.has_head:
                    await connection.wait(until)
                return connection
            except BaseException as error:
                self.give_back(key, connection)
                # The upstream may close an idle connection just as we use it: that is no failure of this call.
                if not (isinstance(error, Broken) and connection.reused and not connection.received):
                    if isinstance(error, Broken | TimeoutError):
                        raise self.failure(error, "send") from error
                    raise
            connection = await self._connect(key)

    async def _connect(self, key: PoolKey) -> Connection:
        phase = "dns"
        try:
            async with asyncio.timeout_at(self.until(self.limits.connect_timeout_s)):
                targets = await resolve(key.host, key.port)
                phase = "connect"
                opened = await connect(targets)
                phase = "tls" if key.scheme == "https" else phase
                connection = await _speaking(opened, key)
        except TimeoutError as error:
            raise self._timeout(_LATE[phase], phase) from error
        except (OSError, UnicodeError) as error:
            what, retryable = _FAILED[phase].format(key=key), True
            if isinstance(error, ssl.SSLError):
                what, retryable = "has no valid TLS certificate for its name", False
            raise self._unreachable(what, phase, retryable=retryable) from error
        self._busy.add(connection)
        return connection

    def _take_idle(self, key: PoolKey) -> Connection | None:
        idle = self._idle.get(key)
        while idle:
            connection = idle.pop()
            self._kept -= 1
            if connection.is_quiet():
                self._busy.add(connection)
                return connection
            connection.abort()
        return None

    def give_back(self, key: PoolKey, connection: Connection) -> None:
        """Keep a connection whose exchange is over for the next call, if it can serve one."""
        self._busy.discard(connection)
        if not connection.finish():
            return
        self._idle.setdefault(key, []).append(connection)
        self._kept += 1
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(IDLE_S, self._sweep)
        if self._kept > MAX_IDLE or len(self._idle) > MAX_IDLE:
            self._sweep()

    def _sweep(self) -> None:
        """Close what was not used for long, and the longest unused beyond the limit."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        loop = asyncio.get_running_loop()
        kept = [(c.idle_since, key, c) for key, idle in self._idle.items() for c in idle if not c.closed]
        kept.sort(key=lambda item: item[0], reverse=True)
        self._idle = {}
        for number, (since, key, connection) in enumerate(kept):
            if number >= MAX_IDLE // 2 or loop.time() - since > IDLE_S:
                connection.abort()
            else:
                self._idle.setdefault(key, []).append(connection)
        self._kept = sum(map(len, self._idle.values()))
        if self._idle:
            self._sweeper = loop.call_later(IDLE_S / 2, self._sweep)

    def close(self) -> None:
        """Close every connection."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in [*self._busy, *(c for idle in self._idle.values() for c in idle)]:
            connection.abort()
        self._idle, self._busy, self._kept = {}, set(), 0

    def until(self, seconds: float) -> float:
        """Loop time at which a wait of so many seconds, or the request's deadline, ends."""
        limit = asyncio.get_running_loop().time() + seconds
        deadline = request_context.get().deadline
        return limit if deadline is None else min(limit, deadline)

    def bad(self, what: str, code: str | None = None) -> BadUpstreamReply:
        """An answer that breaks the rules; one with a code of its own would be no better a second time."""
        message = f"provider `{self.provider_id}` {what}"
        error = BadUpstreamReply(message, provider_id=self.provider_id, phase="parse", code=code)
        error.retryable = code is None
        return error

    def failure(self, error: Broken | TimeoutError, phase: str) -> StackError:
        """The error for an exchange that broke."""
        if isinstance(error, TimeoutError):
            return self._timeout("did not answer" if phase == "send" else "stopped sending", phase)
        if error.kind == "headers":
            return self.bad("sent headers of more than 64 KiB", "upstream_too_large")
        if error.kind == "invalid":
            return self.bad("sent an answer that is not valid HTTP")
        return self._unreachable("closed the connection before its answer was complete", phase)

    def _timeout(self, what: str, phase: str) -> UpstreamTimeout:
        deadline = request_context.get().deadline
        message, code = f"provider `{self.provider_id}` {what} in time", "upstream_timeout"
        if deadline is not None and asyncio.get_running_loop().time() >= deadline - 0.001:
            message = f"the request's deadline passed while waiting for provider `{self.provider_id}`"
            code = "deadline_exceeded"
        else:
            code = _LATE_CODES.get(phase, code)
        return UpstreamTimeout(message, provider_id=self.provider_id, phase=phase, code=code)

    def _unreachable(self, what: str, phase: str, *, retryable: bool = True) -> Unreachable:
        codes = {"dns": "upstream_dns", "tls": "upstream_tls", "connect": "upstream_unreachable"}
        error = Unreachable(
            f"provider `{self.provider_id}` {what}",
            provider_id=self.provider_id,
            phase=phase,
            code=codes.get(phase, "upstream_reset"),
        )
        error.retryable = retryable
        return error


Send = Callable[[UpstreamRequest, str | None], Awaitable[UpstreamResponse]]
Step = Callable[[Upstream, Send], Send]
_between: list[Step] = []


@contextmanager
def between(step: Step) -> Iterator[None]:
    """Clients that are made within this send through `step(client, send)`: how exchanges are recorded and replayed."""
    _between.append(step)
    try:
        yield
    finally:
        _between.remove(step)


# What happened in each phase of connecting, of a name or address that did not answer, and of one that said no.
_LATE = {
    "dns": "has a host name that did not resolve",
    "connect": "did not accept a connection",
    "tls": "did not finish the TLS handshake",
}
_LATE_CODES = {"dns": "upstream_dns", "tls": "upstream_tls", "read": "upstream_idle"}
_FAILED = {
    "dns": "has a host name that does not resolve: `{key.host}`",
    "connect": "refused the connection to `{key.host}:{key.port}`",
    "tls": "closed the connection within the TLS handshake",
}


async def _speaking(opened: socket.socket, key: PoolKey) -> Connection:
    """A connection over a socket, which is closed if it fails. Raises: OSError, ssl.SSLError."""
    loop = asyncio.get_running_loop()
    connection = Connection(loop)
    if key.scheme == "http":
        await loop.create_connection(lambda: connection, sock=opened)
        return connection
    tls = TlsTransport(loop, _tls_context(), key.host, connection)
    await loop.create_connection(lambda: tls, sock=opened)
    try:
        await tls.ready
    except BaseException:
        tls.abort()
        raise
    return connection


@cache
def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()


@lru_cache(ADDRESSES)  # bounded: a URL may hold a caller's model id
def _address(url: str) -> Address:
    """Raises: ValueError for anything but a plain http(s) URL."""
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname or parts.username is not None:
        raise ValueError("not a plain http(s) URL")
    port = parts.port or PORTS[parts.scheme]
    target = quote(parts.path or "/", safe="/:@!$&'()*+,;=~%-._") + (f"?{parts.query}" if parts.query else "")
    authority = parts.hostname if ":" not in parts.hostname else f"[{parts.hostname}]"
    if port != PORTS[parts.scheme]:
        authority += f":{port}"
    return Address(parts.scheme, parts.hostname, port, target, authority)


def _head(request: UpstreamRequest, address: Address) -> bytes:
    lines = [f"{request.method} {address.target} HTTP/1.1", f"host: {address.authority}", f"user-agent: {_AGENT}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    if request.body:
        lines.append(f"content-length: {len(request.body)}")
    head = "\r\n".join(lines)
    if not head.count("\n") == head.count("\r") == len(lines) - 1 or "\0" in head:
        raise InvalidRequest("a credential or header for a provider holds a line break: take it out")
    return head.encode("latin-1", "replace") + b"\r\naccept-encoding: identity\r\n\r\n"


_AGENT = f"stack/{__version__}"
