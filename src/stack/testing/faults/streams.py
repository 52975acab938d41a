"""Faults of event streams, and streams that are odd but legal. All of them stream, asked or not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import cycle, repeat

from stack.testing.answers import DONE, WORDS, error_body, event
from stack.testing.exchange import SSE, Exchange, chunked
from stack.testing.faults.table import Table

TABLE = Table()
MIB = 1024 * 1024


async def _raw(exchange: Exchange, pieces: Iterable[bytes]) -> None:
    """A chunked stream of any bytes."""
    await exchange.begin(200, SSE)
    for piece in pieces:
        await exchange.send(chunked(piece))
    await exchange.send(chunked(b""))


async def _around(exchange: Exchange, data: bytes) -> None:
    """Two good events, the given bytes, then a regular end."""
    first, second, *_ = exchange.answer.events()
    await exchange.stream([first, second, data])
    await exchange.finish()


@TABLE.add("fault-no-done")
async def no_done(exchange: Exchange) -> None:
    """Every event of a stream, the finish too, but no `[DONE]`."""
    await exchange.stream(exchange.answer.events())
    await exchange.finish(done=False)


@TABLE.add("fault-no-finish-reason")
async def no_finish_reason(exchange: Exchange) -> None:
    """A stream that ends with `[DONE]` though no chunk has a finish_reason."""
    answer = exchange.answer
    await exchange.stream([answer.chunk(word, role=not index) for index, word in enumerate(WORDS)])
    await exchange.finish()


@TABLE.add("fault-truncated-stream", r"fault-truncated-stream(?:-(?P<count>\d+))?")
async def truncated(exchange: Exchange, count: str = "3") -> None:
    """3 (or N) events, then a regular end of the body: no finish_reason, no `[DONE]`."""
    events = tuple(exchange.answer.events())
    await exchange.stream(events[: int(count)])
    await exchange.finish(done=False)


@TABLE.add("fault-stream-error", r"fault-stream-error(?:-(?P<count>\d+))?")
async def stream_error(exchange: Exchange, count: str = "2") -> None:
    """2 (or N) events, an error object as the next one, then `[DONE]`."""
    events = tuple(exchange.answer.events())
    await exchange.stream([*events[: int(count)], event(error_body(500, "the engine failed"))])
    await exchange.finish()


@TABLE.add("fault-stream-named-error")
async def named_error(exchange: Exchange) -> None:
    """Two events, then `event: error` with an error object, and no `[DONE]`."""
    first, second, *_ = exchange.answer.events()
    await exchange.stream([first, second, b"event: error\n" + event(error_body(500, "the engine failed"))])
    await exchange.finish(done=False)


@TABLE.add("fault-duplicate-chunks")
async def duplicate_chunks(exchange: Exchange) -> None:
    """Every event twice."""
    await exchange.stream(copy for each in exchange.answer.events() for copy in (each, each))
    await exchange.finish()


@TABLE.add("fault-after-done")
async def after_done(exchange: Exchange) -> None:
    """Another event behind `[DONE]`."""
    await exchange.stream([*exchange.answer.events(), DONE, exchange.answer.chunk("too late")])
    await exchange.finish(done=False)


@TABLE.add("fault-invalid-sse")
async def invalid_sse(exchange: Exchange) -> None:
    """A line that no SSE field begins, and data that is not JSON, between good events."""
    await _around(exchange, b"what is this\n\ndata: {not json\n\n")


@TABLE.add("fault-invalid-utf8")
async def invalid_utf8(exchange: Exchange) -> None:
    """An event with bytes that are not UTF-8, between good ones."""
    await _around(exchange, exchange.answer.chunk("@").replace(b"@", b"\xff\xfe\xc3"))


@TABLE.add("fault-huge-event-16", r"fault-huge-event-(?P<mib>\d+)")
async def huge_event(exchange: Exchange, mib: str) -> None:
    """One event of N MiB on one line, between good ones."""
    before, _, after = exchange.answer.chunk("@").partition(b"@")
    await exchange.stream([exchange.answer.chunk(WORDS[0], role=True)])
    for part in (before, *repeat(b"x" * MIB, int(mib)), after):
        await exchange.send(chunked(part))
    await exchange.finish()


@TABLE.add("fault-endless-event")
async def endless_event(exchange: Exchange) -> None:
    """An event whose line never ends."""
    await exchange.stream([exchange.answer.chunk("@").partition(b"@")[0]])
    while True:
        await exchange.send(chunked(b"x" * (64 * 1024)))


@TABLE.add("fault-endless")
async def endless(exchange: Exchange) -> None:
    """Good events without end, as fast as the caller reads."""
    await exchange.stream(replace(exchange.answer, pieces=cycle(WORDS)).events())


@TABLE.add("fault-endless-comments", r"fault-endless-comments(?:-(?P<milliseconds>\d+))?")
async def endless_comments(exchange: Exchange, milliseconds: str = "100") -> None:
    """Comments every 100 (or M) milliseconds, and never an event."""
    await exchange.stream(repeat(b": still here\n\n"), every_s=int(milliseconds) / 1000)


@TABLE.add("fault-split-sse")
async def split_sse(exchange: Exchange) -> None:
    """A correct stream, every byte in a chunk of its own, characters of many bytes cut as well: legal."""
    whole = b"".join(exchange.answer.events()) + DONE
    await _raw(exchange, (whole[i : i + 1] for i in range(len(whole))))


@TABLE.add("fault-crlf-sse")
async def crlf_sse(exchange: Exchange) -> None:
    """A correct stream whose lines end with CR LF, cut between the two: legal."""
    whole = (b"".join(exchange.answer.events()) + DONE).replace(b"\n", b"\r\n")
    await _raw(exchange, re.split(rb"(?<=\r)", whole))


@TABLE.add("fault-sse-comments")
async def sse_comments(exchange: Exchange) -> None:
    """A correct stream with comments before, between and after the events: legal."""
    ping = b": ping\n\n"
    events = (part for each in exchange.answer.events() for part in (ping, each))
    await exchange.stream([*events, ping])
    await exchange.finish()


@TABLE.add("fault-odd-sse")
async def odd_sse(exchange: Exchange) -> None:
    """A correct stream with other fields, no space behind `data:`, and data over several lines: legal."""
    events = [_odd(each) for each in exchange.answer.events()]
    await exchange.stream([b"retry: 3000\n\n", *events, b"data:[DONE]\n\n"])
    await exchange.finish(done=False)


def _odd(event_: bytes) -> bytes:
    indented = json.dumps(json.loads(event_.removeprefix(b"data: ")), indent=0).encode()
    lines = b"\n".join(b"data:" + line for line in indented.split(b"\n"))
    return b"event: message\nid: 7\n" + lines + b"\n\n"
