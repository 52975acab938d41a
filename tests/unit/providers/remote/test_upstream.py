"""The pool of connections to one provider: bodies that are decoded, TLS, and what is never sent."""

from __future__ import annotations

import asyncio
import gzip
import random
import socket
import threading
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from stack.errors import BadUpstreamReply, InvalidRequest, UpstreamError
from stack.providers.remote import upstream as module
from stack.providers.remote.upstream import Limits, Upstream, UpstreamRequest
from stack.testing.http import Connection, HttpServer, Request
from stack.testing.tls import server_context, trusting_context

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
TEXT = random.Random(7).randbytes(200_000).hex().encode()
Start = Callable[..., Any]


@pytest.fixture
def client():
    upstream = Upstream("up", Limits(connect_timeout_s=60, max_body_bytes=1 << 20))
    yield upstream
    upstream.close()


async def ask(client: Upstream, server: HttpServer, host: str = "127.0.0.1", credential: str | None = None) -> bytes:
    url = server.origin.replace("127.0.0.1", host)
    response = await client.send(UpstreamRequest("GET", f"{url}/"), credential)
    return await response.read()


def encoded(encoding: str, body: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\ncontent-encoding: %s\r\ncontent-length: %d\r\n\r\n" % (encoding.encode(), len(body)) + body
    )


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("gzip", gzip.compress(TEXT)), ("deflate", zlib.compress(TEXT)), ("GZIP", gzip.compress(TEXT))],
)
async def test_a_compressed_body_that_nobody_asked_for_is_decoded(
    client: Upstream, answering: Start, encoding: str, body: bytes
):
    server = await answering(encoded(encoding, body))
    assert [await ask(client, server) for _ in range(2)] == [TEXT] * 2
    assert server.accepted == 1


@pytest.mark.parametrize(
    ("encoding", "body", "code"),
    [
        ("gzip", gzip.compress(b"x" * (2 << 20)), "upstream_too_large"),
        ("gzip", gzip.compress(TEXT)[:-20], "upstream_bad_response"),
        ("gzip", TEXT, "upstream_bad_response"),
        ("gzip", gzip.compress(b"a") + b"x" * (2 << 20), "upstream_bad_response"),
        ("gzip", b"", "upstream_bad_response"),
        ("br", TEXT, "upstream_bad_response"),
    ],
)
async def test_a_compressed_body_that_is_wrong_or_too_large_is_refused(
    client: Upstream, answering: Start, encoding: str, body: bytes, code: str
):
    server = await answering(encoded(encoding, body))
    with pytest.raises(BadUpstreamReply) as raised:
        await ask(client, server)
    assert raised.value.code == code


async def test_calls_with_other_credentials_use_other_connections(client: Upstream, answering: Start):
    server = await answering(OK)
    for credential in ("a", "b", None, "a", "b", None):
        await ask(client, server, credential=credential)
    assert server.accepted == 3


async def test_a_connection_that_nobody_uses_is_closed(
    client: Upstream, answering: Start, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "IDLE_S", 0.05)
    server = await answering(OK)
    await ask(client, server)
    (peer,) = server.connections
    async with asyncio.timeout(60):
        await peer.gone.wait()


async def test_no_more_connections_are_kept_than_the_limit_whoever_used_them(
    client: Upstream, answering: Start, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "MAX_IDLE", 4)
    everyone = asyncio.Barrier(8)

    async def together(connection: Connection, _: Request) -> None:
        await everyone.wait()
        await connection.send(OK)

    server = await answering(together)
    await asyncio.gather(*(ask(client, server) for _ in range(8)))
    assert server.accepted == 8
    assert sum(map(len, client._idle.values())) <= 4


async def test_closing_ends_the_answers_that_are_read(client: Upstream, answering: Start):
    server = await answering(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
    response = await client.send(UpstreamRequest("GET", f"{server.origin}/"), None)
    reading = asyncio.create_task(response.read())
    await asyncio.sleep(0)
    client.close()
    with pytest.raises(UpstreamError, match="closed the connection"):
        await reading


async def test_a_certificate_that_nobody_signed_is_refused(client: Upstream, answering: Start):
    server = await answering(OK, tls=server_context())
    with pytest.raises(UpstreamError) as raised:
        await ask(client, server)
    error = raised.value
    assert (error.status, error.code, error.phase, error.retryable) == (502, "upstream_tls", "tls", False)


async def test_a_certificate_of_another_name_is_refused(
    client: Upstream, answering: Start, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "_tls_context", trusting_context)
    server = await answering(OK, tls=server_context(), host="127.0.0.2")
    with pytest.raises(UpstreamError) as raised:
        await ask(client, server)
    assert raised.value.code == "upstream_tls"


async def test_a_server_that_speaks_no_tls_is_a_tls_failure(client: Upstream):
    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1") as listener:
        port = listener.sockets[0].getsockname()[1]
        with pytest.raises(UpstreamError) as raised:
            await client.send(UpstreamRequest("GET", f"https://127.0.0.1:{port}/"), None)
    assert raised.value.code == "upstream_tls"


async def test_connections_over_tls_serve_again(client: Upstream, answering: Start, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_tls_context", trusting_context)
    server = await answering(OK, tls=server_context())
    assert [await ask(client, server) for _ in range(5)] == [b"ok"] * 5
    assert server.accepted == 1


async def test_a_name_that_is_not_told_in_time_is_a_dns_failure(monkeypatch: pytest.MonkeyPatch):
    told = threading.Event()
    loop = asyncio.new_event_loop()  # this machine's own way to names, whichever loop the tests run in
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: told.wait(60) and [])
    client = Upstream("up", Limits(connect_timeout_s=0.05))
    sending = client.send(UpstreamRequest("GET", "http://slow.example/"), None)
    with pytest.raises(UpstreamError) as raised:
        await asyncio.to_thread(loop.run_until_complete, sending)
    told.set()
    await asyncio.to_thread(loop.run_until_complete, loop.shutdown_default_executor())
    loop.close()
    assert (raised.value.status, raised.value.code, raised.value.phase) == (504, "upstream_dns", "dns")


@pytest.mark.parametrize("bad", ["a\r\nx-forged: 1", "a\nb", "a\rb", "a\0b"])
async def test_a_header_that_would_become_two_is_not_sent(client: Upstream, answering: Start, bad: str):
    server = await answering(OK)
    with pytest.raises(InvalidRequest, match="line break"):
        await client.send(UpstreamRequest("GET", f"{server.origin}/", {"authorization": bad}), None)
    assert server.accepted == 0


@pytest.mark.parametrize(
    "url", ["ftp://host/v1", "http://user:secret@host/v1", "host/v1", "http://:80/v1", "http://h:x/"]
)
async def test_an_address_that_is_none_is_told_without_its_secrets(client: Upstream, url: str):
    with pytest.raises(UpstreamError, match="base URL") as raised:
        await client.send(UpstreamRequest("GET", url), None)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/v1/a b", "/v1/a%20b"),
        ("/v1/a%2Fb", "/v1/a%2Fb"),
        ("/v1/é", "/v1/%C3%A9"),
        ("/v1?x=1", "/v1?x=1"),
        ("", "/"),
        ("/v1\r\nx: y", "/v1x:%20y"),
    ],
)
async def test_a_path_is_one_word_of_the_request_line(client: Upstream, answering: Start, path: str, target: str):
    seen: list[str] = []

    async def keep(peer: Any, request: Any) -> None:
        seen.append(request.target)
        await peer.send(OK)

    server = await answering(keep)
    await client.send(UpstreamRequest("GET", server.origin + path), None)
    assert seen == [target]
