"""A caller who leaves takes the upstream call along, streamed or not, long before it would end by itself."""

from __future__ import annotations

import asyncio
from itertools import count

import httpx2
import pytest
from integration.lab import LAB
from integration.wire import PATIENCE_S, asking, connect, posting

from stack import AsyncStackAsLibraryClient
from stack.testing.answers import encode

NUMBERS = count()
# Before a byte has come, while events come, and while the upstream is silent between two events.
MOMENTS = [
    ("fault-hang", False),
    ("stream-500-every-20", False),
    ("fault-hang", True),
    ("stream-500-every-20", True),
    ("fault-hang-midstream-3", True),
]


@pytest.fixture(params=MOMENTS, ids=lambda moment: f"{moment[0]}{'-streamed' if moment[1] else ''}")
def call(request):
    """A request whose upstream answers slowly or never, under a name that no other test uses."""
    fault, stream = request.param
    return asking(f"faulty/{fault}@left-{next(NUMBERS)}", stream=stream)


@pytest.fixture
def arrives(upstream, call):
    """Wait until the upstream has the request."""
    model = call["model"].removeprefix("faulty/")
    return lambda: upstream.wait_until(lambda seen: seen.requests[model] == 1)


@pytest.fixture
def is_left(upstream, call):
    """Wait until the upstream has lost its caller, half as long as the lab would wait for the upstream."""
    model = call["model"].removeprefix("faulty/")
    return lambda: upstream.wait_until(lambda seen: seen.aborted[model] == 1, timeout_s=30.0)


def begins_to_stream(call):
    return call["stream"] and "fault-hang@" not in call["model"]


def hear_an_event(caller):
    heard = b""
    while b"data: " not in heard:
        more = caller.recv(4096)
        assert more
        heard += more


def test_over_http(lab_server, call, arrives, is_left):
    with connect(lab_server.port) as caller:
        caller.sendall(posting(encode(call)))
        arrives()
        if begins_to_stream(call):
            hear_an_event(caller)
    is_left()


async def test_with_an_asynchronous_client_in_process(lab_variables, call, arrives, is_left):
    async def read(client):
        answer = await client.chat.completions.create(**call)
        async for _ in answer:
            pass

    async with AsyncStackAsLibraryClient(LAB, env=lab_variables) as client:
        reading = asyncio.create_task(read(client))
        await asyncio.to_thread(arrives)
        reading.cancel()
        await asyncio.to_thread(is_left)


@pytest.mark.parametrize("call", [MOMENTS[3], MOMENTS[4]], indirect=True)
def test_closing_a_stream_of_either_client(lab, call, is_left):
    stream = lab.client.chat.completions.create(**call)
    assert next(stream).choices
    stream.close()
    is_left()


@pytest.mark.parametrize("call", [MOMENTS[0], MOMENTS[1], MOMENTS[2], MOMENTS[4]], indirect=True)
def test_a_caller_who_waits_too_short_leaves_too(lab, call, is_left):
    impatient = lab.client.with_options(timeout=httpx2.Timeout(PATIENCE_S, read=2.0))
    with pytest.raises(Exception, match=r"(?i)timed? ?out|sent nothing"):
        list(impatient.chat.completions.create(**call))
    is_left()
