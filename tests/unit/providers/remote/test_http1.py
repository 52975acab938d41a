"""Connections to upstreams: which ones serve again, what is refused, and that nobody reads more than he asked for."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from stack.errors import UpstreamError
from stack.providers.remote.http1 import READ_BYTES, Broken, Connection
from stack.providers.remote.upstream import Limits, Upstream, UpstreamRequest
from stack.testing.http import Connection as Peer
from stack.testing.http import HttpServer, Request

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
FORGED = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
CUT = b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf"
Start = Callable[..., Any]


@pytest.fixture
def client():
    upstream = Upstream("up", Limits(connect_timeout_s=60, max_body_bytes=64 << 20))
    yield upstream
    upstream.close()


async def ask(client: Upstream, server: HttpServer, body: bytes = b"") -> bytes:
    response = await client.send(UpstreamRequest("POST" if body else "GET", f"{server.origin}/", body=body), "key")
    return await response.read()


REUSABLE = {
    "a length": (OK, b"ok"),
    "chunks": (CHUNKED + b"1\r\no\r\n1;x=y\r\nk\r\n0\r\n\r\n", b"ok"),
    "chunks and trailers": (CHUNKED + b"2\r\nok\r\n0\r\nx-sum: 1\r\n\r\n", b"ok"),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "an interim answer before": (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + OK, b"ok"),
}


@pytest.mark.parametrize("case", REUSABLE)
async def test_a_connection_serves_again_after_a_whole_answer(client: Upstream, answering: Start, case: str):
    sent, body = REUSABLE[case]
    server = await answering(sent)
    assert [await ask(client, server) for _ in range(3)] == [body] * 3
    assert server.accepted == 1


ONCE = {
    "a forged answer behind": OK + FORGED,
    "the beginning of another answer": OK + b"H",
    "bytes that are no HTTP": OK + b"\0",
    "a longer body than promised": OK + b"more",
    "connection: close": OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"),
    "HTTP/1.0": OK.replace(b"1.1", b"1.0"),
    "a forged answer behind the last chunk": CHUNKED + b"2\r\nok\r\n0\r\n\r\n" + FORGED,
}


@pytest.mark.parametrize("case", ONCE)
async def test_a_connection_that_cannot_be_trusted_serves_once(client: Upstream, answering: Start, case: str):
    server = await answering(ONCE[case])
    assert [await ask(client, server) for _ in range(3)] == [b"ok"] * 3
    assert server.accepted == 3


async def test_a_body_without_a_length_ends_with_the_connection(client: Upstream, answering: Start):
    async def until_close(peer: Peer, _: Request) -> None:
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\no")
        await peer.send(b"k")
        peer.close()

    server = await answering(until_close)
    assert [await ask(client, server) for _ in range(2)] == [b"ok"] * 2


async def test_what_arrives_while_nothing_was_asked_drops_the_connection(client: Upstream, answering: Start):
    sent = asyncio.Event()

    async def unasked(peer: Peer, _: Request) -> None:
        await peer.send(OK)
        await peer.pause(0.05)
        await peer.send(FORGED)
        sent.set()

    server = await answering(unasked)
    assert await ask(client, server) == b"ok"
    await sent.wait()
    assert await ask(client, server) == b"ok"
    assert server.accepted == 2


async def test_an_idle_connection_that_the_upstream_closes_costs_nothing(client: Upstream, answering: Start):
    async def close_behind(peer: Peer, _: Request) -> None:
        await peer.send(OK)
        peer.close()

    server = await answering(close_behind)
    assert [await ask(client, server) for _ in range(3)] == [b"ok"] * 3


async def test_a_stale_connection_is_replaced_once_and_only_if_nothing_came_back(client: Upstream, answering: Start):
    answers = iter([OK, b"", OK, b"HTTP/1.1 2", b""])

    async def scripted(peer: Peer, _: Request) -> None:
        await peer.send(answer := next(answers))
        if answer != OK:
            peer.close()

    server = await answering(scripted)
    assert [await ask(client, server) for _ in range(2)] == [b"ok"] * 2
    for accepted in (2, 3):  # bytes had come on the kept connection; then a new one was closed
        with pytest.raises(UpstreamError) as raised:
            await ask(client, server)
        assert (raised.value.code, server.accepted) == ("upstream_reset", accepted)


BAD = {
    "length and chunks": CHUNKED.replace(b"\r\n\r\n", b"\r\ncontent-length: 9\r\n\r\n") + b"0\r\n\r\n" + FORGED,
    "two lengths": OK.replace(b"\r\n\r\n", b"\r\ncontent-length: 3\r\n\r\n"),
    "a length that is no number": OK.replace(b": 2", b": two"),
    "bare line feeds": OK.replace(b"\r\n", b"\n"),
    "a space before the colon": OK.replace(b"length:", b"length :"),
    "a folded header": OK.replace(b"\r\n\r\n", b"\r\nx-a: b\r\n c\r\n\r\n"),
    "a control character": OK.replace(b"\r\n\r\n", b"\r\nx-a: b\x01\r\n\r\n"),
    "a null": OK.replace(b"\r\n\r\n", b"\r\nx-a: \0\r\n\r\n"),
    "a bad chunk size": CHUNKED + b"size?\r\n{}\r\n0\r\n\r\n",
    "an upgrade": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
}


@pytest.mark.parametrize("case", BAD)
async def test_an_answer_that_is_not_http_is_refused(client: Upstream, answering: Start, case: str):
    server = await answering(BAD[case])
    with pytest.raises(UpstreamError) as raised:
        await ask(client, server)
    assert (raised.value.status, raised.value.code) == (502, "upstream_bad_response")


ENDLESS = {
    "a header": (b"HTTP/1.1 200 OK\r\nx-a: ", b"y" * 4096),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"x-a: y\r\n" * 500),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "a reason": (b"HTTP/1.1 200 ", b"because " * 500),
    "a trailer": (CHUNKED + b"2\r\nok\r\n0\r\nx-a: ", b"y" * 4096),
    "a chunk's extension": (CHUNKED + b"2;x=", b"y" * 4096),
}


@pytest.mark.parametrize("case", ENDLESS)
async def test_what_never_ends_is_cut_off(client: Upstream, answering: Start, case: str):
    begin, again = ENDLESS[case]
    sent = 0

    async def endless(peer: Peer, _: Request) -> None:
        nonlocal sent
        await peer.send(begin)
        while True:
            await peer.send(again)
            sent += len(again)

    server = await answering(endless)
    with pytest.raises(UpstreamError) as raised:
        await ask(client, server)
    assert raised.value.code == "upstream_too_large"
    assert sent < 16 << 20


CUTS = {
    "before a byte": b"",
    "inside the head": b"HTTP/1.1 200 OK\r\ncontent-",
    "inside a body of known length": CUT,
    "inside chunks": CHUNKED + b"5\r\nha",
    "before the last chunk": CHUNKED + b"2\r\nok\r\n",
}


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("case", CUTS)
async def test_an_answer_that_is_cut_is_never_taken_for_whole(
    client: Upstream, answering: Start, case: str, reset: bool
):
    async def cut(peer: Peer, _: Request) -> None:
        await peer.send(CUTS[case])
        await peer.reset() if reset else peer.close()

    with pytest.raises(UpstreamError) as raised:
        await ask(client, await answering(cut))
    assert (raised.value.status, raised.value.code) == (502, "upstream_reset")


async def test_a_body_that_is_not_read_stops_the_upstream(client: Upstream, answering: Start):
    size, sent, done = 32 << 20, 0, asyncio.Event()

    async def large(peer: Peer, _: Request) -> None:
        nonlocal sent
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        while sent < size:
            await peer.send(b"x" * (1 << 16))
            sent += 1 << 16
        done.set()

    server = await answering(large)
    response = await client.send(UpstreamRequest("GET", f"{server.origin}/"), None)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(done.wait(), 0.3)
    assert sent < size / 2
    assert len(await response.read()) == size


async def test_an_answer_before_the_whole_request_costs_the_connection(client: Upstream):
    closed: list[asyncio.Event] = []

    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        closed.append(asyncio.Event())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        while await reader.read(1 << 16):
            pass
        writer.close()
        closed.pop().set()

    listener = await asyncio.start_server(early, "127.0.0.1")
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"
    response = await client.send(UpstreamRequest("POST", url, body=b"x" * (32 << 20)), None)
    left = closed[0]
    assert await response.read() == b"ok"
    async with asyncio.timeout(60):
        await left.wait()
    listener.close()


@pytest.fixture
async def pair():
    """A connection and the blocking socket at its other end."""
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(lambda: Connection(loop), sock=ours)
    yield connection, theirs
    connection.abort()
    theirs.close()


async def test_an_answer_that_was_not_read_whole_costs_the_connection(pair: tuple[Connection, socket.socket]):
    connection, peer = pair
    connection.send(b"GET / HTTP/1.1\r\n\r\n", b"")
    size = READ_BYTES + 1
    peer.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + b"x" * size)
    while not connection.has_body:
        await connection.wait(asyncio.get_running_loop().time() + 60)
    assert not connection.finish()


async def test_a_connection_lost_before_it_is_used_breaks_the_exchange(pair: tuple[Connection, socket.socket]):
    connection, peer = pair
    peer.sendall(b"who is there?")
    while not connection.closed:
        await asyncio.sleep(0)
    with pytest.raises(Broken):
        connection.send(b"GET / HTTP/1.1\r\n\r\n", b"")
    assert not connection.finish()


async def test_a_wait_ends_at_its_time_and_not_at_that_of_the_one_before(pair: tuple[Connection, socket.socket]):
    connection, peer = pair
    now = asyncio.get_running_loop().time
    connection.send(b"GET / HTTP/1.1\r\n\r\n", b"")
    peer.sendall(b"HTTP/1.1 200 OK\r\n")
    await connection.wait(now() + 60)
    for until in (now() + 0.02, now() + 0.05):
        with pytest.raises(TimeoutError):
            await connection.wait(until)
        assert now() >= until - 0.01


async def test_an_answer_is_not_late_because_this_process_was_held_up(pair: tuple[Connection, socket.socket]):
    connection, peer = pair
    loop = asyncio.get_running_loop()
    bell, ear = socket.socketpair()
    connection.send(b"GET / HTTP/1.1\r\n\r\n", b"")

    def hold_up() -> None:
        loop.remove_reader(ear)
        peer.sendall(OK)
        time.sleep(0.1)  # longer than the upstream may take, which has answered

    with bell, ear:
        loop.add_reader(ear, hold_up)
        bell.send(b"!")
        await connection.wait(loop.time() + 0.05)
    assert connection.has_head
