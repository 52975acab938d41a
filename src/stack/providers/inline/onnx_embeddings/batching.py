"""Batches for a model that computes many rows at a time better than one: the rows of all requests share them.

Nothing waits for a batch to fill: a free thread takes what is there, and what arrives meanwhile is the next batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from stack.errors import ShuttingDown

Row = Sequence[int]
Compute = Callable[[list[Row]], Sequence[bytes]]


@dataclass(eq=False, slots=True)
class _Request:
    """waiting: indexes of the rows that no batch has taken, the longest last. missing: how many have no vector."""

    rows: Sequence[Row]
    done: asyncio.Future[None]
    waiting: list[int] = field(init=False)
    vectors: list[bytes] = field(init=False)
    missing: int = field(init=False)

    def __post_init__(self) -> None:
        self.waiting = sorted(range(len(self.rows)), key=lambda index: len(self.rows[index]))
        self.vectors = [b""] * len(self.rows)
        self.missing = len(self.rows)

    def next_length(self) -> int:
        return len(self.rows[self.waiting[-1]])

    def put(self, index: int, vector: bytes) -> None:
        self.vectors[index] = vector
        self.missing -= 1
        if not self.missing and not self.done.done():
            self.done.set_result(None)

    def fail(self, error: BaseException) -> None:
        self.waiting.clear()
        if not self.done.done():
            self.done.set_exception(error)


class Batches:
    """`compute` runs in at most `threads` threads, on batches of up to `max_tokens` tokens, padding included.

    Requests take turns: a large one does not keep a small one waiting for longer than a batch.
    """

    def __init__(self, compute: Compute, threads: int, max_tokens: int) -> None:
        self._compute = compute
        self._threads = threads
        self._max_tokens = max_tokens
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="stack-embeddings")
        self._requests: list[_Request] = []
        self._running = 0
        self._closed = False

    async def vectors(self, rows: Sequence[Row]) -> list[bytes]:
        """What `compute` gives for each row, in their order. Raises: ShuttingDown, and what `compute` does."""
        if self._closed:
            raise ShuttingDown("the server is stopping")
        request = _Request(rows, asyncio.get_running_loop().create_future())
        self._requests.append(request)
        self._start()
        try:
            await request.done
        finally:
            request.waiting.clear()  # a caller who left: what no batch has taken is not computed
        return request.vectors

    async def close(self) -> None:
        """Wait for the batches that are being computed; requests with rows beyond them fail."""
        self._closed = True
        for request in self._requests:
            request.fail(ShuttingDown("the server stopped before the answer was complete"))
        await asyncio.to_thread(self._pool.shutdown)

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        while self._running < self._threads and (batch := self._take()):
            self._running += 1
            job = loop.run_in_executor(self._pool, self._compute, [request.rows[index] for request, index in batch])
            job.add_done_callback(partial(self._finish, batch))

    def _take(self) -> list[tuple[_Request, int]]:
        """The next batch, empty if nothing waits; those who have a row in it go to the end of the queue."""
        batch: list[tuple[_Request, int]] = []
        longest = tokens = 0
        passed_over: list[_Request] = []
        served: list[_Request] = []
        for request in self._requests:
            before = len(batch)
            while request.waiting and self._fits(len(batch), tokens, longest, length := request.next_length()):
                longest, tokens = max(longest, length), tokens + length
                batch.append((request, request.waiting.pop()))
            if request.waiting:
                (passed_over if len(batch) == before else served).append(request)
        self._requests = passed_over + served
        return batch

    def _fits(self, count: int, tokens: int, longest: int, length: int) -> bool:
        """Whether one more row keeps a batch below its limit, and padding below a tenth of it."""
        padded = (count + 1) * max(longest, length)
        return not count or (padded <= self._max_tokens and 10 * (tokens + length) >= 9 * padded)

    def _finish(self, batch: list[tuple[_Request, int]], job: asyncio.Future[Sequence[bytes]]) -> None:
        self._running -= 1
        if (error := job.exception()) is not None:
            for request, _ in batch:
                request.fail(error)
        else:
            for (request, index), vector in zip(batch, job.result(), strict=True):
                request.put(index, vector)
        if not self._closed:
            self._start()
