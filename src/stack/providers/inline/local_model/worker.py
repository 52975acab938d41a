"""A model in this process: one thread computes, one request at a time; whoever leaves is worked for no longer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from stack.errors import ProviderUnavailable

T = TypeVar("T")
Stopped = threading.Event  # set once nobody waits for the result any more


class Worker:
    """max_waiting: requests in line behind the one that is worked on; further ones are turned away."""

    def __init__(self, name: str, max_waiting: int) -> None:
        self._threads = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._most = max_waiting + 1
        self._open = 0
        self._asked: set[Stopped] = set()

    async def run(self, work: Callable[[Stopped], T]) -> T:
        """The result of `work`, which looks at its event from time to time. Raises: ProviderUnavailable."""
        stopped = Stopped()
        self._enter()
        self._asked.add(stopped)
        future = self._threads.submit(work, stopped)
        future.add_done_callback(lambda _: self._leave())
        try:
            return await asyncio.wrap_future(future)
        finally:
            stopped.set()
            self._asked.discard(stopped)

    async def pieces(self, work: Callable[[Stopped], Iterable[T]]) -> AsyncGenerator[T, None]:
        """What `work` yields, as it does. Raises: ProviderUnavailable, and what `work` raises."""
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[T | None] = asyncio.Queue()

        def produce(stopped: Stopped) -> None:
            for piece in work(stopped):
                loop.call_soon_threadsafe(pieces.put_nowait, piece)
                if stopped.is_set():
                    return

        running = asyncio.create_task(self.run(produce))
        running.add_done_callback(lambda _: pieces.put_nowait(None))  # also where `produce` never ran
        try:
            while (piece := await pieces.get()) is not None:
                yield piece
            await running
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def close(self) -> None:
        """Tell all that nobody waits, and wait for the thread: what it works with may be taken down then."""
        for stopped in self._asked:
            stopped.set()
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)

    def _enter(self) -> None:
        if self._open >= self._most:
            raise ProviderUnavailable(f"{self._open} requests wait for the model already: try again later")
        self._open += 1

    def _leave(self) -> None:
        self._open -= 1
