"""HTTP clients behind the interface by which `OpenAIMixin` calls its upstream: `send`, then `read` or `blocks`.

Each is set up as its documentation advises for a gateway: one pool, no redirects, no limit on connections, no cookies.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

from stack.providers.remote.upstream import Limits, Upstream, UpstreamRequest

CAP_BYTES = 1 << 20  # of a decoded body
PAUSE_BYTES = 1 << 18  # so much unread stops the transfer, where a client leaves that to its user


class Response(Protocol):
    status: int

    async def read(self) -> bytes: ...
    def blocks(self) -> AsyncIterator[bytes]: ...
    async def aclose(self) -> None: ...


class Client(Protocol):
    async def send(self, request: UpstreamRequest, credential: str | None) -> Response: ...
    async def aclose(self) -> None: ...


class Ours:
    """`stack.providers.remote.upstream`."""

    def __init__(self) -> None:
        self._upstream = Upstream("up", Limits(max_body_bytes=CAP_BYTES))
        self.send = self._upstream.send

    async def aclose(self) -> None:
        self._upstream.close()


class _Read:
    """A whole body of at most `CAP_BYTES`, from the blocks of a client that has no such limit."""

    def blocks(self) -> AsyncIterator[bytes]:
        raise NotImplementedError

    async def aclose(self) -> None:
        raise NotImplementedError

    async def read(self) -> bytes:
        parts, size = [], 0
        async for part in self.blocks():
            size += len(part)
            if size > CAP_BYTES:
                await self.aclose()
                raise ValueError("too large")
            parts.append(part)
        return b"".join(parts)


class Aiohttp:
    def __init__(self) -> None:
        import aiohttp

        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=60),
        )

    async def send(self, request: UpstreamRequest, credential: str | None) -> Response:
        response = await self._session.request(
            request.method, request.url, headers=request.headers, data=request.body, allow_redirects=False
        )
        return _AiohttpResponse(response)

    async def aclose(self) -> None:
        await self._session.close()


class _AiohttpResponse(_Read):
    def __init__(self, response: Any) -> None:
        self._response = response
        self.status: int = response.status

    async def blocks(self) -> AsyncIterator[bytes]:
        async for block in self._response.content.iter_any():
            yield block

    async def aclose(self) -> None:
        self._response.close()


class Httpx2:
    def __init__(self) -> None:
        import httpx2

        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
        self._client = httpx2.AsyncClient(
            limits=limits, timeout=httpx2.Timeout(60, connect=5, pool=None), follow_redirects=False, trust_env=False
        )

    async def send(self, request: UpstreamRequest, credential: str | None) -> Response:
        built = self._client.build_request(request.method, request.url, headers=request.headers, content=request.body)
        return _HttpxResponse(await self._client.send(built, stream=True))

    async def aclose(self) -> None:
        await self._client.aclose()


class _HttpxResponse(_Read):
    def __init__(self, response: Any) -> None:
        self._response = response
        self.status: int = response.status_code

    async def blocks(self) -> AsyncIterator[bytes]:
        async for block in self._response.aiter_bytes():
            yield block

    async def aclose(self) -> None:
        await self._response.aclose()


class Pycurl:
    """libcurl's multi interface, told by the loop of sockets and timers."""

    def __init__(self) -> None:
        import pycurl

        self._curl = pycurl
        self._loop = asyncio.get_running_loop()
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._socket)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        self._multi.setopt(pycurl.M_MAXCONNECTS, 256)
        self._timer: asyncio.TimerHandle | None = None
        self._transfers: dict[Any, _CurlTransfer] = {}
        self._spare: list[Any] = []

    async def send(self, request: UpstreamRequest, credential: str | None) -> Response:
        handle = self._spare.pop() if self._spare else self._curl.Curl()
        transfer = _CurlTransfer(handle, self)
        self._transfers[handle] = transfer
        for option, value in (
            (self._curl.URL, request.url),
            (self._curl.HTTPHEADER, [f"{name}: {value}" for name, value in request.headers.items()]),
            (self._curl.POSTFIELDS, request.body),
            (self._curl.WRITEFUNCTION, transfer.body),
            (self._curl.HEADERFUNCTION, transfer.header),
            (self._curl.FOLLOWLOCATION, 0),
            (self._curl.ACCEPT_ENCODING, "gzip"),  # or it would leave what is compressed as it is
            (self._curl.CONNECTTIMEOUT, 5),
            (self._curl.NOSIGNAL, 1),
        ):
            handle.setopt(option, value)
        self._multi.add_handle(handle)
        await transfer.begun
        return transfer

    async def aclose(self) -> None:
        for transfer in list(self._transfers.values()):
            self.drop(transfer, None)
        if self._timer is not None:
            self._timer.cancel()
        self._multi.close()

    def drop(self, transfer: _CurlTransfer, error: Exception | None) -> None:
        if self._transfers.pop(transfer.handle, None) is not None:
            self._multi.remove_handle(transfer.handle)
            transfer.handle.reset()
            self._spare.append(transfer.handle)
            transfer.end(error)

    def _socket(self, what: int, fd: int, multi: Any, data: Any) -> None:
        curl, loop = self._curl, self._loop
        for wanted, add, remove, event in (
            (curl.POLL_IN, loop.add_reader, loop.remove_reader, curl.CSELECT_IN),
            (curl.POLL_OUT, loop.add_writer, loop.remove_writer, curl.CSELECT_OUT),
        ):
            if what != curl.POLL_REMOVE and what & wanted:
                add(fd, self._act, fd, event)
            else:
                remove(fd)

    def _set_timer(self, milliseconds: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if milliseconds >= 0:
            self._timer = self._loop.call_later(milliseconds / 1000, self._act, self._curl.SOCKET_TIMEOUT, 0)

    def _act(self, fd: int, event: int) -> None:
        self._multi.socket_action(fd, event)
        _, done, failed = self._multi.info_read()
        for handle in done:
            self.drop(self._transfers[handle], None)
        for handle, _, message in failed:
            self.drop(self._transfers[handle], OSError(message))


class _CurlTransfer(_Read):
    def __init__(self, handle: Any, client: Pycurl) -> None:
        self.handle, self._client = handle, client
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.status = 0
        self._parts: list[bytes] = []
        self._size = 0
        self._paused = self._ended = False
        self._error: Exception | None = None
        self._arrived = asyncio.Event()

    def header(self, line: bytes) -> None:
        if line.startswith(b"HTTP/"):
            self.status = int(line.split(None, 2)[1])
        elif line == b"\r\n" and self.status >= 200 and not self.begun.done():
            self.begun.set_result(None)

    def body(self, data: bytes) -> int | None:
        if self._size > PAUSE_BYTES:
            self._paused = True
            return int(self._client._curl.WRITEFUNC_PAUSE)
        self._parts.append(data)
        self._size += len(data)
        self._arrived.set()
        return None

    def end(self, error: Exception | None) -> None:
        self._ended, self._error = True, error
        self._arrived.set()
        if not self.begun.done():
            self.begun.set_exception(error or OSError("no answer"))

    async def blocks(self) -> AsyncIterator[bytes]:
        while True:
            if self._parts:
                block, self._parts, self._size = b"".join(self._parts), [], 0
                yield block
                if self._paused and not self._ended:
                    self._paused = False
                    self.handle.pause(self._client._curl.PAUSE_CONT)
            elif self._ended:
                if self._error is not None:
                    raise self._error
                return
            else:
                self._arrived.clear()
                await self._arrived.wait()

    async def aclose(self) -> None:
        self._client.drop(self, None)


CLIENTS: dict[str, Callable[[], Client]] = {"stack": Ours, "aiohttp": Aiohttp, "httpx2": Httpx2, "pycurl": Pycurl}
