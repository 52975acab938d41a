"""Several processes that share a port: how they end together, and that none is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from integration.faults.connections import ask, chat
from integration.faults.test_stopping import LONG, SHORT, Streams, ended, exit_code

STREAMS = 20


def children(pid):
    """Process ids of a process's children (proc_pid_task(5))."""
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def living(pids):
    """Those that run; who has ended and waits for nobody to look is no process any more."""
    found = set()
    for pid in pids:
        with suppress(FileNotFoundError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                found.add(pid)
    return found


def answering(pids):
    """Those that answer callers: Python has a child of its own, which counts what the others share."""
    return {pid for pid in pids if b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()}


async def until(condition, timeout_s=60.0):
    """Let others run until it holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.to_thread(time.sleep, 0.01)


async def prefixes(port, count):
    """Ids that begin alike come from one process; callers come until so many have answered."""
    found = set()
    async with asyncio.timeout(60):
        while len(found) < count:
            answers = await asyncio.gather(*(ask(port, chat("ok")) for _ in range(16)))
            found |= {answer.headers["x-request-id"][:-8] for answer in answers}
    return found


@pytest.fixture
async def siblings(serving):
    """`await siblings(GRACE_S=1)`: a server of two processes that both answer, and the ids of its children."""
    born = set()

    async def siblings(**variables):
        server = await serving("--workers", "2", **variables)
        await prefixes(server.port, 2)
        born.update(children(server.pid))
        return server, born

    yield siblings
    await until(lambda: not living(born))  # however it ended: none is left behind


@pytest.fixture
async def streaming(siblings):
    """`await streaming(fault)`: the same, while both stream."""

    async def streaming(fault, **variables):
        server, born = await siblings(**variables)
        streams = Streams(server.port, [fault] * STREAMS)
        await asyncio.wait_for(streams.begin(), 60)
        return server, born, streams

    return streaming


async def test_streams_that_are_over_within_the_grace_are_whole(streaming):
    server, _, streams = await streaming(SHORT, GRACE_S=60)
    server.send_signal(signal.SIGTERM)
    assert {ended(last) for last in await streams.end()} == {"done"}
    assert await exit_code(server) == 0
    assert "Traceback" not in server.output()


async def test_streams_that_are_not_end_with_an_error_event(streaming):
    server, _, streams = await streaming(LONG, GRACE_S=1)
    asked = time.monotonic()
    server.send_signal(signal.SIGTERM)
    assert [ended(last) for last in await streams.end()] == ["server_shutting_down"] * STREAMS
    assert await exit_code(server) == 0
    assert 1 <= time.monotonic() - asked < 60
    assert "Traceback" not in server.output()


async def test_a_second_signal_ends_them_now(streaming):
    server, _, streams = await streaming(LONG, GRACE_S=300)
    server.send_signal(signal.SIGTERM)
    await refused(server)
    asked = time.monotonic()
    server.send_signal(signal.SIGTERM)
    assert {ended(last) for last in await streams.end()} == {"server_shutting_down"}
    assert await exit_code(server) == 0
    assert time.monotonic() - asked < 60  # of 300
    assert "Traceback" not in server.output()


async def refused(server):
    """Until nobody is let in any more."""
    with suppress(OSError):
        while True:
            assert (await ask(server.port, chat("ok"))).status in (200, 503)


async def test_a_signal_that_reaches_every_process_is_one_signal(streaming):
    server, born, streams = await streaming(SHORT, GRACE_S=60)
    for pid in born:  # as a supervisor does that knows of all processes, or a terminal
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGINT)
    server.send_signal(signal.SIGTERM)
    assert {ended(last) for last in await streams.end()} == {"done"}
    assert await exit_code(server) == 0


async def test_one_that_dies_is_replaced(siblings):
    server, born = await siblings()
    dead = min(answering(born))
    os.kill(dead, signal.SIGKILL)
    await until(lambda: len(born) == len(living(children(server.pid)) - {dead}))
    born |= living(children(server.pid))
    await prefixes(server.port, 2)
    assert f"pid={dead}" in server.output()
    server.send_signal(signal.SIGTERM)
    assert await exit_code(server) == 0


async def test_those_whose_parent_is_gone_end_by_themselves(streaming):
    server, born, streams = await streaming(SHORT)
    server.send_signal(signal.SIGKILL)
    assert {ended(last) for last in await streams.end()} == {"done"}
    await until(lambda: not living(born))
    assert "Traceback" not in server.output()
