"""HTTP/1.1 as uvicorn parses it, with limits on headers and our error envelope for what does not parse."""

from __future__ import annotations

import asyncio
from typing import Any

import httptools
import pydantic_core
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from stack.config.models import ServerConfig
from stack.errors import InvalidRequest, RequestTimeout, StackError

MAX_HEADERS = 200
_REASON = {400: b"Bad Request", 408: b"Request Timeout", 431: b"Request Header Fields Too Large"}


class HeadersTooLarge(InvalidRequest):
    """Headers over the limit."""

    status = 431
    code = "headers_too_large"


class Protocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, limits: ServerConfig, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._max_header_bytes = limits.max_header_bytes
        self._header_timeout_s = limits.header_timeout_s
        self._header_bytes = 0
        self._header_timer: asyncio.TimerHandle | None = None
        self._refusal: StackError | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._headers_arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._header_bytes and self._header_timer is None and not self.transport.is_closing():
            self._wait_for_headers()  # a later request of this connection, not whole yet

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._headers_arrived()
        self._header_bytes = 0
        super().on_headers_complete()

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > self._max_header_bytes or len(self.headers) >= MAX_HEADERS:
            limit = f"at most {MAX_HEADERS} headers of {self._max_header_bytes} bytes in all"
            self._refusal = HeadersTooLarge(f"the request's headers are too large: {limit}")
            raise httptools.HttpParserError(self._refusal.message)

    def _wait_for_headers(self) -> None:
        self._header_timer = self.loop.call_later(self._header_timeout_s, self._headers_late)

    def _headers_arrived(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _headers_late(self) -> None:
        self._refusal = RequestTimeout(f"the headers did not arrive within {self._header_timeout_s:g} seconds")
        self.send_400_response(self._refusal.message)

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
