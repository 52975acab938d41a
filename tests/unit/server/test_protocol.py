"""HTTP as it is spoken to us: limits on what a caller sends and how slowly, and the end of an answer nobody reads."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

import pytest

from stack.server.protocol import MAX_WAITING
from stack.server.requests import CALLER_LEFT

Start = Callable[..., Any]
GOOD = b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}"
HEAD = b"GET / HTTP/1.1\r\nhost: localhost\r\n"
PATIENCE_S = 30.0


class App:
    """Answers with the body it got, once `ready`; remembers whom it answered and who left."""

    def __init__(self, stream: bool = False) -> None:
        self.stream = stream
        self.ready = asyncio.Event()
        self.ready.set()
        self.entered = asyncio.Event()
        self.left = asyncio.Event()
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self._answer(receive, send)
        except asyncio.CancelledError:
            assert scope[CALLER_LEFT]
            self.left.set()

    async def _answer(self, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        self.bodies.append(body)
        length = [] if self.stream else [(b"content-length", b"%d" % len(body))]
        if self.stream:
            await send({"type": "http.response.start", "status": 200, "headers": length})
            await send({"type": "http.response.body", "body": b"first part", "more_body": True})
        self.entered.set()
        await self.ready.wait()
        if not self.stream:
            await send({"type": "http.response.start", "status": 200, "headers": length})
        await send({"type": "http.response.body", "body": body})


REFUSED = {
    "one large header": (HEAD + b"x: " + b"y" * 2000 + b"\r\n\r\n", 431, "headers_too_large"),
    "many headers": (HEAD + b"x: y\r\n" * 201 + b"\r\n", 431, "headers_too_large"),
    "a long path": (b"GET /" + b"y" * 2000 + b" HTTP/1.1\r\n\r\n", 431, "headers_too_large"),
    "length and chunks": (GOOD.replace(b"\r\n\r\n", b"\r\ntransfer-encoding: chunked\r\n\r\n"), 400, "invalid_http"),
    "chunks of gzip": (GOOD.replace(b"content-length: 2", b"transfer-encoding: gzip, chunked"), 400, "invalid_http"),
    "chunks in HTTP/1.0": (
        GOOD.replace(b"content-length: 2", b"transfer-encoding: chunked").replace(b"/1.1", b"/1.0"),
        400,
        "invalid_http",
    ),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400, "invalid_http"),
    "HTTP/2.0": (GOOD.replace(b"/1.1", b"/2.0"), 400, "invalid_http"),
    "no host": (GOOD.replace(b"host: localhost\r\n", b""), 400, "invalid_http"),
    "two hosts": (GOOD.replace(b"host", b"Host: evil.example\r\nhost"), 400, "invalid_http"),
    "a foreign host": (GOOD.replace(b"localhost", b"evil.example"), 403, "bad_host"),
    "two lengths": (GOOD.replace(b"\r\n\r\n", b"\r\ncontent-length: 3\r\n\r\n"), 400, "invalid_http"),
    "a negative length": (GOOD.replace(b": 2", b": -2"), 400, "invalid_http"),
    "a space before the colon": (GOOD.replace(b"length:", b"length :"), 400, "invalid_http"),
    "a null in a header": (HEAD + b"x: \0\r\n\r\n", 400, "invalid_http"),
    "a folded header": (HEAD + b"x: y\r\n z\r\n\r\n", 400, "invalid_http"),
    "a path that is not ASCII": (b"GET /\xff HTTP/1.1\r\nhost: localhost\r\n\r\n", 400, "invalid_http"),
    "a tunnel": (b"CONNECT x:443 HTTP/1.1\r\nhost: localhost\r\n\r\n", 400, "invalid_http"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "invalid_http"),
    "an upgrade with a body": (
        GOOD.replace(b"\r\n\r\n", b"\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"),
        400,
        "upgrade_not_supported",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_is_not_plain_http_is_refused_and_reaches_no_app(listening: Start, calling: Start, case: str):
    data, status, code = REFUSED[case]
    app = App()
    caller = await calling(await listening(app, max_header_bytes=1024))
    await caller.say(data)
    head, _, body = (await caller.rest()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert json.loads(body)["error"]["code"] == code
    assert app.bodies == []


async def test_a_header_without_an_end_is_refused_before_it_ends(listening: Start, calling: Start):
    caller = await calling(await listening(App(), max_header_bytes=1024))
    await caller.say(GOOD + HEAD + b"x: ")
    await caller.answer()
    await caller.say(b"y" * 2000)
    assert (await caller.rest()).startswith(b"HTTP/1.1 431 ")


async def test_the_body_of_a_refused_upgrade_is_never_taken_for_a_request(listening: Start, calling: Start):
    upgrade = (
        b"POST / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: h2c\r\ncontent-length: %d\r\n\r\n"
        % len(GOOD)
    )
    app = App()
    caller = await calling(await listening(app))
    await caller.say(upgrade)
    await caller.say(GOOD)
    assert (await caller.rest()).count(b"HTTP/1.1 ") == 1
    assert app.bodies == []


async def test_an_upgrade_without_a_body_is_answered_as_if_it_were_none(listening: Start, calling: Start):
    caller = await calling(await listening(App()))
    await caller.say(HEAD + b"connection: upgrade\r\nupgrade: h2c\r\n\r\n")
    assert (await caller.answer()).startswith(b"HTTP/1.1 200 ")


LATE = {
    "nothing": b"",
    "half a head": HEAD,
    "half a body": GOOD[:-1],
    "a chunk": b"POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n",
}


@pytest.mark.parametrize("case", LATE)
async def test_a_caller_who_dawdles_is_refused(listening: Start, calling: Start, case: str):
    caller = await calling(await listening(App(), header_timeout_s=0.05, body_idle_timeout_s=0.05), LATE[case])
    head, _, body = (await caller.rest()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert json.loads(body)["error"]["code"] == "request_timeout"


@pytest.mark.parametrize("again", [b"P", b"\r\n", b"POST /", HEAD, GOOD[:-1]])
async def test_a_caller_who_dawdles_at_a_later_request_is_refused(listening: Start, calling: Start, again: bytes):
    caller = await calling(await listening(App(), header_timeout_s=0.05, body_idle_timeout_s=0.05), GOOD)
    assert (await caller.answer()).endswith(b"{}")
    await caller.say(again)
    assert (await caller.rest()).startswith(b"HTTP/1.1 408 ")


async def test_the_time_that_an_answer_takes_is_not_the_callers(listening: Start, calling: Start):
    app = App()
    app.ready.clear()
    port = await listening(app, header_timeout_s=0.05, body_idle_timeout_s=0.05)
    patient = await calling(port, GOOD + b"\r\n")  # some callers end a body with a line
    await app.entered.wait()
    idle = await calling(port)
    await idle.rest()
    app.ready.set()
    assert (await patient.answer()).endswith(b"{}")


async def test_a_caller_is_not_refused_for_what_held_the_server_up(listening: Start):
    loop = asyncio.get_running_loop()
    address = "127.0.0.1", await listening(App(), header_timeout_s=0.05)
    bell, ear = socket.socketpair()
    with bell, ear, socket.create_connection(address, timeout=PATIENCE_S) as caller:
        caller.sendall(GOOD)
        assert (await asyncio.to_thread(caller.recv, 1024)).endswith(b"{}")

        def hold_up() -> None:
            loop.remove_reader(ear)
            caller.sendall(GOOD[1:])
            time.sleep(0.1)  # longer than the caller may take, who has sent everything

        loop.add_reader(ear, hold_up)
        caller.sendall(GOOD[:1])
        bell.send(b"!")
        assert (await asyncio.to_thread(caller.recv, 1024)).startswith(b"HTTP/1.1 200 ")


async def test_requests_of_one_connection_are_answered_in_order(listening: Start, calling: Start):
    app = App()
    caller = await calling(await listening(app))
    await caller.say(GOOD + GOOD.replace(b"{}", b"[]") + GOOD[:-1])
    assert [(await caller.answer())[-2:] for _ in range(2)] == [b"{}", b"[]"]
    await caller.say(b"?")
    assert (await caller.answer())[-2:] == b"{?"


async def test_the_limit_of_headers_is_of_one_request_and_not_of_all_that_come_at_once(
    listening: Start, calling: Start
):
    caller = await calling(await listening(App(), max_header_bytes=1024), GOOD + GOOD[:5])
    await caller.answer()
    await caller.say(GOOD[5:] + GOOD * 30 + GOOD[:5])
    assert [(await caller.answer())[-2:] for _ in range(31)] == [b"{}"] * 31


async def test_requests_that_wait_for_their_turn_do_not_pile_up(listening: Start, calling: Start):
    most, at_once = 0, 1 << 18  # bytes that one read takes

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal most
        most = max(most, *(len(connection._waiting) for connection in listening.state.connections))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    caller = await calling(await listening(app))
    sending = asyncio.create_task(caller.say(GOOD * 10_000))
    for _ in range(10_000):
        await caller.answer()
    await sending
    assert most <= at_once // len(GOOD) + MAX_WAITING


async def test_the_time_in_which_nothing_is_read_is_not_the_callers(listening: Start, calling: Start):
    app, ahead = App(), MAX_WAITING + 1
    app.ready.clear()
    port = await listening(app, header_timeout_s=0.05)
    caller = await calling(port, GOOD * ahead + HEAD)
    await app.entered.wait()
    await caller.say(b"content-length: 0\r\n\r\n")
    idle = await calling(port)
    await idle.rest()
    app.ready.set()
    assert len([await caller.answer() for _ in range(ahead + 1)]) == ahead + 1


@pytest.mark.parametrize("sent", [GOOD, GOOD + GOOD, GOOD + HEAD])
@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_is_cancelled_when_its_caller_leaves(
    listening: Start, calling: Start, caplog: pytest.LogCaptureFixture, sent: bytes, stream: bool
):
    app = App(stream)
    app.ready.clear()
    caller = await calling(await listening(app))
    await caller.say(sent)
    await app.entered.wait()
    caller.leave()
    async with asyncio.timeout(PATIENCE_S):
        await app.left.wait()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_caller_who_takes_nothing_of_an_answer_is_dropped(listening: Start, calling: Start):
    left = asyncio.Event()

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
        except asyncio.CancelledError:
            assert scope[CALLER_LEFT]
            left.set()

    caller = await calling(await listening(endless, write_stall_timeout_s=0.1))
    await caller.say(GOOD)
    async with asyncio.timeout(PATIENCE_S):
        await left.wait()


@pytest.mark.parametrize("stream", [False, True])
async def test_bytes_that_are_no_request_end_the_answer_before_them(listening: Start, calling: Start, stream: bool):
    app = App(stream)
    app.ready.clear()
    caller = await calling(await listening(app))
    await caller.say(GOOD)
    await app.entered.wait()
    await caller.say(b"\0 is no request\r\n\r\n")
    answer = await caller.rest()
    assert answer.startswith(b"HTTP/1.1 200 " if stream else b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert not answer.endswith(b"0\r\n\r\n")
    await app.left.wait()


async def test_each_request_has_a_context_of_its_own(listening: Start, calling: Start):
    ambient: ContextVar[bytes] = ContextVar("ambient", default=b"clean")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        await send({"type": "http.response.body", "body": ambient.get()})
        ambient.set(b"dirty")

    caller = await calling(await listening(app))
    for _ in range(2):
        await caller.say(HEAD + b"\r\n")
        assert (await caller.answer()).endswith(b"clean")


async def test_a_connection_is_closed_once_nobody_asked_for_long(listening: Start, calling: Start):
    listening.keep_alive_s = 0.5
    caller = await calling(await listening(App()))
    clock = asyncio.get_running_loop().time
    began = asked = clock()
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        while asked < began + 0.7:  # the time counts from the last answer
            asking = clock()
            await caller.say(GOOD)
            await caller.answer()
            asked = asking
        assert await caller.rest() == b""
    assert clock() - asked > 0.4


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/a%20b?c=%20", "/a b", b"c=%20"),
        (b"/a#b", "/a", b""),
        (b"//a/b", "//a/b", b""),
        (b"http://localhost/a?b", "/a", b"b"),
        (b"http://localhost", "/", b""),
    ],
)
async def test_the_target_is_read_as_a_path_and_a_query(
    listening: Start, calling: Start, target: bytes, path: str, query: bytes
):
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["path"], scope["query_string"], scope["method"], scope["http_version"]))
        await refuse(scope, receive, send)

    caller = await calling(await listening(app))
    await caller.say(b"GET %s HTTP/1.1\r\nhost: localhost\r\n\r\n" % target)
    await caller.answer()
    assert seen == [(path, query, "GET", "1.1")]


async def test_headers_behind_a_body_are_not_those_of_the_request(listening: Start, calling: Start):
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            pass
        seen.extend(name for name, _ in scope["headers"])
        await refuse(scope, receive, send)

    caller = await calling(await listening(app))
    await caller.say(b"POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n")
    await caller.say(b"2\r\n{}\r\n0\r\nauthorization: Bearer mine\r\n\r\n")
    await caller.answer()
    assert seen == [b"host", b"transfer-encoding"]


async def refuse(scope: Any, receive: Any, send: Any) -> None:
    """Answers before the body is there, and does not want it."""
    await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"no"})


def uploading(length: int) -> bytes:
    return b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % length


async def test_a_connection_serves_again_after_a_body_that_nobody_wanted(listening: Start, calling: Start):
    caller = await calling(await listening(refuse, max_body_bytes=100))
    for _ in range(3):
        await caller.say(uploading(200))
        assert (await caller.answer()).endswith(b"no")
        await caller.say(b"x" * 200)


async def test_a_body_that_nobody_wants_is_read_no_further_than_twice_the_limit(listening: Start, calling: Start):
    caller = await calling(await listening(refuse, max_body_bytes=1000))
    await caller.say(uploading(10**9))
    assert (await caller.answer()).endswith(b"no")
    await caller.say(b"x" * 2001)
    assert await caller.rest() == b""


async def test_a_body_that_nobody_wants_is_not_waited_for(
    listening: Start, calling: Start, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("stack.server.protocol.LEFTOVER_S", 0.05)
    caller = await calling(await listening(refuse))
    await caller.say(uploading(10**9))
    assert (await caller.answer()).endswith(b"no")
    with suppress(ConnectionError):
        async with asyncio.timeout(PATIENCE_S):
            while True:  # however much comes: the time is for all of it
                await caller.say(b"x" * 10)


async def test_a_body_that_is_wanted_may_take_its_time(
    listening: Start, calling: Start, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("stack.server.protocol.LEFTOVER_S", 0.0)
    caller = await calling(await listening(App()))
    await caller.say(GOOD[:-1])
    await caller.say(b"}" + GOOD)
    assert [(await caller.answer())[-2:] for _ in range(2)] == [b"{}", b"{}"]


@pytest.fixture
async def draining(listening: Start, calling: Start):
    """A server told to stop while it answers one caller, and another caller whose connection is idle."""
    app = App()
    port = await listening(app)
    busy, idle = await calling(port), await calling(port)
    await idle.say(GOOD)
    await idle.answer()
    app.entered.clear()
    app.ready.clear()
    await busy.say(GOOD)
    await app.entered.wait()
    for connection in list(listening.state.connections):
        connection.shutdown()
    return app, busy, idle


async def test_an_open_connection_can_be_asked_once_more_while_others_are_answered(draining: Any):
    app, busy, idle = draining
    app.entered.clear()
    await idle.say(GOOD)
    await asyncio.wait_for(app.entered.wait(), PATIENCE_S)
    app.ready.set()
    assert b"connection: close" in await idle.rest()
    assert b"connection: close" in await busy.rest()


async def test_an_open_connection_ends_with_the_last_answer(draining: Any):
    app, busy, idle = draining
    app.ready.set()
    assert (await busy.rest()).endswith(b"{}")
    assert await idle.rest() == b""
