"""Callers who read slowly or not at all: little of their streams is kept, the upstream waits, and at last they go."""

from __future__ import annotations

import asyncio
import socket

import pytest
from integration.faults.connections import ask, chat
from integration.faults.memory import resident

from stack.testing.http import HOST
from stack.testing.tls import LOCALHOST, server_context
from stack.testing.upstream import FaultUpstream

STALLED, STALLED_OVER_TLS = 100, 30
BUFFERED = 64  # KiB of a stream's bytes that may wait in the process
# KiB that a stream costs whatever its caller does: two connections, a task, room lost between blocks; OpenSSL's own.
REQUEST, REQUEST_OVER_TLS = 32, 96


@pytest.fixture
def stalled():
    """`stalled(port, count)`: callers of an endless stream who read nothing of it."""
    opened = []

    def stalled(port, count):
        for _ in range(count):
            opened.append(socket.socket())
            opened[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            opened[-1].connect((HOST, port))
            opened[-1].sendall(chat("fault-endless", stream=True))

    yield stalled
    for each in opened:
        each.close()


async def growth(server, before, answers=100):
    """What the process has grown by, in KiB, at the end of so many answers, all of them good."""
    given = [await ask(server.port, chat("ok", stream=True)) for _ in range(answers)]
    assert {answer.status for answer in given} == {200}
    return resident(server.pid) - before


async def weigh(server, upstream, stalled, count, each):
    """Assert that so many stalled streams cost at most so many KiB each, and no more with time."""
    before = resident(server.pid) + await growth(server, resident(server.pid))
    stalled(server.port, count)
    marks = [await growth(server, before) for _ in range(3)]
    while marks[-1] - marks[-3] > count:  # until the kernel takes no more of any
        marks.append(await growth(server, before))
    assert upstream.counts.active == count
    assert marks[-1] <= count * each
    assert await growth(server, before, 500) - marks[-1] <= count


async def test_a_stalled_stream_keeps_at_most_64_kib(serving, own_upstream, stalled):
    await weigh(await serving(), own_upstream, stalled, STALLED, BUFFERED + REQUEST)


async def test_a_stalled_stream_over_tls_keeps_no_more(serving, stalled):
    async with FaultUpstream(tls=server_context(LOCALHOST)) as upstream:
        server = await serving(env={"SSL_CERT_FILE": str(LOCALHOST)}, UPSTREAM=upstream.base_url)
        await weigh(server, upstream, stalled, STALLED_OVER_TLS, BUFFERED + REQUEST_OVER_TLS)


async def test_a_caller_who_takes_nothing_for_long_is_dropped_on_both_sides(serving, own_upstream, stalled):
    server = await serving(STALL_S=0.5)
    stalled(server.port, 5)
    await asyncio.to_thread(own_upstream.wait_until, lambda seen: seen.aborted["fault-endless"] == 5)
    assert own_upstream.counts.active == 0
    assert (await ask(server.port, chat("ok"))).status == 200
