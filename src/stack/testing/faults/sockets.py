"""Faults of connections and of time: resets, early ends, silence."""

from __future__ import annotations

from stack.testing.answers import encode
from stack.testing.exchange import JSON, Exchange
from stack.testing.faults.table import Table

TABLE = Table()
DAY_S = 86400.0


@TABLE.add("fault-hang")
async def hang(exchange: Exchange) -> None:
    """No byte, ever; the connection stays open."""
    await exchange.pause(DAY_S)


@TABLE.add("fault-slow-first-byte-5", r"fault-slow-first-byte-(?P<seconds>[\d.]+)")
async def slow_first_byte(exchange: Exchange, seconds: str) -> None:
    """Silence for S seconds, then a correct answer."""
    await exchange.pause(float(seconds))
    await exchange.ok()


@TABLE.add("fault-hang-midstream-3", r"fault-hang-midstream-(?P<count>\d+)")
async def hang_midstream(exchange: Exchange, count: str) -> None:
    """N events of a stream, or half of a JSON body, then silence."""
    await exchange.part(int(count))
    await exchange.pause(DAY_S)


@TABLE.add("fault-slow-loris-200", r"fault-slow-loris-(?P<milliseconds>[\d.]+)")
async def slow_loris(exchange: Exchange, milliseconds: str) -> None:
    """A correct JSON answer, one byte every M milliseconds, headers included."""
    body = encode(exchange.answer.document())
    for byte in exchange.head(200, JSON, length=len(body)) + body:
        await exchange.send(bytes([byte]))
        await exchange.pause(float(milliseconds) / 1000)


@TABLE.add("fault-slow-body-200", r"fault-slow-body-(?P<milliseconds>[\d.]+)")
async def slow_body(exchange: Exchange, milliseconds: str) -> None:
    """The headers of a correct JSON answer at once, and its body one byte every M milliseconds."""
    body = encode(exchange.answer.document())
    await exchange.begin(length=len(body))
    for byte in body:
        await exchange.send(bytes([byte]))
        await exchange.pause(float(milliseconds) / 1000)


@TABLE.add("fault-reset")
async def reset(exchange: Exchange) -> None:
    """RST before any byte."""
    await exchange.reset()


@TABLE.add("fault-close")
async def close(exchange: Exchange) -> None:
    """FIN before any byte."""
    await exchange.close()


@TABLE.add("fault-reset-midheaders")
async def reset_midheaders(exchange: Exchange) -> None:
    """RST inside the headers."""
    await exchange.reset(b"HTTP/1.1 200 OK\r\ncontent-ty")


@TABLE.add("fault-close-midheaders")
async def close_midheaders(exchange: Exchange) -> None:
    """FIN inside the headers."""
    await exchange.close(b"HTTP/1.1 200 OK\r\ncontent-ty")


@TABLE.add("fault-reset-midbody")
async def reset_midbody(exchange: Exchange) -> None:
    """RST after half of a JSON body."""
    await exchange.half()
    await exchange.reset()


@TABLE.add("fault-reset-midstream", r"fault-reset-midstream(?:-(?P<count>\d+))?")
async def reset_midstream(exchange: Exchange, count: str = "3") -> None:
    """RST after 3 (or N) events of a stream, or after half of a JSON body."""
    await exchange.part(int(count))
    await exchange.reset()


@TABLE.add("fault-close-midstream", r"fault-close-midstream(?:-(?P<count>\d+))?")
async def close_midstream(exchange: Exchange, count: str = "3") -> None:
    """FIN after 3 (or N) events of a stream, or after half of a JSON body."""
    await exchange.part(int(count))
    await exchange.close()


@TABLE.add("fault-stale-keepalive")
async def stale_keepalive(exchange: Exchange) -> None:
    """A correct answer; the connection is kept, and closed as soon as the next request comes over it."""
    await exchange.ok()
    await exchange.connection.arrival()
    await exchange.close()


@TABLE.add("fault-idle-close")
async def idle_close(exchange: Exchange) -> None:
    """A correct answer that promises to keep the connection, which is then closed."""
    await exchange.ok()
    await exchange.close()
