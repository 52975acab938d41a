"""Work that blocks, in a thread that is always waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

T = TypeVar("T")
A = TypeVarTuple("A")


async def finished(work: Callable[[*A], T], *args: *A) -> T:
    """What `work` returns, run in a thread. A caller that is cancelled leaves only once the thread is done.

    So nobody closes or removes a file that a thread still uses. Raises: what `work` does.
    """
    running = asyncio.ensure_future(asyncio.to_thread(work, *args))
    is_cancelled = False
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError:
            is_cancelled = True
    if is_cancelled:
        running.exception()  # seen, for nobody waits for it any more
        raise asyncio.CancelledError
    return running.result()
