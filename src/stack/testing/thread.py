"""An asynchronous context manager on an event loop of its own, in a thread: for tests that have no loop, or many."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def in_thread(manager: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """Enter `manager` in a thread, yield what it gives, leave it in the same thread. Raises what entering raises."""
    entered: Future[tuple[T, asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    thread = threading.Thread(target=lambda: asyncio.run(_hold(manager, entered)), name="in-thread", daemon=True)
    thread.start()
    value, loop, leave = entered.result()
    try:
        yield value
    finally:
        loop.call_soon_threadsafe(leave.set)
        thread.join()


async def _hold(
    manager: AbstractAsyncContextManager[T], entered: Future[tuple[T, asyncio.AbstractEventLoop, asyncio.Event]]
) -> None:
    leave = asyncio.Event()
    try:
        value = await manager.__aenter__()
    except BaseException as error:
        entered.set_exception(error)
        return
    entered.set_result((value, asyncio.get_running_loop(), leave))
    await leave.wait()
    await manager.__aexit__(None, None, None)
