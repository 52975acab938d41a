"""An ASGI app answered in process, chunk by chunk, as a server on a socket would answer it.

The transport that comes with httpx2 runs the app to its end before it returns; here the caller reads while the app
writes, the app waits for a caller who is slow, and a caller who leaves takes the app with him.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextvars import Context
from typing import Any

import httpx2
import structlog

from stack.server.requests import CALLER_LEFT

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

GRACE_S = 5.0
_WITHOUT_CONTENT = (204, 304)

log = structlog.get_logger(__name__)


class AppTransport(httpx2.AsyncBaseTransport):
    """Sends requests to an ASGI app in the running event loop.

    An app that ends before its answer is complete is a `RemoteProtocolError` whose cause is the app's own exception:
    over HTTP it would be a broken connection. The read timeout of a request is kept.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._running: dict[asyncio.Task[None], Exchange] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        exchange = Exchange(self._app, request)
        self._running[exchange.task] = exchange
        exchange.task.add_done_callback(self._running.pop)
        try:
            return await exchange.response()
        except BaseException:
            await exchange.aclose()
            raise

    async def aclose(self) -> None:
        """Leave every unfinished answer, and give apps that have answered `GRACE_S` seconds to end."""
        await asyncio.gather(*(exchange.aclose() for exchange in self._running.values()))
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=GRACE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


class Exchange(httpx2.AsyncByteStream):
    """One request, the task that answers it, and, as a stream, the body of the answer."""

    def __init__(self, app: ASGIApp, request: httpx2.Request) -> None:
        assert isinstance(request.stream, httpx2.AsyncByteStream)
        self._request = request
        self._body: AsyncIterator[bytes] | None = aiter(request.stream)
        self._start: Message | None = None
        self._chunks: deque[bytes] = deque()
        self._complete = False
        self._caller_error: Exception | None = None
        self._app_error: Exception | None = None
        self._news = asyncio.Event()  # for the caller: the answer went on, or never will
        self._room = asyncio.Event()  # for the app: the caller took a chunk, or left
        self._over = asyncio.Event()  # nothing more will be written, or nobody reads it
        # A server hands the app none of its caller's context variables.
        self._scope = _scope(request)
        self.task = asyncio.create_task(self._run(app), context=Context())

    async def response(self) -> httpx2.Response:
        """Status and headers, as soon as the app has sent them.

        Raises RemoteProtocolError, ReadTimeout, or what reading the request's own body raised.
        """
        while self._start is None:
            await self._progress()
        headers = [(bytes(name), bytes(value)) for name, value in self._start.get("headers", ())]
        extensions = {"http_version": b"HTTP/1.1"}
        return httpx2.Response(self._start["status"], headers=headers, stream=self, extensions=extensions)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self._chunks or not self._complete:
            if self._chunks:
                chunk = self._chunks.popleft()
                self._room.set()
                yield chunk
            else:
                await self._progress()

    async def aclose(self) -> None:
        """Leave: an app that has not finished its answer is cancelled, and has ended when this returns."""
        self._end()
        if not self._complete:
            self._scope[CALLER_LEFT] = True
            self.task.cancel()
            await asyncio.wait({self.task})

    def _end(self) -> None:
        self._over.set()
        self._room.set()
        self._news.set()

    async def _progress(self) -> None:
        """Wait until there is something new to see; only called when there is nothing."""
        if self._over.is_set():
            raise self._failure()
        self._news.clear()
        limit_s = self._request.extensions.get("timeout", {}).get("read")
        try:
            async with asyncio.timeout(limit_s):
                await self._news.wait()
        except TimeoutError as error:
            raise httpx2.ReadTimeout(f"the app sent nothing for {limit_s} s") from error

    def _failure(self) -> Exception:
        if self._caller_error is not None:
            return self._caller_error
        reason = f"failed with `{type(self._app_error).__name__}`" if self._app_error else "ended"
        failure = httpx2.RemoteProtocolError(f"the app {reason} before its answer was complete")
        failure.__cause__ = self._app_error
        return failure

    async def _run(self, app: ASGIApp) -> None:
        try:
            await app(self._scope, self._receive, self._send)
        except Exception as error:
            self._app_error = error
            if self._complete:
                log.error("app failed after its answer", path=self._request.url.path, exc_info=error)
        finally:
            self._end()

    async def _receive(self) -> Message:
        if self._body is not None and not self._over.is_set():
            try:
                return {"type": "http.request", "body": await anext(self._body), "more_body": True}
            except StopAsyncIteration:
                self._body = None
                return {"type": "http.request", "body": b"", "more_body": False}
            except Exception as error:
                self._caller_error = error
                self._end()
        await self._over.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        match message["type"]:
            case "http.response.start" if self._start is None:
                self._start = message
            case "http.response.body" if self._start is not None and not self._complete:
                await self._write(message.get("body", b""), last=not message.get("more_body", False))
            case kind:
                raise httpx2.RemoteProtocolError(f"the app sent `{kind}` out of turn")
        self._news.set()

    async def _write(self, chunk: bytes, *, last: bool) -> None:
        # The end waits for nobody: a caller who stops at `[DONE]` must not look like one who left early.
        while self._chunks and not last and not self._over.is_set():
            self._room.clear()
            await self._room.wait()
        if self._over.is_set():
            await asyncio.sleep(0)  # servers drop what nobody reads; an app that never waits must still be cancelled
            return
        if chunk and self._has_content():
            self._chunks.append(bytes(chunk))
        if last:
            self._complete = True
            self._over.set()

    def _has_content(self) -> bool:
        assert self._start is not None
        return self._request.method != "HEAD" and self._start["status"] not in _WITHOUT_CONTENT


def _scope(request: httpx2.Request) -> MutableMapping[str, Any]:
    url = request.url
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": url.scheme,
        "path": url.path,
        "raw_path": url.raw_path.partition(b"?")[0],
        "query_string": url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "server": (url.host, url.port or (443 if url.scheme == "https" else 80)),
        "client": ("127.0.0.1", 0),
    }
