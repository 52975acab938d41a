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
from stack.server.hosts import Hosts
from stack.server.joining import Joining
from stack.server.requests import CALLER_LEFT

MAX_HEADERS = 200
LEFTOVER_S = 5.0  # a body that nobody wants is read so long, so that its caller comes to read why
DRAINING_POLL_S = 0.1
_REASON = {400: b"Bad Request", 403: b"Forbidden", 408: b"Request Timeout", 431: b"Request Header Fields Too Large"}


class HeadersTooLarge(InvalidRequest):
    """Headers over the limit."""

    status = 431
    code = "headers_too_large"


class Protocol(HttpToolsProtocol):
    """One connection. A caller who leaves cancels the task that answers; one who dawdles is refused."""

    def __init__(self, limits: ServerConfig, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits = limits
        self._host_rules = Hosts(limits)
        self._hosts: list[bytes] = []
        self._coding: bytes | None = None
        self._header_bytes = self._open_bytes = 0
        self._in_head = self._in_body = False
        self._late: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._refusal: StackError | None = None
        self._answering: tuple[asyncio.Task[None], RequestResponseCycle] | None = None
        self._leftover: int | None = None
        self._draining = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # what the kernel does not take at once is as much as is kept here
        self._joining = Joining(transport, self.loop)
        self._late = self.loop.call_later(self._limits.header_timeout_s, self._headers_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_time()
        self._flowing()
        super().connection_lost(exc)
        self._leave()

    def data_received(self, data: bytes) -> None:
        in_head, unwanted = self._in_head, self._leftover is not None
        super().data_received(data)
        if self.transport.is_closing():
            self._in_time()
        elif unwanted and not self._in_head:
            return
        elif self._in_body:
            self._in_time()
            self._late = self.loop.call_later(self._limits.body_idle_timeout_s, self._body_late)
        elif self._in_head or self.cycle is None or self.cycle.response_complete:
            # A later request of this connection that is not whole yet, or bytes that belong to none.
            if self._late is None:
                self._late = self.loop.call_later(self._limits.header_timeout_s, self._headers_late)
            if in_head and self._in_head:  # the parser keeps a line to itself until it ends
                self._open_bytes += len(data)
                if self._open_bytes > self._limits.max_header_bytes:
                    self._refuse(self._too_large())

    def on_message_begin(self) -> None:
        self._in_head = True
        self._header_bytes = self._open_bytes = 0
        self._hosts = []
        self._coding = None
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        if len(name) == 4 and name.lower() == b"host":
            self._hosts.append(value)
        elif len(name) == 17 and name.lower() == b"transfer-encoding":
            self._coding = value
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_time()
        refusal = self._framing_fault() or self._host_rules.refusal(self.url, self._hosts)
        if refusal is not None:
            self._refusal = refusal
            raise httptools.HttpParserError(refusal.message)
        self._in_head, self._in_body = False, True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._leftover is not None:
            self._leftover -= len(body)
            if self._leftover < 0:
                self.transport.close()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_body = False
        self._in_time()
        super().on_message_complete()
        if self._leftover is not None:
            self._leftover = None
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._in_body and self.cycle.response_complete and not self.transport.is_closing():
            # A refused caller may cost no more than one who is heard. A connection that is closed at once would
            # take the answer along, which many read only when they have sent everything.
            self._leftover = self._limits.max_body_bytes
            self._in_time()
            self._late = self.loop.call_later(LEFTOVER_S, self.transport.close)

    def shutdown(self) -> None:
        """End once this connection's answer is complete, or, where there is none, once all others are.

        Until then a connection that is open already can be asked once more, so that who looks for readiness hears no.
        """
        self._draining = True
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
        elif not self.tasks:
            self.transport.close()
        else:
            self.loop.call_later(DRAINING_POLL_S, self._drain)

    def _drain(self) -> None:
        if not self.transport.is_closing():
            self.shutdown()

    def pause_writing(self) -> None:
        """More is waiting to be written than the caller takes: one who takes nothing for long is dropped."""
        super().pause_writing()
        self._stalled = self.loop.call_later(self._limits.write_stall_timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        self._flowing()
        super().resume_writing()

    def _flowing(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        cycle.scope[CALLER_LEFT] = False  # type: ignore[literal-required]  # a key of ours
        if self._draining:
            cycle.keep_alive = False
        cycle.transport = self._joining  # type: ignore[assignment]  # it has what the cycle uses
        task = self.loop.create_task(cycle.run_asgi(app), context=Context())
        self._answering = task, cycle
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _leave(self) -> None:
        """End the task that answers: nobody hears it any more."""
        if self._answering is None:
            return
        (task, cycle), self._answering = self._answering, None
        if not cycle.response_complete:
            cycle.disconnected = True
            cycle.scope[CALLER_LEFT] = True  # type: ignore[literal-required]
            task.cancel()

    def _unsupported_upgrade_warning(self) -> None:
        # The parser takes the body of such a request for what follows the upgrade; without one, it is like any other.
        if any(name in (b"content-length", b"transfer-encoding") for name, _ in self.headers):
            what = "this server does not upgrade connections: send the request without the header `upgrade`"
            self._refuse(InvalidRequest(what, code="upgrade_not_supported"))

    def _framing_fault(self) -> InvalidRequest | None:
        """What the parser takes and a proxy before us may read in another way."""
        version = self.parser.get_http_version()
        if version == "1.1":
            if not self._hosts:
                return InvalidRequest("the request has no header `host`", code="invalid_http")
            if self._coding is None or self._coding.lower() == b"chunked":
                return None
            return InvalidRequest("the only transfer coding that this server reads is `chunked`", code="invalid_http")
        if version != "1.0":
            return InvalidRequest("this server speaks HTTP/1.0 and HTTP/1.1", code="invalid_http")
        if self._coding is not None:
            return InvalidRequest("HTTP/1.0 has no header `transfer-encoding`", code="invalid_http")
        return None

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > self._limits.max_header_bytes or len(self.headers) >= MAX_HEADERS:
            self._refusal = self._too_large()
            raise httptools.HttpParserError(self._refusal.message)

    def _too_large(self) -> HeadersTooLarge:
        limit = self._limits.max_header_bytes
        return HeadersTooLarge(
            f"the request's headers are too large: at most {MAX_HEADERS} headers of {limit} bytes in all"
        )

    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _headers_late(self) -> None:
        self._refuse(RequestTimeout(f"the headers did not arrive within {self._limits.header_timeout_s:g} seconds"))

    def _body_late(self) -> None:
        if self.flow.read_paused:  # it is us who do not read
            self._late = self.loop.call_later(self._limits.body_idle_timeout_s, self._body_late)
            return
        idle_s = self._limits.body_idle_timeout_s
        self._refuse(RequestTimeout(f"the body did not arrive: {idle_s:g} seconds without a byte"))

    def _refuse(self, error: StackError) -> None:
        self._refusal = error
        self.send_400_response(error.message)

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be given to the app, and close; within an answer, only close."""
        if self.transport.is_closing():
            return
        answering = self._answering[1] if self._answering else None
        self._leave()
        if answering is not None and answering.response_started and not answering.response_complete:
            self.transport.close()
            return
        error = self._refusal or InvalidRequest("the request is not valid HTTP/1.1", code="invalid_http")
        body = pydantic_core.to_json(error.envelope())
        self.transport.write(
            b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"
            % (error.status, _REASON[error.status], len(body), body)
        )
        self.transport.close()
