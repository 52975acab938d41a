from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import httpx2
import pytest
from still_open import still_open

from stack.client.blocking import BlockingTransport
from stack.client.transport import AppTransport

START = {"type": "http.response.start", "status": 200, "headers": []}


def part(body: bytes, more: bool = True) -> dict:
    return {"type": "http.response.body", "body": body, "more_body": more}


def client_of(app) -> httpx2.Client:
    return httpx2.Client(transport=BlockingTransport(AppTransport(app)), base_url="http://toy", trust_env=False)


@pytest.fixture
def loop_threads() -> Callable[[], list[threading.Thread]]:
    """The loop threads that were not there when the test began."""
    before = set(threading.enumerate())
    return lambda: [t for t in threading.enumerate() if t.name == "stack-client" and t not in before]


async def echo(scope, receive, send):
    await send(START)
    while (message := await receive())["more_body"]:
        await send(part(message["body"]))
    await send(part(b"", more=False))


async def endless(scope, receive, send):
    await send(START)
    while True:
        await send(part(b"x"))


async def silent(scope, receive, send):
    await asyncio.Event().wait()


def test_the_first_chunk_arrives_before_the_app_has_written_the_second():
    go_on = threading.Event()

    async def app(scope, receive, send):
        await send(START)
        await send(part(b"first"))
        await asyncio.to_thread(go_on.wait)
        await send(part(b"second", more=False))

    with client_of(app) as client, client.stream("GET", "/") as response:
        chunks = response.iter_raw()
        assert next(chunks) == b"first"
        go_on.set()
        assert list(chunks) == [b"second"]


def test_a_blocking_request_body_streams_in_without_blocking_the_loop():
    echoed = threading.Event()

    def body():
        yield b"ping"
        assert echoed.wait(10)
        yield b"pong"

    with client_of(echo) as client, client.stream("POST", "/", content=body()) as response:
        chunks = response.iter_raw()
        assert next(chunks) == b"ping"
        assert client.post("/", content=b"other").content == b"other"
        echoed.set()
        assert list(chunks) == [b"pong"]


def test_closing_the_answer_ends_the_app():
    ended = threading.Event()

    async def app(scope, receive, send):
        try:
            await endless(scope, receive, send)
        finally:
            ended.set()

    with client_of(app) as client, client.stream("GET", "/") as response:
        next(response.iter_raw())
        response.close()
        assert ended.is_set()


async def test_it_works_inside_a_running_event_loop():
    with client_of(echo) as client:
        assert client.post("/", content=b"hello").content == b"hello"


def test_eight_threads_are_answered_at_once():
    async def app(scope, receive, send):
        await meeting.wait()
        await send(START)
        await send(part(scope["path"].encode(), more=False))

    meeting = asyncio.Barrier(8)
    with client_of(app) as client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: client.get(f"/{number}").text, range(8)))
    assert answers == [f"/{number}" for number in range(8)]


def test_the_thread_starts_with_the_first_request_and_ends_at_close(loop_threads):
    client = client_of(echo)
    assert loop_threads() == []
    client.post("/", content=b"x")
    assert len(loop_threads()) == 1
    client.close()
    assert loop_threads() == []


def test_closing_leaves_no_file_descriptor_behind():
    opened = still_open()
    with client_of(echo) as client:
        client.post("/", content=b"x")
        assert opened()
    assert opened() == set()


def test_a_collected_client_takes_its_thread_with_it(loop_threads):
    client = client_of(echo)
    client.post("/", content=b"x")
    del client
    gc.collect()
    assert loop_threads() == []


def test_the_inner_transport_is_closed_once_in_its_own_loop():
    class Counting(AppTransport):
        closed_in: ClassVar[list[str]] = []

        async def aclose(self):
            self.closed_in.append(threading.current_thread().name)

    transport = BlockingTransport(Counting(echo))
    transport.handle_request(httpx2.Request("GET", "http://toy")).read()
    transport.close(), transport.close()
    assert Counting.closed_in == ["stack-client"]


def test_a_client_that_was_never_used_closes_without_a_thread(loop_threads):
    client_of(echo).close()
    assert loop_threads() == []


def test_closing_ends_a_call_that_another_thread_waits_for():
    entered = threading.Event()

    async def app(scope, receive, send):
        entered.set()
        await asyncio.Event().wait()

    client = client_of(app)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.get, "/", timeout=None)
        entered.wait()
        client.close()
        assert isinstance(call.exception(), httpx2.TransportError)


def test_an_answer_that_outlives_its_client_ends_with_an_error():
    client = client_of(endless)
    response = client.send(client.build_request("GET", "/"), stream=True)
    chunks = response.iter_raw()
    next(chunks)
    client.close()
    with pytest.raises(httpx2.TransportError):
        list(chunks)


def test_a_call_from_the_transports_own_loop_is_refused_instead_of_waiting_for_itself():
    async def app(scope, receive, send):
        await asyncio.sleep(0)
        client.get("/")

    client = client_of(app)
    with client, pytest.raises(httpx2.RemoteProtocolError) as caught:
        client.get("/")
    assert "would wait for itself" in str(caught.value.__cause__)


def test_a_timeout_reaches_the_app():
    with client_of(silent) as client, pytest.raises(httpx2.ReadTimeout):
        client.get("/", timeout=0.01)


UNCLOSED = """
import httpx2
from stack.client.blocking import BlockingTransport
from stack.client.transport import AppTransport

class Told(AppTransport):
    async def aclose(self):
        await super().aclose()
        print("closed")

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hi"})

client = httpx2.Client(transport=BlockingTransport(Told(app)))
print(client.get("http://toy").text)
"""


def test_an_unclosed_client_is_closed_at_exit():
    ran = subprocess.run([sys.executable, "-W", "error", "-c", UNCLOSED], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "hi\nclosed\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_client_is_refused_instead_of_hanging():
    with client_of(echo) as client:
        client.post("/", content=b"x")
        if (child := os.fork()) == 0:
            with pytest.raises(RuntimeError, match="did not survive a fork"):
                client.post("/", content=b"x")
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
