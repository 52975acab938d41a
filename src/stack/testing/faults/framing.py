"""Faults of HTTP itself: wrong lengths, bad chunks, two answers for one request, headers without measure."""

from __future__ import annotations

from stack.testing.answers import encode
from stack.testing.exchange import JSON, Exchange, Headers, head
from stack.testing.faults.table import Table

TABLE = Table()
KIB = 1024
FORGED = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 6\r\n\r\nforged"


@TABLE.add("fault-short-body")
async def short_body(exchange: Exchange) -> None:
    """A content-length greater than the body, then FIN."""
    await exchange.begin(length=5000)
    await exchange.close(b'{"id":')


@TABLE.add("fault-bad-chunked")
async def bad_chunked(exchange: Exchange) -> None:
    """A chunked body with a chunk size that is not a number."""
    await exchange.begin()
    await exchange.close(b"size?\r\n{}\r\n0\r\n\r\n")


@TABLE.add("fault-cl-te")
async def length_and_chunks(exchange: Exchange) -> None:
    """Content-length and transfer-encoding that disagree, and a forged second answer behind."""
    both: Headers = {"content-type": JSON, "content-length": 5 + len(FORGED), "transfer-encoding": "chunked"}
    await exchange.send(head(200, both) + b"0\r\n\r\n" + FORGED)


@TABLE.add("fault-extra-response")
async def extra_response(exchange: Exchange) -> None:
    """A correct answer, and behind it on the same connection a forged one that nobody asked for."""
    # In a piece of its own it might come only once the next request is out, whose answer it would be.
    await exchange.ok(behind=FORGED)


@TABLE.add("fault-garbage")
async def garbage(exchange: Exchange) -> None:
    """Bytes that are not HTTP."""
    await exchange.close(b"\x00\x16\x03\x01 what is this\r\n\r\n")


@TABLE.add("fault-header-bomb-256", r"fault-header-bomb-(?P<kib>\d+)")
async def header_bomb(exchange: Exchange, kib: str) -> None:
    """A correct answer with one header of N KiB."""
    await exchange.reply(200, exchange.answer.document(), headers={"x-bomb": "b" * (int(kib) * KIB)})


@TABLE.add("fault-many-headers-5000", r"fault-many-headers-(?P<count>\d+)")
async def many_headers(exchange: Exchange, count: str) -> None:
    """A correct answer with N more headers."""
    headers = {f"x-more-{number}": number for number in range(int(count))}
    await exchange.reply(200, exchange.answer.document(), headers=headers)


@TABLE.add("fault-interim-103", r"fault-interim-(?P<status>10[023])(?:-times-(?P<times>\d+))?")
async def interim(exchange: Exchange, status: str, times: str = "1") -> None:
    """One (or N) interim answers of that status (100, 102, 103), then a correct one: legal HTTP."""
    for _ in range(int(times)):
        await exchange.send(head(int(status), {"x-interim": "yes"}))
    await exchange.ok()


@TABLE.add("fault-until-close")
async def until_close(exchange: Exchange) -> None:
    """A correct JSON body without a length, ended by FIN: legal HTTP."""
    headers = head(200, {"content-type": JSON, "connection": "close"})
    await exchange.close(headers + encode(exchange.answer.document()))
