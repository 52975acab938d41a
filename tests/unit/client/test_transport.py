from __future__ import annotations

import asyncio
from contextvars import ContextVar

import httpx2
import pytest

from stack.client.transport import AppTransport
from stack.server.requests import CALLER_LEFT

START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}


def part(body: bytes, more: bool = True) -> dict:
    return {"type": "http.response.body", "body": body, "more_body": more}


def client_of(app) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=AppTransport(app), base_url="http://toy")


def answering(status: int = 200, headers: tuple = (), body: bytes = b""):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send(part(body, more=False))

    return app


async def endless(scope, receive, send):
    await send(START)
    while True:
        await send(part(b"x"))


async def echo(scope, receive, send):
    await send(START)
    while (message := await receive())["more_body"]:
        await send(part(message["body"]))
    await send(part(b"", more=False))


async def test_the_first_chunk_arrives_before_the_app_has_written_the_second():
    go_on = asyncio.Event()

    async def app(scope, receive, send):
        await send(START)
        await send(part(b"first"))
        await go_on.wait()
        await send(part(b"second", more=False))

    async with client_of(app) as client, client.stream("GET", "/") as response:
        chunks = response.aiter_raw()
        assert await anext(chunks) == b"first"
        go_on.set()
        assert [chunk async for chunk in chunks] == [b"second"]


async def test_the_headers_arrive_before_any_byte_of_the_body():
    async def app(scope, receive, send):
        await send(START)
        await asyncio.Event().wait()

    async with client_of(app) as client, client.stream("GET", "/") as response:
        assert response.headers["content-type"] == "text/plain"


async def test_the_app_waits_for_a_caller_who_is_slow():
    sent = []

    async def app(scope, receive, send):
        await send(START)
        for number in range(100):
            await send(part(b"%d " % number))
            sent.append(number)
        await send(part(b"", more=False))

    async with client_of(app) as client, client.stream("GET", "/") as response:
        read = 0
        async for _ in response.aiter_raw():
            read += 1
            assert len(sent) <= read + 1
        assert read == 100


async def test_closing_the_answer_ends_the_app_and_waits_for_its_clean_up():
    ended = []

    async def app(scope, receive, send):
        try:
            await endless(scope, receive, send)
        finally:
            await asyncio.sleep(0)
            ended.append(True)

    async with client_of(app) as client, client.stream("GET", "/") as response:
        await anext(response.aiter_raw())
    assert ended == [True]


async def test_cancelling_a_caller_who_waits_for_the_answer_cancels_the_app():
    entered, cancelled = asyncio.Event(), asyncio.Event()

    async def app(scope, receive, send):
        try:
            entered.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with client_of(app) as client:
        call = asyncio.create_task(client.get("/"))
        await entered.wait()
        call.cancel()
        await asyncio.wait({call})
        assert call.cancelled()
        assert cancelled.is_set()


async def listen(receive, send):
    while True:
        await receive()


async def write(receive, send):
    while True:
        await send(part(b"x"))


async def neither(receive, send):
    await asyncio.Event().wait()


@pytest.mark.parametrize("doing", [listen, write, neither])
async def test_an_app_whose_caller_leaves_is_cancelled_at_once_and_can_tell_why(doing):
    ended = []

    async def app(scope, receive, send):
        await send(START)
        try:
            await doing(receive, send)
        except asyncio.CancelledError:
            ended.append(scope[CALLER_LEFT])

    async with client_of(app) as client, client.stream("GET", "/"):
        pass
    assert ended == [True]


async def test_an_app_that_waits_for_the_disconnect_hears_of_it_after_a_complete_answer():
    heard = asyncio.Event()

    async def app(scope, receive, send):
        await answering(body=b"done")(scope, receive, send)
        assert (await receive())["type"] == "http.disconnect"
        heard.set()

    async with client_of(app) as client:
        assert (await client.get("/")).text == "done"
        await heard.wait()


async def test_a_caller_who_stops_at_the_last_chunk_does_not_cancel_the_app():
    outcome = []

    async def app(scope, receive, send):
        try:
            await send(START)
            for body in (b"1", b"2", b"3", b"[DONE]"):
                await send(part(body))
            await send(part(b"", more=False))
            outcome.append("complete")
        except asyncio.CancelledError:
            outcome.append("cancelled")

    async with client_of(app) as client, client.stream("GET", "/") as response:
        async for chunk in response.aiter_raw():
            if chunk == b"[DONE]":
                break
    assert outcome == ["complete"]


async def test_a_request_body_streams_into_an_app_that_answers_meanwhile():
    echoed = asyncio.Event()

    async def body():
        yield b"ping"
        await echoed.wait()
        yield b"pong"

    async with client_of(echo) as client, client.stream("POST", "/", content=body()) as response:
        chunks = response.aiter_raw()
        assert await anext(chunks) == b"ping"
        echoed.set()
        assert await anext(chunks) == b"pong"


async def test_what_reading_the_request_body_raises_reaches_the_caller():
    async def body():
        yield b"ping"
        raise LookupError("the file is gone")

    async with client_of(echo) as client, client.stream("POST", "/", content=body()) as response:
        with pytest.raises(LookupError, match="the file is gone"):
            await response.aread()


async def test_an_exception_before_the_answer_is_a_connection_error_with_its_cause():
    async def app(scope, receive, send):
        raise ZeroDivisionError

    async with client_of(app) as client:
        with pytest.raises(httpx2.RemoteProtocolError, match="`ZeroDivisionError`") as caught:
            await client.get("/")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


async def test_an_exception_within_the_answer_comes_after_the_chunks_that_were_sent():
    async def app(scope, receive, send):
        await send(START)
        await send(part(b"half"))
        raise ZeroDivisionError

    async with client_of(app) as client, client.stream("GET", "/") as response:
        chunks = response.aiter_raw()
        assert await anext(chunks) == b"half"
        with pytest.raises(httpx2.RemoteProtocolError):
            await anext(chunks)


async def test_an_exception_after_a_complete_answer_does_not_spoil_it():
    async def app(scope, receive, send):
        await answering(500, body=b"oops")(scope, receive, send)
        raise ZeroDivisionError

    async with client_of(app) as client:
        response = await client.get("/")
    assert (response.status_code, response.text) == (500, "oops")


@pytest.mark.parametrize(
    "messages", [[], [START], [START, part(b"x")], [START, START], [part(b"x")], [{"type": "odd"}]]
)
async def test_an_answer_that_breaks_the_protocol_is_an_error_and_no_hang(messages):
    async def app(scope, receive, send):
        for message in messages:
            await send(message)

    async with client_of(app) as client:
        with pytest.raises(httpx2.RemoteProtocolError):
            await client.get("/")


@pytest.mark.parametrize("messages", [[], [START]])
async def test_a_read_timeout_ends_the_wait_for_a_silent_app(messages):
    async def app(scope, receive, send):
        for message in messages:
            await send(message)
        await asyncio.Event().wait()

    async with client_of(app) as client:
        with pytest.raises(httpx2.ReadTimeout):
            await client.get("/", timeout=0.01)
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
async def test_answers_without_content_have_none(method, status):
    async with client_of(answering(status, body=b"stray")) as client:
        response = await client.request(method, "/")
    assert (response.status_code, response.content) == (status, b"")


async def test_repeated_headers_and_odd_statuses_pass_as_they_are():
    headers = [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"X-Mixed", b"Case")]
    async with client_of(answering(418, headers)) as client:
        response = await client.get("/")
    assert response.status_code == 418
    assert response.headers.raw == headers


async def test_the_scope_is_that_of_a_server():
    seen = {}

    async def app(scope, receive, send):
        seen.update(scope)
        await answering()(scope, receive, send)

    async with client_of(app) as client:
        await client.get("/v1/models/a%2Fb%20c?x=%2F&x=2", headers={"X-Mixed": "Case"})
    assert (seen["path"], seen["raw_path"]) == ("/v1/models/a/b c", b"/v1/models/a%2Fb%20c")
    assert seen["query_string"] == b"x=%2F&x=2"
    assert (b"x-mixed", b"Case") in seen["headers"]
    assert (seen["server"], seen["client"]) == (("toy", 80), ("127.0.0.1", 0))


async def test_the_app_sees_none_of_the_callers_context():
    ambient = ContextVar("ambient", default="clean")
    ambient.set("the caller's")

    async def app(scope, receive, send):
        await answering(body=ambient.get().encode())(scope, receive, send)

    async with client_of(app) as client:
        assert (await client.get("/")).text == "clean"


async def test_closing_the_transport_ends_every_task_and_wakes_every_reader():
    client = client_of(endless)
    response = await client.send(client.build_request("GET", "/"), stream=True)
    chunks = response.aiter_raw()
    await anext(chunks)
    await client.aclose()
    with pytest.raises(httpx2.RemoteProtocolError):
        [chunk async for chunk in chunks]
    assert len(asyncio.all_tasks()) == 1


async def test_requests_run_side_by_side():
    meeting = asyncio.Barrier(8)

    async def app(scope, receive, send):
        await meeting.wait()
        await answering(body=scope["path"].encode())(scope, receive, send)

    async with client_of(app) as client:
        answers = await asyncio.gather(*(client.get(f"/{number}") for number in range(8)))
    assert [answer.text for answer in answers] == [f"/{number}" for number in range(8)]
