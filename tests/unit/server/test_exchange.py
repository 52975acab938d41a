"""How an answer leaves: in which pieces, framed in which way, and what becomes of an app's own faults."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from uvicorn.protocols.http.flow_control import FlowControl

from stack.server.exchange import JOINED_BYTES, Exchange

Start = Callable[..., Any]
SIZED = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]}
OPEN = {"type": "http.response.start", "status": 200, "headers": []}
SCOPE = {"method": "GET", "http_version": "1.1"}
ASKED = b"%s / HTTP/1.1\r\nhost: localhost\r\n\r\n"


def body(data: bytes = b"body", *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


class Written(asyncio.Transport):
    """A transport that keeps each write apart, as the kernel would see it."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []

    def write(self, data: object) -> None:
        self.pieces.append(data)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("messages", "pieces"),
    [
        ([SIZED], []),
        ([SIZED, body()], [b"4\r\n\r\nbody"]),
        ([SIZED, body(b"bo", more=True), body(b"dy")], [b"4\r\n\r\nbo", b"dy"]),
        ([OPEN], [b"chunked\r\n\r\n"]),
        ([OPEN, body(more=True)], [b"chunked\r\n\r\n4\r\nbody\r\n"]),
        ([OPEN, body(more=True), body()], [b"chunked\r\n\r\n4\r\nbody\r\n", b"4\r\nbody\r\n0\r\n\r\n"]),
        ([OPEN, body(b"")], [b"chunked\r\n\r\n0\r\n\r\n"]),
        ([OPEN, body(b"", more=True)], [b"chunked\r\n\r\n"]),
    ],
)
async def test_a_head_leaves_with_what_follows_it_and_an_open_one_by_itself_if_nothing_does(
    messages: list[Any], pieces: list[bytes]
):
    transport = Written()
    exchange = Exchange(SCOPE, transport, FlowControl(transport), [], lambda: None)
    for message in messages:
        await exchange.send(message)
    await asyncio.sleep(0)
    assert len(transport.pieces) == len(pieces)
    assert all(found.endswith(piece) for found, piece in zip(transport.pieces, pieces, strict=True))


async def test_a_status_that_no_standard_names_is_told_as_it_is():
    transport = Written()
    exchange = Exchange(SCOPE, transport, FlowControl(transport), [], lambda: None)
    await exchange.send(SIZED | {"status": 499})
    await exchange.send(body())
    assert transport.pieces == [b"HTTP/1.1 499 \r\ncontent-length: 4\r\n\r\nbody"]


async def test_a_large_body_is_not_copied_behind_its_head():
    transport = Written()
    exchange = Exchange(SCOPE, transport, FlowControl(transport), [], lambda: None)
    large = bytes(JOINED_BYTES + 1)
    await exchange.send(SIZED | {"headers": [(b"content-length", b"%d" % len(large))]})
    await exchange.send(body(large))
    assert transport.pieces[1] is large


def answering(*messages: Any, fault: Exception | None = None) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)
        if fault:
            raise fault

    return app


@pytest.mark.parametrize(
    ("method", "start", "framing"),
    [
        (b"HEAD", SIZED, b"content-length: 4"),
        (b"HEAD", OPEN, None),
        (b"GET", OPEN | {"status": 204}, None),
        (b"GET", OPEN | {"status": 304}, None),
    ],
)
async def test_an_answer_that_has_no_body_ends_with_its_head(
    listening: Start, calling: Start, method: bytes, start: Any, framing: bytes | None
):
    sent = body() if method == b"HEAD" else body(b"")
    caller = await calling(await listening(answering(start, sent)))
    await caller.say(ASKED % method)
    head = await caller.until(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert framing is None or framing in head
    await caller.say(ASKED % b"GET")
    assert (await caller.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 ")


async def test_a_caller_who_knows_no_chunks_reads_to_the_end_of_the_connection(listening: Start, calling: Start):
    caller = await calling(await listening(answering(OPEN, body(b"one ", more=True), body(b"two"))))
    await caller.say(b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
    head, _, rest = (await caller.rest()).partition(b"\r\n\r\n")
    assert (b"chunked" in head, rest) == (False, b"one two")


FAULTY = {
    "an error": answering(fault=ValueError("a secret")),
    "no answer": answering(),
    "a line break in a header": answering(OPEN | {"headers": [(b"x", b"y\r\nz: 1")]}),
    "a null in a header": answering(OPEN | {"headers": [(b"x", b"\0")]}),
}


@pytest.mark.parametrize("case", FAULTY)
async def test_a_fault_of_the_app_is_an_internal_error_that_tells_nothing(listening: Start, calling: Start, case: str):
    caller = await calling(await listening(FAULTY[case]))
    await caller.say(ASKED % b"GET")
    head, _, told = (await caller.rest()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 500 ")
    assert b"x-request-id: req_" in head
    assert json.loads(told)["error"]["type"] == "server_error"
    assert b"secret" not in told


CUT = {
    "an error": answering(OPEN, body(more=True), fault=ValueError("late")),
    "no end": answering(OPEN, body(more=True)),
    "a body that is too long": answering(SIZED, body(b"bo", more=True), body(b"dy of more")),
    "a body that is too short": answering(SIZED, body(b"bo", more=True), body(b"")),
}


@pytest.mark.parametrize("case", CUT)
async def test_an_answer_that_its_app_does_not_end_well_is_cut(listening: Start, calling: Start, case: str):
    caller = await calling(await listening(CUT[case]))
    await caller.say(ASKED % b"GET")
    answer = await caller.rest()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert not answer.endswith(b"0\r\n\r\n")
    assert not answer.endswith(b"\r\n\r\nbody")


async def test_an_app_that_closes_is_told_so_once(listening: Start, calling: Start):
    closing = SIZED | {"headers": [(b"content-length", b"4"), (b"connection", b"close")]}
    caller = await calling(await listening(answering(closing, body())))
    await caller.say(ASKED % b"GET")
    assert (await caller.rest()).count(b"connection: close") == 1


async def test_a_caller_who_waits_for_leave_to_send_gets_it_when_the_body_is_wanted(listening: Start, calling: Start):
    async def app(scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        await send(SIZED)
        await send(body(message["body"]))

    caller = await calling(await listening(app))
    await caller.say(b"POST / HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n")
    assert await caller.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    await caller.say(b"body")
    assert (await caller.answer()).endswith(b"body")
