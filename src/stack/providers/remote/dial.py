"""The way to an upstream's socket: its name, then its addresses in turn, the next one without waiting for the last."""

from __future__ import annotations

import asyncio
import socket
from itertools import chain, zip_longest

HEAD_START_S = 0.25  # of one address over the next: RFC 8305, section 5

Sockaddr = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
Target = tuple[int, Sockaddr]
"""Address family, and what `connect` wants of it."""


async def resolve(host: str, port: int) -> list[Target]:
    """Where to try, the address families taking turns (RFC 8305, section 4). Raises: OSError, UnicodeError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    targets = list(dict.fromkeys((int(family), sockaddr) for family, _, _, _, sockaddr in found))
    first = [target for target in targets if target[0] == targets[0][0]]
    other = [target for target in targets if target[0] != targets[0][0]]
    return [target for target in chain.from_iterable(zip_longest(first, other)) if target is not None]


async def connect(targets: list[Target]) -> socket.socket:
    """A socket to the first that accepts; all are tried before it fails. Raises: OSError, of the first that failed."""
    loop = asyncio.get_running_loop()
    attempts: list[asyncio.Task[socket.socket]] = []
    waiting = list(targets)
    failure = OSError("the name has no address")
    chosen = None
    try:
        while waiting or not all(attempt.done() for attempt in attempts):
            if waiting:
                attempts.append(loop.create_task(_open(*waiting.pop(0))))
            running = [attempt for attempt in attempts if not attempt.done()]
            done, _ = await asyncio.wait(
                running, timeout=HEAD_START_S if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            chosen = next((attempt for attempt in done if attempt.exception() is None), None)
            if chosen is not None:
                return chosen.result()
        raise next((error for attempt in attempts if (error := attempt.exception())), failure)
    finally:
        for attempt in attempts:
            if attempt is not chosen:
                attempt.cancel()
                attempt.add_done_callback(_close)


async def _open(family: int, sockaddr: Sockaddr) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setblocking(False)
        await asyncio.get_running_loop().sock_connect(opened, sockaddr)
    except BaseException:
        opened.close()
        raise
    return opened


def _close(attempt: asyncio.Task[socket.socket]) -> None:
    """Let go of a socket that came too late."""
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()
