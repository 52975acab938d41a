"""HTTP/1.1 as uvicorn parses it, with limits on headers and our error envelope for what does not parse."""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import Any

import httptools
import pydantic_core
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from stack.config.models import ServerConfig
from stack.errors import InvalidRequest, RequestTimeout, StackError
from stack.server.requests import CALLER_LEFT

MAX_HEADERS = 200
_REASON = {400: b"Bad Request", 408: b"Request Timeout", 431: b"Request Header Fields Too Large"}


class HeadersTooLarge(InvalidRequest):
    """Headers over the limit."""

    status = 431
    code = "headers_too_large"


class Protocol(HttpToolsProtocol):
    """One connection. A caller who leaves cancels the task that answers; one who dawdles is refused."""

    def __init__(self, limits: ServerConfig, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits = limits
        self._header_bytes = 0
        self._in_body = False
        self._late: asyncio.TimerHandle | None = None
        self._refusal: StackError | None = None
        self._answering: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._late = self.loop.call_later(self._limits.header_timeout_s, self._headers_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_time()
        super().connection_lost(exc)
        if self._answering is not None and not self.cycle.response_complete:
            self.cycle.scope[CALLER_LEFT] = True  # type: ignore[literal-required]  # a key of ours
            self._answering.cancel()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_body or (self._header_bytes and self._late is None):
            self._in_time()
            if self.transport.is_closing():
                return
            if self._in_body:
                self._late = self.loop.call_later(self._limits.body_idle_timeout_s, self._body_late)
            else:  # the headers of a later request of this connection, not whole yet
                self._late = self.loop.call_later(self._limits.header_timeout_s, self._headers_late)

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_time()
        self._header_bytes = 0
        self._in_body = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_body = False
        self._in_time()
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        task = self._answering = self.loop.create_task(cycle.run_asgi(app), context=Context())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _count(self, size: int) -> None:
        self._header_bytes += size
        limit = self._limits.max_header_bytes
        if self._header_bytes > limit or len(self.headers) >= MAX_HEADERS:
            self._refusal = HeadersTooLarge(
                f"the request's headers are too large: at most {MAX_HEADERS} headers of {limit} bytes in all"
            )
            raise httptools.HttpParserError(self._refusal.message)

    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _headers_late(self) -> None:
        self._refuse_late(f"the headers did not arrive within {self._limits.header_timeout_s:g} seconds")

    def _body_late(self) -> None:
        if self.flow.read_paused:  # it is us who do not read
            self._late = self.loop.call_later(self._limits.body_idle_timeout_s, self._body_late)
            return
        self._refuse_late(f"the body did not arrive: {self._limits.body_idle_timeout_s:g} seconds without a byte")

    def _refuse_late(self, message: str) -> None:
        self._refusal = RequestTimeout(message)
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.close()
        else:
            self.send_400_response(message)

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be given to the app, and close."""
        if self.transport.is_closing():
            return
        error = self._refusal or InvalidRequest("the request is not valid HTTP/1.1", code="invalid_http")
        body = pydantic_core.to_json(error.envelope())
        self.transport.write(
            b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"
            % (error.status, _REASON[error.status], len(body), body)
        )
        self.transport.close()
