"""A real server on a loopback socket around any ASGI app, and callers who write bytes."""

from __future__ import annotations

import asyncio
import selectors
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest
import uvicorn
import uvloop
from uvicorn.server import ServerState

from stack.config.models import ServerConfig
from stack.server.protocol import Protocol

PATIENCE_S = 30.0
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class Clock(selectors.DefaultSelector):
    """Waits for nothing: time skips to where the loop would have waited until."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        self.now += timeout or 0.0
        return super().select(0)


class SkippingLoop(asyncio.SelectorEventLoop):
    """A loop whose time goes on only while everybody waits, and then at once."""

    def __init__(self) -> None:
        self.clock = Clock()
        super().__init__(self.clock)

    def time(self) -> float:
        return self.clock.now


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.path.name == "test_room.py":
        return {"skipping": SkippingLoop}
    return LOOPS if item.path.name == "test_protocol.py" else {"asyncio": asyncio.new_event_loop}


class Listening:
    """`await listening(app, header_timeout_s=0.1)`: the port of a server with these limits."""

    keep_alive_s: float = 60

    def __init__(self) -> None:
        self.state = ServerState()
        self.opened = AsyncExitStack()

    async def __call__(self, app: Any, **limits: Any) -> int:
        config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None, proxy_headers=False)
        config.timeout_keep_alive = self.keep_alive_s  # type: ignore[assignment]  # any number will do
        config.load()
        server = ServerConfig(**limits)
        listener = await asyncio.get_running_loop().create_server(
            lambda: Protocol(server, config, self.state, {}), "127.0.0.1"
        )
        self.opened.callback(listener.close)
        port: int = listener.sockets[0].getsockname()[1]
        return port


@pytest.fixture
async def listening() -> AsyncIterator[Listening]:
    made = Listening()
    async with made.opened:
        yield made
    while made.state.connections:  # before the loop ends, which would leave them to the garbage collector
        for connection in list(made.state.connections):
            connection.transport.abort()  # type: ignore[union-attr]
        await asyncio.sleep(0)


class Caller:
    """One connection, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def say(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self) -> bytes:
        """The next answer of known length."""
        async with asyncio.timeout(PATIENCE_S):
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
            return head + await self._reader.readexactly(length)

    async def until(self, mark: bytes) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            return await self._reader.readuntil(mark)

    async def rest(self) -> bytes:
        """Everything until the server closes."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._reader.read()

    def leave(self) -> None:
        self._writer.transport.abort()


@pytest.fixture
async def calling() -> AsyncIterator[Callable[..., Awaitable[Caller]]]:
    """`await calling(port, data)`: a caller who has said so much before the server sees him, and leaves after the test.

    What a server waits for is there then, however long this process is held up in between.
    """
    made: list[Caller] = []

    async def call(port: int, data: bytes = b"") -> Caller:
        connected = socket.create_connection(("127.0.0.1", port))
        connected.sendall(data)
        made.append(Caller(*await asyncio.open_connection(sock=connected)))
        return made[-1]

    yield call
    for each in made:
        each.leave()
