"""Tokens that a service gives for a key: each kept for most of its life, and fetched once for all who wait for it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import NamedTuple

KEPT_SHARE = 0.9  # of a token's life; the rest is for requests that are under way
MAX_TOKENS = 256  # so that callers with keys of their own cannot pile them up


class _Kept(NamedTuple):
    token: str
    until: float


class Tokens:
    """fetch: gives a token for a key and the token's lifetime in seconds; what it raises reaches all who wait."""

    def __init__(self, fetch: Callable[[str], Awaitable[tuple[str, float]]]) -> None:
        self._fetch = fetch
        self._kept: dict[bytes, _Kept] = {}
        self._fetching: dict[bytes, asyncio.Task[str]] = {}

    async def get(self, key: str) -> str:
        """The token for a key. Raises: what `fetch` raises."""
        name = _name(key)
        kept = self._kept.get(name)
        if kept and asyncio.get_running_loop().time() < kept.until:
            return kept.token
        task = self._fetching.get(name)
        if task is None:
            # In a context of its own: whoever asked first may have less time than the others, or leave.
            task = asyncio.get_running_loop().create_task(self._renew(name, key), context=Context())
            task.add_done_callback(_seen)
            self._fetching[name] = task
        return await asyncio.shield(task)

    def forget(self, key: str, token: str) -> None:
        """Fetch anew next time, unless that has happened since `token` was given."""
        kept = self._kept.get(_name(key))
        if kept and kept.token == token:
            del self._kept[_name(key)]

    def close(self) -> None:
        """Stop fetching."""
        for task in self._fetching.values():
            task.cancel()

    async def _renew(self, name: bytes, key: str) -> str:
        try:
            token, lifetime_s = await self._fetch(key)
        finally:
            self._fetching.pop(name, None)
        self._kept.pop(name, None)
        if len(self._kept) >= MAX_TOKENS:
            del self._kept[next(iter(self._kept))]  # the one fetched longest ago
        self._kept[name] = _Kept(token, asyncio.get_running_loop().time() + lifetime_s * KEPT_SHARE)
        return token


def _name(key: str) -> bytes:
    # The digest, so that a caller's key is not kept longer than its request.
    return hashlib.blake2b(key.encode(), digest_size=16).digest()


def _seen(task: asyncio.Task[str]) -> None:
    """Take note of a failure that nobody waits for any more."""
    if not task.cancelled():
        task.exception()
