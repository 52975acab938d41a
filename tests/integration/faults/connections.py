"""Callers of one request each, by the hundred in one loop; and a port that takes no more connections."""

from __future__ import annotations

import asyncio
import io
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any

from integration.wire import Heard, asking, hear, posting

from stack.testing.answers import encode
from stack.testing.http import HOST


def chat(fault: str, *, stream: bool = False, **headers: object) -> bytes:
    """A whole chat request for `one_provider.yaml`; its connection ends with the answer."""
    return posting(encode(asking(f"faulty/{fault}", stream=stream)), connection="close", **headers)


class Recorded(io.BytesIO):
    """What a connection has brought, for a reader of sockets."""

    def makefile(self, *_: Any) -> io.BytesIO:
        return self


@asynccontextmanager
async def caller(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection of one's own."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def ask(port: int, request: bytes) -> Heard:
    """The answer to a request that closes its connection. Raises http.client.HTTPException if it is cut off."""
    async with caller(port) as (reader, writer):
        writer.write(request)
        return heard(await reader.read())


def heard(data: bytes) -> Heard:
    """One answer, of all the bytes that came."""
    return hear(Recorded(data))  # type: ignore[arg-type]  # it reads no more of a socket than this


@contextmanager
def unaccepting() -> Iterator[int]:
    """A port whose queue of connections is full: a further one is neither taken nor refused."""
    with ExitStack() as opened:
        listener = opened.enter_context(socket.create_server((HOST, 0), backlog=0))
        for _ in range(8):
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        port: int = listener.getsockname()[1]
        yield port
