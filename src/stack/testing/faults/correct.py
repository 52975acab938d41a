"""Behaviours that answer correctly: what was asked for, streamed or whole, of a chosen size and pace."""

from __future__ import annotations

from itertools import cycle, islice

from stack.testing.answers import WORDS, encode
from stack.testing.exchange import Exchange
from stack.testing.faults.table import Table

TABLE = Table()
# Characters of one piece of a sized text.
PIECE = 1000


@TABLE.add("ok")
async def ok(exchange: Exchange) -> None:
    """A correct answer; so does every other name that is not a fault."""
    await exchange.ok()


@TABLE.add("echo")
async def echo(exchange: Exchange) -> None:
    """A correct answer whose text is JSON: method, target, headers and body of the request as they arrived."""
    seen = exchange.request
    body = seen.body.decode("utf-8", "replace") if seen.json is None else seen.json
    told = {"method": seen.method, "target": seen.target, "headers": seen.headers, "body": body}
    await exchange.ok([encode(told).decode()])


@TABLE.add("size-100000", r"size-(?P<characters>\d+)")
async def size(exchange: Exchange, characters: str) -> None:
    """A correct answer whose text is N characters long."""
    whole, rest = divmod(int(characters), PIECE)
    await exchange.ok(["x" * PIECE] * whole + ["x" * rest] * bool(rest))


@TABLE.add("stream-1000", r"stream-(?P<count>\d+)")
async def stream(exchange: Exchange, count: str) -> None:
    """A correct answer of N pieces, streamed as fast as the caller reads."""
    await exchange.ok(tuple(islice(cycle(WORDS), int(count))))


@TABLE.add("stream-100-every-20", r"stream-(?P<count>\d+)-every-(?P<milliseconds>[\d.]+)")
async def paced(exchange: Exchange, count: str, milliseconds: str) -> None:
    """A correct answer of N pieces, M milliseconds apart; whole, it takes as long."""
    await exchange.ok(tuple(islice(cycle(WORDS), int(count))), every_s=float(milliseconds) / 1000)
