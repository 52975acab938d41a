"""A small HTTP/1.1 server on raw sockets: requests come parsed, every byte of an answer is the handler's.

A framework would repair what a fake upstream must break, so this one only frames requests and moves bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import ssl
import struct
import time
import weakref
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

HOST = "127.0.0.1"
# A caller that reads as fast as we write must not keep the others waiting.
TURN_BYTES = 256 * 1024
HANDSHAKE_S = 1.0  # that a caller is given to end one when the server stops


class CallerGone(Exception):
    """The caller closed its connection before the answer was complete."""


@dataclass(frozen=True)
class Request:
    """One request as it arrived.

    headers: lower-case names, repeated ones joined by `, `; target: path with query.
    received_at: Unix time in seconds; monotonic_s: a clock to measure the time between two requests.
    """

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    received_at: float = field(default_factory=time.time)
    monotonic_s: float = field(default_factory=time.monotonic)

    @cached_property
    def path(self) -> str:
        return urlsplit(self.target).path

    @cached_property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))

    @cached_property
    def json(self) -> Any:
        """The decoded body; None where there is none or it is not JSON."""
        with contextlib.suppress(ValueError):
            return json.loads(self.body)
        return None

    @property
    def model(self) -> str:
        """The `model` that the body names; empty where it names none."""
        model = self.json.get("model") if isinstance(self.json, dict) else None
        return model if isinstance(model, str) else ""


def parse_request(data: bytes | bytearray) -> tuple[Request, int] | None:
    """The first request in `data` and its length in bytes; None while it is incomplete. Raises ValueError."""
    head_end = data.find(b"\r\n\r\n")
    if head_end < 0:
        return None
    first, *lines = data[:head_end].decode("latin-1").split("\r\n")
    method, target, _version = first.split(" ")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        name, value = name.lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    framed = _body(data, head_end + 4, headers)
    return framed and (Request(method, target, headers, framed[0]), framed[1])


def _body(data: bytes | bytearray, start: int, headers: dict[str, str]) -> tuple[bytes, int] | None:
    if "transfer-encoding" in headers:
        return _chunked_body(data, start)
    end = start + int(headers.get("content-length", 0))
    return (bytes(data[start:end]), end) if len(data) >= end else None


_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]+)[^\r\n]*\r\n")


def _chunked_body(data: bytes | bytearray, start: int) -> tuple[bytes, int] | None:
    body = bytearray()
    while b"\r\n" in data[start : start + 64]:
        match = _CHUNK_SIZE.match(data, start)
        if match is None:
            raise ValueError("a chunk of the request body has no size")
        size = int(match[1], 16)
        start = match.end() + size + 2
        if len(data) < start:
            return None
        if size == 0:
            return bytes(body), start
        body += data[match.end() : start - 2]
    return None


class Connection(asyncio.Protocol):
    """One accepted connection.

    gone: set once the caller has closed its side. closed: set once both have.
    keep_alive: whether another request is read after this answer.
    """

    def __init__(self, server: HttpServer) -> None:
        self.gone = asyncio.Event()
        self.closed = asyncio.Event()
        self.keep_alive = True
        self._server = server
        self._buffer = bytearray()
        self._arrived = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._since_turn = 0

    # A stream listener hands over nothing less, and uvloop's transports are no subclass to ask for.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        # Bytes count as sent when the kernel has them: that is real back-pressure, and tells who left first.
        # One byte and not none: asyncio's TLS would pause at none, and never go on.
        transport.set_write_buffer_limits(high=1)
        self._server.adopt(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._arrived.set()

    def eof_received(self) -> None:
        self._end()

    def connection_lost(self, error: Exception | None) -> None:
        self._end()
        self.closed.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _end(self) -> None:
        self.gone.set()
        self._arrived.set()
        self._writable.set()

    async def arrival(self) -> None:
        """Wait until bytes arrive that no request has used yet, or the caller is gone."""
        self._arrived.clear()
        if not self._buffer and not self.gone.is_set():
            await self._arrived.wait()

    async def request(self) -> Request | None:
        """The next request; None when the caller closes instead. Raises ValueError if it is not HTTP."""
        while (parsed := parse_request(self._buffer)) is None:
            if self.gone.is_set():
                return None
            self._arrived.clear()
            await self._arrived.wait()
        request, length = parsed
        del self._buffer[:length]
        return request

    async def send(self, data: bytes) -> None:
        """Hand bytes to the kernel. Raises CallerGone."""
        self._transport.write(data)
        self._since_turn += len(data)
        if self._since_turn > TURN_BYTES:
            self._since_turn = 0
            await asyncio.sleep(0)
        if not self._writable.is_set():
            await self._writable.wait()
        # A write that fails closes the transport at once; `connection_lost` is told in the loop's next turn.
        if self.gone.is_set() or self._transport.is_closing():
            raise CallerGone

    async def pause(self, seconds: float) -> None:
        """Do nothing for a while. Raises CallerGone as soon as the caller leaves."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.gone.wait()
            raise CallerGone

    def close(self) -> None:
        """End with FIN, after what was sent."""
        self.keep_alive = False
        self._transport.close()

    def abort(self) -> None:
        """Drop the connection at once, with whatever was not sent yet."""
        self.keep_alive = False
        self._transport.abort()

    async def reset(self) -> None:
        """End with RST. What was sent before is given time to be read: a reset may overtake it."""
        await self.pause(0.05)
        linger = struct.pack("ii", 1, 0)
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.abort()


Handler = Callable[[Connection, Request], Awaitable[None]]


class HttpServer:
    """Hands every request on a loopback port to `handler`, one at a time per connection.

    port: 0 lets the kernel choose; the real one is there after `start()`. accepted: connections so far.
    """

    def __init__(self, handler: Handler, *, host: str = HOST, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.host = host
        self.port = port
        self.accepted = 0
        self.connections: dict[Connection, asyncio.Task[None]] = {}
        self._handler = handler
        self._tls = tls
        self._busy: set[Connection] = set()
        self._open: weakref.WeakSet[Connection] = weakref.WeakSet()
        self._opening: set[asyncio.Task[None]] = set()
        self._listener: socket.socket | None = None

    @property
    def origin(self) -> str:
        """Scheme, host and port, without a path."""
        return f"{'https' if self._tls else 'http'}://{self.host}:{self.port}"

    async def start(self) -> None:
        """Listen. Raises OSError if the port is taken."""
        # Not asyncio's server: it loses a connection that it has accepted and not yet made when it is told to close.
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listener = socket.create_server((self.host, self.port), family=family, backlog=4096)
        listener.setblocking(False)
        asyncio.get_running_loop().add_reader(listener, self._accept, listener)
        self._listener = listener
        self.port = listener.getsockname()[1]

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionAbortedError):
            while True:
                opening = asyncio.get_running_loop().create_task(self._make(listener.accept()[0]))
                self._opening.add(opening)
                opening.add_done_callback(self._opening.discard)

    async def _make(self, accepted: socket.socket) -> None:
        with contextlib.suppress(OSError):  # who does not come to the end of the TLS handshake was never here
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: Connection(self),
                accepted,
                ssl=self._tls,
                # A caller that does not answer to the end of TLS still sees the end of TCP.
                ssl_shutdown_timeout=0.1 if self._tls else None,
            )

    def refuse(self) -> None:
        """Stop listening and close idle connections, as a service does that goes down; running answers go on."""
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None
        for connection in self.connections.keys() - self._busy:
            connection.close()

    async def stop(self) -> None:
        """Stop listening and drop every connection."""
        self.refuse()
        if self._opening:
            await asyncio.wait(self._opening, timeout=HANDSHAKE_S)
        tasks = [*self._opening, *self.connections.values()]
        for task in tasks:
            task.cancel()
        for connection in self._open:
            connection.abort()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(connection.closed.wait() for connection in self._open))

    def adopt(self, connection: Connection) -> None:
        self._open.add(connection)
        if self._listener is None:  # it was accepted just before the end
            connection.abort()
            return
        self.accepted += 1
        task = asyncio.get_running_loop().create_task(self._serve(connection))
        self.connections[connection] = task
        task.add_done_callback(lambda _: self.connections.pop(connection))

    async def _serve(self, connection: Connection) -> None:
        with contextlib.suppress(CallerGone), contextlib.closing(connection):
            while connection.keep_alive and (request := await self._next(connection)):
                connection.keep_alive = request.headers.get("connection", "").lower() != "close"
                self._busy.add(connection)
                try:
                    await self._handler(connection, request)
                finally:
                    self._busy.discard(connection)
                connection.keep_alive &= self._listener is not None

    async def _next(self, connection: Connection) -> Request | None:
        try:
            return await connection.request()
        except ValueError:
            await connection.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            return None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
