"""Faults of a body that arrives whole: not JSON, other JSON, too much of it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import repeat

from stack.testing.answers import encode, error_body
from stack.testing.exchange import SSE, Exchange, chunked
from stack.testing.faults.table import Table

TABLE = Table()
MIB = 1024 * 1024
MARK = b"@here@"


@TABLE.add("fault-malformed-json")
async def malformed_json(exchange: Exchange) -> None:
    """200 and application/json, cut in the middle but of the promised length."""
    await exchange.reply(200, encode(exchange.answer.document())[:-20])


@TABLE.add("fault-empty-200")
async def empty_200(exchange: Exchange) -> None:
    """200 with an empty body."""
    await exchange.reply(200, b"")


@TABLE.add("fault-wrong-schema")
async def wrong_schema(exchange: Exchange) -> None:
    """200 with JSON of another shape."""
    await exchange.reply(200, {"choices": "none", "data": 7, "weather": "fine"})


@TABLE.add("fault-json-array")
async def json_array(exchange: Exchange) -> None:
    """200 with a JSON array where an object belongs."""
    await exchange.reply(200, [exchange.answer.document()])


@TABLE.add("fault-null-content")
async def null_content(exchange: Exchange) -> None:
    """200 with `content: null` and without usage: legal, and rare."""
    message = {"role": "assistant", "content": None}
    document = exchange.answer.document() | {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    document.pop("usage", None)
    await exchange.reply(200, document)


@TABLE.add("fault-error-200")
async def error_200(exchange: Exchange) -> None:
    """Status 200 around OpenAI's error object."""
    await exchange.reply(200, error_body(500, "the engine failed after the status was sent"))


@TABLE.add("fault-wrong-content-type")
async def wrong_content_type(exchange: Exchange) -> None:
    """A correct JSON answer that is called text/html."""
    await exchange.reply(200, exchange.answer.document(), "text/html")


@TABLE.add("fault-json-for-stream")
async def json_for_stream(exchange: Exchange) -> None:
    """A whole JSON answer, also where a stream was asked for."""
    await exchange.reply(200, exchange.answer.document())


@TABLE.add("fault-invalid-utf8-json")
async def invalid_utf8(exchange: Exchange) -> None:
    """A JSON answer whose text is not UTF-8."""
    before, after = _split(exchange)
    await exchange.reply(200, before + b"\xff\xfe\xc3" + after)


@TABLE.add("fault-bad-gzip")
async def bad_gzip(exchange: Exchange) -> None:
    """A body that is called gzip and is not."""
    await exchange.reply(200, exchange.answer.document(), headers={"content-encoding": "gzip"})


@TABLE.add("fault-huge-64", r"fault-huge-(?P<mib>\d+)")
async def huge(exchange: Exchange, mib: str) -> None:
    """A correct JSON answer with a text of N MiB, chunked."""
    before, after = _split(exchange)
    await exchange.begin()
    for part in (before, *repeat(b"x" * MIB, int(mib)), after, b""):
        await exchange.send(chunked(part))


@TABLE.add("fault-gzip-bomb-64", r"fault-gzip-bomb-(?P<mib>\d+)")
async def gzip_bomb(exchange: Exchange, mib: str) -> None:
    """A correct JSON answer with a text that inflates to N MiB, a thousand times what is sent."""
    before, after = _split(exchange)
    await exchange.begin(headers={"content-encoding": "gzip"})
    for part in _gzip([before, *repeat(b"x" * MIB, int(mib)), after]):
        if part:
            await exchange.send(chunked(part))
        await exchange.pause(0)
    await exchange.send(chunked(b""))


@TABLE.add("fault-endless-body")
async def endless_body(exchange: Exchange) -> None:
    """A JSON answer whose text never ends."""
    before, _ = _split(exchange)
    await exchange.begin()
    await exchange.send(chunked(before))
    while True:
        await exchange.send(chunked(b"x" * (64 * 1024)))


@TABLE.add("fault-empty-stream")
async def empty_stream(exchange: Exchange) -> None:
    """200 and text/event-stream, without any event."""
    await exchange.reply(200, b"", SSE)


def _split(exchange: Exchange) -> tuple[bytes, bytes]:
    """A correct JSON body, cut where its text stands; an API without text carries one in a field of its own."""
    document = replace(exchange.answer, pieces=[MARK.decode()]).document()
    body = encode(document)
    if MARK not in body:
        body = encode({**document, "note": MARK.decode()})
    before, _, after = body.partition(MARK)
    return before, after


def _gzip(parts: list[bytes]) -> Iterator[bytes]:
    """Compressed on the way, for a bomb must not go off where it is made; many parts come to nothing at first."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    for part in parts:
        yield compressor.compress(part)
    yield compressor.flush()
