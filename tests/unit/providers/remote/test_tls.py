"""Connections over TLS: whole both ways, no more read than asked for, and cut ones told from those that end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stack.errors import UpstreamError
from stack.providers.remote import upstream as module
from stack.providers.remote.upstream import Limits, Upstream, UpstreamRequest
from stack.testing.http import Connection as Peer
from stack.testing.http import Request
from stack.testing.tls import server_context, trusting_context

BODY = random.Random(3).randbytes(3 << 20)
HEAD = b"HTTP/1.1 200 OK\r\n"
Start = Callable[..., Any]


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    monkeypatch.setattr(module, "_tls_context", trusting_context)
    upstream = Upstream("up", Limits(connect_timeout_s=60))
    yield upstream
    upstream.close()


async def ask(client: Upstream, url: str, body: bytes = b"") -> bytes:
    return await (await client.send(UpstreamRequest("POST", url, body=body), None)).read()


async def test_large_bodies_are_whole_both_ways(client: Upstream, answering: Start):
    async def echo(peer: Peer, request: Request) -> None:
        await peer.send(HEAD + b"content-length: %d\r\n\r\n" % len(request.body) + request.body)

    server = await answering(echo, tls=server_context())
    assert [await ask(client, server.origin, body) == body for body in (BODY, b"x", BODY)] == [True] * 3
    assert server.accepted == 1


async def test_a_body_that_is_not_read_stops_the_upstream(client: Upstream, answering: Start):
    sent, done = 0, asyncio.Event()

    async def large(peer: Peer, _: Request) -> None:
        nonlocal sent
        await peer.send(HEAD + b"content-length: %d\r\n\r\n" % (16 * len(BODY)))
        for _ in range(16):
            await peer.send(BODY)
            sent += len(BODY)
        done.set()

    server = await answering(large, tls=server_context())
    response = await client.send(UpstreamRequest("GET", server.origin), None)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(done.wait(), 0.3)
    assert sent < 8 * len(BODY)
    assert [len(block) async for block in response.blocks()].pop() > 0
    async with asyncio.timeout(60):
        await done.wait()


@pytest.mark.parametrize("goodbye", [True, False])
async def test_only_a_goodbye_ends_a_body_without_a_length(client: Upstream, answering: Start, goodbye: bool):
    async def until_close(peer: Peer, _: Request) -> None:
        await peer.send(HEAD + b"\r\nwhole?")
        await peer.pause(0.05)
        peer.close() if goodbye else peer.abort()

    server = await answering(until_close, tls=server_context())
    if goodbye:
        assert await ask(client, server.origin) == b"whole?"
        return
    with pytest.raises(UpstreamError) as raised:
        await ask(client, server.origin)
    assert raised.value.code == "upstream_reset"


@pytest.mark.parametrize(("closes", "status"), [(True, 502), (False, 504)])
async def test_a_handshake_that_is_not_finished_is_a_tls_failure(client: Upstream, closes: bool, status: int):
    client.limits = Limits(connect_timeout_s=60 if closes else 2)  # the name and the port take none of it
    left = asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100) if closes else await reader.read()
        writer.close()
        left.set()

    async with await asyncio.start_server(mute, "127.0.0.1") as listener:
        port = listener.sockets[0].getsockname()[1]
        with pytest.raises(UpstreamError) as raised:
            await ask(client, f"https://127.0.0.1:{port}/")
        await left.wait()
    error = raised.value
    assert (error.status, error.code, error.phase, error.retryable) == (status, "upstream_tls", "tls", True)
