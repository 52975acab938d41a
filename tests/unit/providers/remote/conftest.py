"""The client towards upstreams runs in asyncio's loop (in process) and in uvloop's (served): both are tested."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack

import pytest
import uvloop

from stack.testing.http import Connection, HttpServer, Request

Handler = Callable[[Connection, Request], Awaitable[None]]
SERVED = ("test_dial.py", "test_http1.py", "test_tls.py", "test_upstream.py")
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return LOOPS if item.path.name in SERVED else {"asyncio": asyncio.new_event_loop}


@pytest.fixture
async def answering() -> AsyncIterator[Callable[..., Awaitable[HttpServer]]]:
    """`await answering(handler)`: a server whose every byte is the handler's, or these bytes for each request."""
    async with AsyncExitStack() as stack:

        async def start(answer: Handler | bytes, **more: object) -> HttpServer:
            handler = says(answer) if isinstance(answer, bytes) else answer
            return await stack.enter_async_context(HttpServer(handler, **more))  # type: ignore[arg-type]

        yield start


def says(data: bytes) -> Handler:
    async def answer(connection: Connection, _: Request) -> None:
        await connection.send(data)

    return answer
