"""Callers who read slowly or not at all: little of their streams is kept, the upstream waits, and at last they go."""

from __future__ import annotations

import asyncio
import socket

import pytest
from integration.faults.connections import ask, chat
from integration.faults.memory import resident

from stack.testing.http import HOST

STALLED = 100
BUFFERED = 64  # KiB of a stream's bytes that may wait in the process
REQUEST = 32  # KiB that a stream costs whatever its caller does: two connections, a task, and room lost between blocks


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


async def test_a_stalled_stream_keeps_at_most_64_kib(serving, own_upstream, stalled):
    server = await serving()
    before = resident(server.pid) + await growth(server, resident(server.pid))
    stalled(server.port, STALLED)
    marks = [await growth(server, before) for _ in range(3)]
    while marks[-1] - marks[-3] > STALLED:  # until the kernel takes no more of any
        marks.append(await growth(server, before))
    assert own_upstream.counts.active == STALLED
    assert marks[-1] <= STALLED * (BUFFERED + REQUEST)
    assert await growth(server, before, 500) - marks[-1] <= STALLED


async def test_a_caller_who_takes_nothing_for_long_is_dropped_on_both_sides(serving, own_upstream, stalled):
    server = await serving(STALL_S=0.5)
    stalled(server.port, 5)
    await asyncio.to_thread(own_upstream.wait_until, lambda seen: seen.aborted["fault-endless"] == 5, 5.0)
    assert own_upstream.counts.active == 0
    assert (await ask(server.port, chat("ok"))).status == 200
