"""Requests are framed as HTTP says, and connections end as they should."""

from __future__ import annotations

import asyncio
import gc
import socket

import pytest

from stack.testing.http import CallerGone, HttpServer, parse_request

CHUNKED = b"POST /a?b=1&c=%20d HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n"
SIZED = b'POST /a HTTP/1.1\r\nX: 1\r\nx: 2\r\nContent-Length: 13\r\n\r\n{"model":"m"}'


def test_a_request_is_parsed_with_its_headers_joined():
    request, length = parse_request(SIZED + b"more")
    assert (request.method, request.headers["x"], request.model, length) == ("POST", "1, 2", "m", len(SIZED))


def test_a_chunked_request_is_joined():
    request, length = parse_request(CHUNKED)
    assert (request.json, request.path, request.query, length) == ([1, 2], "/a", {"b": "1", "c": " d"}, len(CHUNKED))


@pytest.mark.parametrize("whole", [CHUNKED, SIZED])
def test_an_incomplete_request_waits_for_its_rest(whole):
    assert [parse_request(whole[:cut]) for cut in range(len(whole))] == [None] * len(whole)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[]", b'{"model": 7}'])
def test_a_body_without_a_model_names_none(body):
    request, _ = parse_request(b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
    assert request.model == ""


@pytest.mark.parametrize(
    "data", [b"nonsense\r\n\r\n", CHUNKED.replace(b"3;x", b"z;x"), SIZED.replace(b"13", b"thirteen")]
)
def test_what_is_not_http_is_refused(data):
    with pytest.raises(ValueError, match=r".+"):
        parse_request(data)


async def test_pipelined_requests_are_answered_in_order(call, upstream):
    caller = await call(upstream.port)
    for model in ("a", "b"):
        caller.send("/v1/chat/completions", {"model": model})
    assert [(await caller.hear_one()).json["model"] for _ in "ab"] == ["a", "b"]


async def test_a_malformed_request_gets_400_and_the_connection_ends(call, upstream):
    caller = await call(upstream.port)
    caller.writer.write(b"nonsense\r\n\r\n")
    heard = await caller.hear()
    assert (heard.status, heard.ended) == (400, "eof")


async def test_a_pause_ends_when_the_caller_leaves(call):
    left = asyncio.Event()

    async def wait(connection, request):
        try:
            await connection.pause(60)
        except CallerGone:
            left.set()
            raise

    async with HttpServer(wait) as server:
        caller = await call(server.port)
        caller.send("/")
        await caller.writer.drain()
        await caller.close()
        await asyncio.wait_for(left.wait(), 60)


async def silent(connection, request):
    await connection.gone.wait()


async def ended(caller):
    """Whether the server has closed its side of a socket."""
    try:
        return await asyncio.to_thread(caller.recv, 1) == b""
    except ConnectionResetError:
        return True


TURNS = pytest.mark.parametrize("turns", range(6))  # of the loop: the connection is taken, made, and served


@TURNS
async def test_stopping_leaves_nothing_of_a_connection_that_has_just_come(turns):
    async with HttpServer(silent) as server:
        caller = socket.create_connection((server.host, server.port))
        for _ in range(turns):
            await asyncio.sleep(0)
    with caller:
        assert await ended(caller)
    gc.collect()  # what was left open says so here


@TURNS
async def test_refusing_drops_a_connection_that_has_just_come(turns):
    async with HttpServer(silent) as server:
        with socket.create_connection((server.host, server.port)) as caller:
            for _ in range(turns):
                await asyncio.sleep(0)
            server.refuse()
            assert await ended(caller)
    gc.collect()


async def test_stopping_drops_connections_that_are_still_answered(call, upstream):
    caller = await call(upstream.port)
    caller.send("/v1/chat/completions", {"model": "fault-hang-midstream-1", "stream": True})
    await caller.reader.readuntil(b"\n\n")
    await upstream.__aexit__()
    assert (await caller.hear()).ended in ("eof", "reset")
