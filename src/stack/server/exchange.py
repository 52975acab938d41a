"""One request and its answer over HTTP/1.1, as ASGI's `receive` and `send`."""

from __future__ import annotations

import asyncio
import http
from collections.abc import Awaitable, Callable

import structlog
from uvicorn.protocols.http.flow_control import FlowControl

from stack.server.answers import internal_error, send_error
from stack.server.requests import Message, Receive, Scope, Send, request_id

log = structlog.get_logger("stack.server")

ASGI = Callable[[Scope, Receive, Send], Awaitable[None]]
JOINED_BYTES = 1 << 16  # a body up to this size is written in one piece with its head
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in http.HTTPStatus}


class Exchange:
    """What a connection fills with a body, and an app with an answer.

    answered: called once the answer is complete. default_headers: those of every answer.
    """

    def __init__(
        self,
        scope: Scope,
        transport: asyncio.Transport,
        flow: FlowControl,
        default_headers: list[tuple[bytes, bytes]],
        answered: Callable[[], None],
    ) -> None:
        self.scope = scope
        self.keep_alive = True
        self.expects_continue = self.disconnected = self.started = self.complete = False
        self._transport = transport
        self._flow = flow
        self._default_headers = default_headers
        self._answered: Callable[[], None] | None = answered
        self._news = False  # whether something arrived since the app was last told
        self._waiter: asyncio.Future[None] | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._more_body = True
        self._left: int | None = None  # bytes of an answer of known length
        self._chunked = False  # HTTP/1.0 has no chunks: the end of the connection is that of the answer
        self._held = b""

    def take(self, body: bytes) -> int:
        """A part of the request's body; how many bytes wait for the app."""
        self._parts.append(body)
        self._size += len(body)
        self._wake()
        return self._size

    def end(self) -> None:
        """The request is whole."""
        self._more_body = False
        self._wake()

    def leave(self) -> None:
        """The caller is gone."""
        self.disconnected = not self.complete
        self._wake()

    def _wake(self) -> None:
        self._news = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def run(self, app: ASGI) -> None:
        """Let the app answer. A bug of its own is answered for it, or cuts the answer that has begun."""
        try:
            await app(self.scope, self.receive, self.send)
        except Exception:
            log.exception("internal error", path=self.scope["path"])
        finally:
            if not (self.complete or self.disconnected):
                if self.started:
                    self._transport.close()
                else:
                    self.keep_alive = False
                    await send_error(self.send, internal_error(), request_id({}))
            self._answered = None  # the connection and this would keep each other

    async def receive(self) -> Message:
        """The next part of the body, or the end of the exchange."""
        if self.expects_continue and not self._transport.is_closing():
            self.expects_continue = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not (self.disconnected or self.complete):
            if self._more_body:
                self._flow.resume_reading()
            if not self._news:
                self._waiter = asyncio.get_running_loop().create_future()
                await self._waiter
            self._news = False
        if self.disconnected or self.complete:
            return {"type": "http.disconnect"}
        parts, self._parts, self._size = self._parts, [], 0
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        return {"type": "http.request", "body": body, "more_body": self._more_body}

    async def send(self, message: Message) -> None:
        """A head or a part of the body, once the caller takes what was written before."""
        if self._flow.write_paused and not self.disconnected:
            await self._flow.drain()
        if self.disconnected:
            return
        if not self.started:
            self._begin(message["status"], message.get("headers", ()))
        elif not self.complete:
            self._write(message.get("body", b""), message.get("more_body", False))
        else:
            raise RuntimeError("an answer goes on after its end")

    def _begin(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """Hold the head back, to leave in one packet with what follows it at once."""
        # An upstream's own status, which we pass on, may be one that no standard names.
        lines, left = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status], None
        for name, value in (*self._default_headers, *headers):
            if name == b"connection":
                self.keep_alive = self.keep_alive and value.lower() != b"close"
                continue
            lines.append(b"%b: %b\r\n" % (name, value))
            if name == b"content-length":
                left = int(value)
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        if left is None and (self.scope["method"] == "HEAD" or status in (204, 304)):
            left = 0
        if chunked := left is None and self.scope["http_version"] != "1.0":
            lines.append(b"transfer-encoding: chunked\r\n")
        head = b"".join(lines)
        if not head.count(b"\n") == head.count(b"\r") == len(lines) or b"\0" in head:
            raise RuntimeError("a header of an answer holds a line break")
        self.started, self.expects_continue = True, False
        self._held, self._left, self._chunked = head + b"\r\n", left, chunked
        if left is None:  # more may take its time
            asyncio.get_running_loop().call_soon(self._flush)

    def _write(self, body: bytes, more: bool) -> None:
        if self.scope["method"] == "HEAD":
            body, self._left = b"", 0
        if self._chunked:
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            body = body if more else body + b"0\r\n\r\n"
        elif self._left is not None:
            self._left -= len(body)
            if self._left < 0 or (self._left and not more):
                raise RuntimeError("the body of an answer is not as long as its head says")
        if len(body) > JOINED_BYTES:
            self._flush()
        data, self._held = self._held + body, b""
        if data:
            self._transport.write(data)
        if not more:
            self._complete()

    def _complete(self) -> None:
        self.complete = True
        self._wake()
        if not self.keep_alive:
            self._transport.close()
        if self._answered is not None:
            self._answered()

    def _flush(self) -> None:
        if self._held:
            data, self._held = self._held, b""
            self._transport.write(data)
