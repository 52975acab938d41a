"""One request on its connection, and the pieces of which right and wrong answers are made."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from itertools import islice

from stack.testing.answers import DONE, Answer, encode, error_body
from stack.testing.http import Connection, Request

JSON = "application/json"
SSE = "text/event-stream; charset=utf-8"
Headers = Mapping[str, str | int]
NO_HEADERS: Headers = {}
REASONS = {status.value: status.phrase for status in HTTPStatus}
# Events of an unpaced stream that share one write: one system call per event would measure the kernel.
BLOCK = 64


def head(status: int, headers: Headers) -> bytes:
    """A status line and headers."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}\r\n{lines}\r\n".encode("latin-1")


def chunked(data: bytes) -> bytes:
    """One HTTP chunk; of no data, the last one."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _blocks(events: Iterable[bytes], size: int) -> Iterator[bytes]:
    remaining = iter(events)
    while block := b"".join(map(chunked, islice(remaining, size))):
        yield block


@dataclass
class Exchange:
    """What a behaviour answers to, and with what. answer: the correct answer, for a behaviour to send or to spoil."""

    connection: Connection
    request: Request
    answer: Answer
    random: random.Random
    streaming: bool = False

    async def send(self, data: bytes) -> None:
        """Raw bytes. Raises CallerGone, as everything here does."""
        await self.connection.send(data)

    async def pause(self, seconds: float) -> None:
        await self.connection.pause(seconds)

    async def begin(
        self, status: int = 200, content_type: str = JSON, headers: Headers = NO_HEADERS, *, length: int | None = None
    ) -> None:
        """Status line and headers; chunked where no length is given."""
        await self.send(self.head(status, content_type, headers, length=length))

    def head(
        self, status: int, content_type: str, headers: Headers = NO_HEADERS, *, length: int | None = None
    ) -> bytes:
        kind: Headers = {"content-type": content_type} if content_type else {}
        framing: Headers = {"transfer-encoding": "chunked"} if length is None else {"content-length": length}
        closing: Headers = {} if self.connection.keep_alive else {"connection": "close"}
        return head(status, {**kind, "x-request-id": self.answer.id, **framing, **headers, **closing})

    async def reply(
        self,
        status: int,
        body: object,
        content_type: str = JSON,
        headers: Headers = NO_HEADERS,
        *,
        behind: bytes = b"",
    ) -> None:
        """A whole answer: bytes as they are, anything else as JSON; and in one piece with it what comes `behind`."""
        data = body if isinstance(body, bytes) else encode(body)
        await self.send(self.head(status, content_type, headers, length=len(data)) + data + behind)

    async def fail(
        self, status: int, message: str = "", code: str | None = None, headers: Headers = NO_HEADERS
    ) -> None:
        """An error as OpenAI words it."""
        body = error_body(status, message or f"the upstream fails with {status}", code)
        await self.reply(status, body, headers=headers)

    async def ok(self, pieces: Iterable[str] | None = None, *, every_s: float = 0.0, behind: bytes = b"") -> None:
        """The correct answer, streamed or whole as it was asked for; a paced one takes as long either way.

        behind: bytes that leave in one piece with its end.
        """
        answer = self.answer if pieces is None else replace(self.answer, pieces=pieces)
        if answer.streamed:
            await self.stream(answer.events(), every_s=every_s)
            await self.finish(behind=behind)
        else:
            if every_s:
                await self.pause(every_s * len(tuple(answer.pieces)))
            await self.reply(200, answer.document(), behind=behind)

    async def stream(self, events: Iterable[bytes], *, every_s: float = 0.0) -> None:
        """SSE events, `every_s` seconds apart; the first ones open the stream."""
        await self.open_stream()
        for block in _blocks(events, 1 if every_s else BLOCK):
            await self.send(block)
            if every_s:
                await self.pause(every_s)

    async def open_stream(self) -> None:
        if not self.streaming:
            self.streaming = True
            await self.begin(200, SSE, {"cache-control": "no-cache"})

    async def finish(self, *, done: bool = True, behind: bytes = b"") -> None:
        """The end of a stream, with or without `[DONE]`."""
        await self.open_stream()
        await self.send((chunked(DONE) if done else b"") + chunked(b"") + behind)

    async def part(self, count: int = 3) -> None:
        """The first `count` events of a stream; half of the body where no stream was asked for."""
        if self.answer.streamed:
            return await self.stream(islice(self.answer.events(), count))
        return await self.half()

    async def half(self) -> None:
        """Headers that promise a whole JSON body, and half of it."""
        body = encode(self.answer.document())
        await self.begin(length=len(body))
        await self.send(body[: len(body) // 2])

    async def close(self, data: bytes = b"") -> None:
        """Raw bytes, then FIN."""
        if data:
            await self.send(data)
        self.connection.close()

    async def reset(self, data: bytes = b"") -> None:
        """Raw bytes, then RST."""
        if data:
            await self.send(data)
        await self.connection.reset()
