"""One thread for one model: in line, told when nobody waits, and turned away when the line is full."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from stack.errors import ProviderUnavailable
from stack.providers.inline.local_model.worker import Stopped, Worker


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    worker = Worker("test", max_waiting=1)
    yield worker
    await worker.close()


async def test_work_is_done_in_one_thread_beside_the_loop(worker):
    threads = [await worker.run(lambda _: threading.get_ident()) for _ in range(2)]
    assert threads[0] == threads[1] != threading.get_ident()


async def test_pieces_come_as_they_are_made(worker):
    may_go_on = threading.Event()

    def work(_: Stopped) -> Iterator[int]:
        yield 1
        may_go_on.wait()
        yield 2

    pieces = worker.pieces(work)
    assert await anext(pieces) == 1
    may_go_on.set()
    assert [piece async for piece in pieces] == [2]


async def test_whoever_leaves_is_worked_for_no_longer(worker):
    seen: list[Stopped] = []

    def work(stopped: Stopped) -> Iterator[int]:
        seen.append(stopped)
        yield 1
        while not stopped.wait(0.001):
            yield 2

    pieces = worker.pieces(work)
    await anext(pieces)
    await pieces.aclose()
    assert seen[0].is_set()
    assert await worker.run(lambda _: "next") == "next"


async def test_a_failure_reaches_whoever_waits(worker):
    def work(_: Stopped) -> Iterator[int]:
        yield 1
        raise LookupError("broken")

    with pytest.raises(LookupError, match="broken"):
        [piece async for piece in worker.pieces(work)]


async def test_a_full_line_turns_away(worker):
    free = threading.Event()
    waiting = [asyncio.create_task(worker.run(lambda _: free.wait())) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(ProviderUnavailable, match="2 requests wait for the model already"):
        await worker.run(lambda _: None)
    with pytest.raises(ProviderUnavailable, match="2 requests wait for the model already"):
        await anext(worker.pieces(lambda _: [None]))
    free.set()
    assert await asyncio.gather(*waiting) == [True, True]


async def test_closing_ends_what_is_worked_on_and_waits_for_it():
    worker, begun, ended = Worker("test", max_waiting=1), threading.Event(), threading.Event()

    def work(stopped: Stopped) -> None:
        begun.set()
        stopped.wait()
        ended.set()

    waiting = asyncio.create_task(worker.run(work))
    await asyncio.to_thread(begun.wait)
    await worker.close()
    assert ended.is_set()
    await waiting


async def test_closing_ends_those_in_line_who_wait_for_pieces():
    worker, begun, next_ended = Worker("test", max_waiting=1), threading.Event(), threading.Event()

    def work(_: Stopped) -> Iterator[int]:
        begun.set()
        next_ended.wait(60)
        yield 1

    streams = [asyncio.ensure_future(anext(worker.pieces(work))) for _ in range(2)]
    streams[1].add_done_callback(lambda _: next_ended.set())
    await asyncio.to_thread(begun.wait)
    await worker.close()
    assert await streams[0] == 1
    with pytest.raises(asyncio.CancelledError):
        await streams[1]
