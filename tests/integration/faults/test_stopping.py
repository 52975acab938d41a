"""A server that is told to stop: what happens to the streams it carries, and how soon it is gone."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from contextlib import suppress

import pytest
from integration.faults.connections import ask, caller, chat, heard
from integration.wire import error_in, events, head

STREAMS = 50
SHORT, LONG = "stream-20-every-20", "stream-9000-every-20"  # of which the long one takes three minutes


class Streams:
    """Streams that have all begun."""

    def __init__(self, port, faults):
        self._port = port
        self._begun = [asyncio.Event() for _ in faults]
        self._running = [asyncio.create_task(self._read(*each)) for each in zip(faults, self._begun, strict=True)]

    async def _read(self, fault, begun):
        async with caller(self._port) as (reader, writer):
            writer.write(chat(fault, stream=True))
            start = await reader.readuntil(b"data: ")
            begun.set()
            return start + await reader.read()

    async def begin(self):
        await asyncio.gather(*(event.wait() for event in self._begun))

    async def end(self):
        """The last event of each; every one has ended as HTTP wants it."""
        return [events(heard(data).body)[-1] for data in await asyncio.gather(*self._running)]


@pytest.fixture
async def stopping(serving):
    """`await stopping(fault, ..., GRACE_S=1)`: a server that is told to stop while it streams; and its streams."""

    async def stopping(*faults, number=signal.SIGTERM, **variables):
        server = await serving(**variables)
        streams = Streams(server.port, faults)
        await streams.begin()
        server.send_signal(number)
        return server, streams

    return stopping


def ended(last):
    """How a stream ended, by its last event."""
    return "done" if last == b"[DONE]" else error_in(last)["code"]


async def exit_code(server):
    """-9 if it does not end in a minute."""
    return await asyncio.to_thread(server.wait, 60)


async def test_streams_that_are_over_within_the_grace_are_whole(stopping):
    server, streams = await stopping(*[SHORT] * STREAMS, GRACE_S=60)
    assert {ended(last) for last in await streams.end()} == {"done"}
    assert await exit_code(server) == 0
    assert "Traceback" not in server.output()


async def test_streams_that_are_not_end_with_an_error_event(stopping):
    server, streams = await stopping(*[LONG] * STREAMS, GRACE_S=1)
    asked = time.monotonic()
    assert [ended(last) for last in await streams.end()] == ["server_shutting_down"] * STREAMS
    assert await exit_code(server) == 0
    assert time.monotonic() - asked < 60
    assert "Traceback" not in server.output()


@pytest.mark.parametrize("seed", [1, 2])
async def test_at_any_moment_each_ends_in_one_of_these_ways(serving, seed):
    chance = random.Random(seed)
    server = await serving(GRACE_S=1)
    streams = Streams(server.port, [chance.choice((SHORT, LONG)) for _ in range(STREAMS)])
    await asyncio.wait_for(streams.begin(), 60)
    for _ in range(chance.randrange(60)):  # a moment later or sooner, counted in answers
        await ask(server.port, chat("ok"))
    server.send_signal(signal.SIGTERM)
    assert {ended(last) for last in await streams.end()} <= {"done", "server_shutting_down"}
    assert await exit_code(server) == 0


async def refuses(server):
    """Until it takes no new callers: it has heard the signal."""
    with suppress(OSError):  # refused, or reset while it closes
        while True:
            assert (await ask(server.port, chat("ok"))).status in (200, 503)


async def test_new_callers_are_refused_while_streams_go_on(stopping):
    server, streams = await stopping(LONG, GRACE_S=300)
    await asyncio.wait_for(refuses(server), 60)
    server.send_signal(signal.SIGTERM)  # the streams went on until now
    assert ended((await streams.end())[0]) == "server_shutting_down"


async def heard_on(connection):
    """Whether the server is ready, asked on a connection that stays open."""
    reader, writer = connection
    writer.write(head("/v1/health/ready", "GET"))
    start = await reader.readuntil(b"\r\n\r\n")
    length = int(start.partition(b"content-length: ")[2].partition(b"\r")[0])
    return heard(start + await reader.readexactly(length))


async def test_who_has_a_connection_hears_that_it_is_not_ready_while_streams_go_on(serving):
    server = await serving(GRACE_S=300)
    async with caller(server.port) as connection:
        assert (await heard_on(connection)).status == 200
        streams = Streams(server.port, [LONG])
        await streams.begin()
        server.send_signal(signal.SIGTERM)
        await refuses(server)
        answer = await heard_on(connection)
        assert (answer.status, error_in(answer.body)["code"]) == (503, "server_shutting_down")
        assert answer.headers["connection"] == "close"
        server.send_signal(signal.SIGTERM)
        assert ended((await streams.end())[0]) == "server_shutting_down"
    assert await exit_code(server) == 0


async def test_a_plain_answer_that_does_not_come_is_a_503(serving, own_upstream):
    server = await serving(GRACE_S=0.5)
    waiting = asyncio.create_task(ask(server.port, chat("fault-hang")))
    await asyncio.to_thread(own_upstream.wait_until, lambda seen: seen.requests["fault-hang"] == 1)
    server.send_signal(signal.SIGTERM)
    answer = await waiting
    assert (answer.status, error_in(answer.body)["code"]) == (503, "server_shutting_down")
    assert await exit_code(server) == 0
    assert "Traceback" not in server.output()


async def test_idle_connections_do_not_keep_it(serving):
    server = await serving(GRACE_S=300)
    async with caller(server.port):
        await ask(server.port, chat("ok"))
        server.send_signal(signal.SIGTERM)
        assert await exit_code(server) == 0


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_it_now(stopping, second):
    server, streams = await stopping(*[LONG] * 5, GRACE_S=300)
    await refuses(server)
    asked = time.monotonic()
    server.send_signal(second)
    await exit_code(server)
    assert time.monotonic() - asked < 60
    assert {ended(last) for last in await streams.end()} == {"server_shutting_down"}
    assert "Traceback" not in server.output()


async def test_an_interrupt_at_a_terminal_is_like_sigterm(stopping):
    server, streams = await stopping(SHORT, number=signal.SIGINT)
    assert ended((await streams.end())[0]) == "done"
    assert await exit_code(server) == 0
    assert "Traceback" not in server.output()
