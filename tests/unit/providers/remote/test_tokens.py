"""Tokens are kept, fetched once for all who wait, and forgotten when they are refused."""

from __future__ import annotations

import asyncio

import pytest

from stack.providers.remote.tokens import MAX_TOKENS, Tokens


class Source:
    """Gives `KEY-1`, `KEY-2`, ...; waits for `gate` first, fails while `broken`."""

    def __init__(self) -> None:
        self.fetched: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.broken = False

    async def fetch(self, key: str) -> tuple[str, float]:
        self.fetched.append(key)
        await self.gate.wait()
        if self.broken:
            raise LookupError(key)
        return f"{key}-{len(self.fetched)}", 3600


@pytest.fixture
def source() -> Source:
    return Source()


async def test_a_token_is_kept_per_key(source: Source):
    tokens = Tokens(source.fetch)
    assert [await tokens.get(key) for key in ("a", "b", "a")] == ["a-1", "b-2", "a-1"]


async def test_a_failure_reaches_all_who_wait_and_is_not_kept(source: Source):
    tokens, source.broken = Tokens(source.fetch), True
    ended = await asyncio.gather(*(tokens.get("a") for _ in range(3)), return_exceptions=True)
    source.broken = False
    assert [type(each) for each in ended] == [LookupError] * 3
    assert await tokens.get("a") == "a-2"


async def test_whoever_asked_first_may_leave(source: Source):
    tokens = Tokens(source.fetch)
    source.gate.clear()
    first, second = (asyncio.ensure_future(tokens.get("a")) for _ in range(2))
    await asyncio.wait([first], timeout=0)
    first.cancel()
    source.gate.set()
    assert await second == "a-1"


async def test_a_newer_token_survives_the_refusal_of_an_older(source: Source):
    tokens = Tokens(source.fetch)
    old = await tokens.get("a")
    tokens.forget("a", old)
    new = await tokens.get("a")
    tokens.forget("a", old)
    assert (await tokens.get("a"), new) == ("a-2", "a-2")


async def test_many_keys_keep_few_tokens(source: Source):
    tokens = Tokens(source.fetch)
    for number in (*range(MAX_TOKENS + 1), 1, 0):
        await tokens.get(str(number))
    assert source.fetched[MAX_TOKENS + 1 :] == ["0"]


async def test_closing_ends_what_is_under_way(source: Source):
    tokens = Tokens(source.fetch)
    source.gate.clear()
    waiting = asyncio.ensure_future(tokens.get("a"))
    await asyncio.wait([waiting], timeout=0)
    tokens.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
