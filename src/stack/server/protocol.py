"""HTTP/1.1 as it is spoken to us, with limits on headers and time, and our error envelope for what does not parse."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any
from urllib.parse import unquote

import httptools
import pydantic_core
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.utils import get_local_addr, get_remote_addr
from uvicorn.server import ServerState

from stack.config.models import ServerConfig
from stack.errors import InvalidRequest, RequestTimeout, StackError
from stack.server.exchange import ASGI, Exchange
from stack.server.hosts import Hosts
from stack.server.requests import CALLER_LEFT, Scope

MAX_HEADERS = 200
MAX_WAITING = 16  # requests of one connection behind the one that is answered; then no more is read
LEFTOVER_S = 10.0  # a body that nobody wants is read so long, so that its caller comes to read why
DRAINING_POLL_S = 0.1
LAST_LOOK_S = 0.01
_REASON = {400: b"Bad Request", 403: b"Forbidden", 408: b"Request Timeout", 431: b"Request Header Fields Too Large"}


class HeadersTooLarge(InvalidRequest):
    """Headers over the limit."""

    status = 431
    code = "headers_too_large"


class Protocol(asyncio.Protocol):
    """One connection to a uvicorn server, which makes it and tells it to `shutdown`.

    A caller who leaves cancels the task that answers; one who dawdles is refused.
    """

    def __init__(
        self,
        limits: ServerConfig,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._limits = limits
        self._keep_alive_s = config.timeout_keep_alive
        self._app: ASGI = config.loaded_app
        self._state = server_state
        self._app_state = app_state
        self._loop = _loop or asyncio.get_running_loop()
        self._host_rules = Hosts(limits)
        self._parser = httptools.HttpRequestParser(self)
        # What follows a request that asks to close is no fault of that request.
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._exchange: Exchange | None = None
        self._waiting: deque[Exchange] = deque()  # requests sent before the answer to an earlier one
        self._header_bytes = self._open_bytes = 0
        self._in_head = self._in_body = self._draining = False
        self._late: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._idle_since = 0.0
        self._refusal: StackError | None = None
        self._answering: tuple[asyncio.Task[None], Exchange] | None = None
        self._leftover: int | None = None

    # uvloop's transport has every method of `asyncio.Transport` without being one.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        transport.set_write_buffer_limits(high=0)  # what the kernel does not take at once is as much as is kept here
        self._flow = FlowControl(transport)
        self._scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "scheme": "http",
            "root_path": "",
            "server": get_local_addr(transport),
            "client": get_remote_addr(transport),
            CALLER_LEFT: False,
        }
        self._state.connections.add(self)  # type: ignore[arg-type]  # it has what a server asks of one
        self._expect(self._limits.header_timeout_s, self._headers_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._state.connections.discard(self)
        self._in_time()
        self._flowing()
        if self._idle is not None:
            self._idle.cancel()
        if self._exchange is not None:
            self._exchange.leave()
        self._flow.resume_writing()
        self._leave()
        del self._parser  # it knows this object, and the two would keep each other

    def data_received(self, data: bytes) -> None:
        in_head, unwanted = self._in_head, self._leftover is not None
        self._open_bytes += len(data)  # and from 0 again where a request begins
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._refuse(self._refusal or InvalidRequest("the request is not valid HTTP/1.1", code="invalid_http"))
            return
        except httptools.HttpParserUpgrade:
            self._stay()
        if self.transport.is_closing():
            self._in_time()
        elif unwanted and not self._in_head:
            return
        elif self._in_body:
            self._in_time()
            self._expect(self._limits.body_idle_timeout_s, self._body_late)
        elif self._in_head or self._exchange is None or self._exchange.complete:
            # A later request of this connection that is not whole yet, or bytes that belong to none.
            if self._late is None:
                self._expect(self._limits.header_timeout_s, self._headers_late)
            # The parser keeps a line to itself until it ends.
            if in_head and self._in_head and self._open_bytes > self._limits.max_header_bytes:
                self._refuse(self._too_large())

    def on_message_begin(self) -> None:
        self._in_head = True
        self._header_bytes = self._open_bytes = self._trailers = 0
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        self._target += url
        self._header_bytes += len(url)
        if self._header_bytes > self._limits.max_header_bytes:
            raise self._oversize()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            self._headers.append((name.lower(), value))
        else:
            self._trailers += 1  # behind a body in chunks: nobody's
        self._header_bytes += len(name) + len(value) + 4
        if self._header_bytes > self._limits.max_header_bytes or len(self._headers) + self._trailers > MAX_HEADERS:
            raise self._oversize()

    def on_headers_complete(self) -> None:
        self._in_time()
        version = self._parser.get_http_version()
        hosts, coding, expects_continue = [], None, False
        for name, value in self._headers:
            if name == b"host":
                hosts.append(value)
            elif name == b"transfer-encoding":
                coding = value
            elif name == b"expect":
                expects_continue = value.lower() == b"100-continue"
        refusal = _framing_fault(version, hosts, coding) or self._host_rules.refusal(self._target, hosts)
        if refusal is not None:
            self._refusal = refusal
            raise httptools.HttpParserError(refusal.message)
        self._in_head, self._in_body = False, True
        exchange = Exchange(
            self._request(version), self.transport, self._flow, self._state.default_headers, self._answered
        )
        exchange.expects_continue = expects_continue
        exchange.keep_alive = version == "1.1" and self._parser.should_keep_alive()
        before, self._exchange = self._exchange, exchange
        if before is None or before.complete:
            self._start(exchange)
        else:
            self._waiting.append(exchange)
            if len(self._waiting) >= MAX_WAITING:
                self._flow.pause_reading()

    def _request(self, version: str) -> Scope:
        target = self._target
        if target.startswith(b"/"):
            path, _, query = target.partition(b"#")[0].partition(b"?")
        else:
            url = httptools.parse_url(target)
            path, query = url.path or b"/", url.query or b""
        text = path.decode("ascii")
        return {
            **self._scope,
            "method": self._parser.get_method().decode("ascii"),
            "http_version": version,
            "path": unquote(text) if "%" in text else text,
            "raw_path": path,
            "query_string": query,
            "headers": self._headers,
            "state": self._app_state.copy(),
        }

    def on_body(self, body: bytes) -> None:
        if self._leftover is not None:
            self._leftover -= len(body)
            if self._leftover < 0:
                self.transport.close()
        if self._exchange is not None and not self._exchange.complete and self._exchange.take(body) > HIGH_WATER_LIMIT:
            self._flow.pause_reading()

    def on_message_complete(self) -> None:
        self._in_body = False
        self._in_time()
        if self._exchange is not None:
            self._exchange.end()
        self._read_on()
        if self._leftover is not None:
            self._leftover = None
            self._rest()

    def _answered(self) -> None:
        """The answer to a request is complete: what waits behind it is next."""
        self._state.total_requests += 1
        if self.transport.is_closing():
            return
        following = self._waiting.popleft() if self._waiting else None
        self._read_on()
        if following is not None:
            self._start(following)
        elif not self._in_body:
            self._rest()
        else:
            # A connection that is closed at once would take the answer along, which many read only when they have
            # sent everything. A body that is somewhat over the limit is read to its end, and no more than twice it.
            self._leftover = 2 * self._limits.max_body_bytes
            self._in_time()
            self._late = self._loop.call_later(LEFTOVER_S, self.transport.close)

    def _read_on(self) -> None:
        """Read again, unless enough requests wait for their turn."""
        if len(self._waiting) < MAX_WAITING:
            self._flow.resume_reading()

    def shutdown(self) -> None:
        """End once this connection's answer is complete, or, where there is none, once all others are.

        Until then a connection that is open already can be asked once more, so that who looks for readiness hears no.
        """
        self._draining = True
        if self._exchange is not None and not self._exchange.complete:
            self._exchange.keep_alive = False
        elif not self._state.tasks:
            self.transport.close()
        else:
            self._loop.call_later(DRAINING_POLL_S, self._drain)

    def _drain(self) -> None:
        if not self.transport.is_closing():
            self.shutdown()

    def pause_writing(self) -> None:
        """More is waiting to be written than the caller takes: one who takes nothing for long is dropped."""
        self._flow.pause_writing()
        self._stalled = self._loop.call_later(self._limits.write_stall_timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        """The caller took it."""
        self._flowing()
        self._flow.resume_writing()

    def _flowing(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _start(self, exchange: Exchange) -> None:
        if self._draining:
            exchange.keep_alive = False
        task = self._loop.create_task(exchange.run(self._app), context=Context())
        self._answering = task, exchange
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)

    def _leave(self) -> None:
        """End the task that answers: nobody hears it any more."""
        if self._answering is None:
            return
        (task, exchange), self._answering = self._answering, None
        if not exchange.complete:
            exchange.leave()
            exchange.scope[CALLER_LEFT] = True
            task.cancel()

    def _stay(self) -> None:
        # The parser takes the body of such a request for what follows the upgrade; without one, it is like any other.
        if any(name in (b"content-length", b"transfer-encoding") for name, _ in self._headers):
            what = "this server does not upgrade connections: send the request without the header `upgrade`"
            self._refuse(InvalidRequest(what, code="upgrade_not_supported"))

    def _oversize(self) -> httptools.HttpParserError:
        self._refusal = self._too_large()
        return httptools.HttpParserError(self._refusal.message)

    def _too_large(self) -> HeadersTooLarge:
        limit = self._limits.max_header_bytes
        return HeadersTooLarge(
            f"the request's headers are too large: at most {MAX_HEADERS} headers of {limit} bytes in all"
        )

    def _rest(self) -> None:
        """Wait for another request, not for ever. One timer serves many waits: it is set anew where it comes early."""
        self._idle_since = self._loop.time()
        if self._idle is None:
            self._idle = self._loop.call_later(self._keep_alive_s, self._rested)

    def _rested(self) -> None:
        self._idle = None
        if self._in_head or self._in_body or self._exchange is None or not self._exchange.complete:
            return
        left_s = self._idle_since + self._keep_alive_s - self._loop.time()
        if left_s > 0:
            self._idle = self._loop.call_later(left_s, self._rested)
        else:
            self.transport.close()

    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _expect(self, seconds: float, late: Callable[[], None]) -> None:
        """Wait so long for bytes, and then for what is there already: it may be this process that was held up."""
        self._late = self._loop.call_later(seconds, self._look_again, late)

    def _look_again(self, late: Callable[[], None]) -> None:
        self._late = self._loop.call_later(LAST_LOOK_S, late)  # a turn of the loop, which reads before it calls

    def _headers_late(self) -> None:
        if self._flow.read_paused:  # it is us who do not read
            self._expect(self._limits.header_timeout_s, self._headers_late)
            return
        self._refuse(RequestTimeout(f"the headers did not arrive within {self._limits.header_timeout_s:g} seconds"))

    def _body_late(self) -> None:
        if self._flow.read_paused:
            self._expect(self._limits.body_idle_timeout_s, self._body_late)
            return
        idle_s = self._limits.body_idle_timeout_s
        self._refuse(RequestTimeout(f"the body did not arrive: {idle_s:g} seconds without a byte"))

    def _refuse(self, error: StackError) -> None:
        """Refuse what cannot be given to the app, and close; within an answer, only close."""
        if self.transport.is_closing():
            return
        answering = self._answering[1] if self._answering else None
        self._leave()
        if answering is not None and answering.started and not answering.complete:
            self.transport.close()
            return
        body = pydantic_core.to_json(error.envelope())
        self.transport.write(
            b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"
            % (error.status, _REASON[error.status], len(body), body)
        )
        self.transport.close()


def _framing_fault(version: str, hosts: list[bytes], coding: bytes | None) -> InvalidRequest | None:
    """What the parser takes and a proxy before us may read in another way. coding: the header `transfer-encoding`."""
    if version == "1.1":
        if not hosts:
            return InvalidRequest("the request has no header `host`", code="invalid_http")
        if coding is None or coding.lower() == b"chunked":
            return None
        return InvalidRequest("the only transfer coding that this server reads is `chunked`", code="invalid_http")
    if version != "1.0":
        return InvalidRequest("this server speaks HTTP/1.0 and HTTP/1.1", code="invalid_http")
    if coding is not None:
        return InvalidRequest("HTTP/1.0 has no header `transfer-encoding`", code="invalid_http")
    return None
