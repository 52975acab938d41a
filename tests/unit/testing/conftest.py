"""A raw client that shows what a socket really delivers: bytes, and how they ended."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Self

import pytest

from stack.testing.upstream import FaultUpstream

LIMIT = 1 << 28


@dataclass(frozen=True)
class Heard:
    """All bytes of one connection. ended: eof, reset, or silence when nothing more came in time."""

    data: bytes
    ended: str

    @property
    def head(self) -> str:
        return self.data.partition(b"\r\n\r\n")[0].decode("latin-1")

    @property
    def status(self) -> int:
        return int(self.head.split(" ")[1])

    def header(self, name: str) -> str:
        return re.search(rf"(?im)^{name}: (.*?)\r?$", self.head)[1]

    @property
    def body(self) -> bytes:
        raw = self.data.partition(b"\r\n\r\n")[2]
        return b"".join(self.chunks) if "transfer-encoding: chunked" in self.head else raw

    @property
    def chunks(self) -> list[bytes]:
        rest, found = self.data.partition(b"\r\n\r\n")[2], []
        while match := re.match(rb"([0-9a-f]+)\r\n", rest):
            size = int(match[1], 16)
            found.append(rest[match.end() : match.end() + size])
            rest = rest[match.end() + size + 2 :]
        return [chunk for chunk in found if chunk]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[str]:
        """The data of each event, as a parser of the SSE standard finds it."""
        text = re.sub(r"\r\n?", "\n", self.body.decode("utf-8", "replace"))
        blocks = [
            [line[5:].removeprefix(" ") for line in block.split("\n") if line[:5] == "data:"]
            for block in text.split("\n\n")
        ]
        return ["\n".join(lines) for lines in blocks if lines]

    @property
    def text(self) -> str:
        """The text of a chat answer, streamed or whole."""
        if "event-stream" not in self.head:
            return self.json["choices"][0]["message"]["content"]
        choices = [json.loads(event)["choices"] for event in self.events if event != "[DONE]"]
        return "".join(each[0]["delta"].get("content", "") for each in choices if each)


class Caller:
    """One connection to an upstream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def to(cls, port: int, tls: ssl.SSLContext | None = None) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=LIMIT, ssl=tls))

    def send(self, path: str, body: object = None, *, method: str = "POST", **headers: str) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        head = f"{method} {path} HTTP/1.1\r\nhost: x\r\n{lines}content-length: {len(data)}\r\n\r\n"
        self.writer.write(head.encode() + data)

    async def hear(self, patience_s: float = 60.0, enough: int = LIMIT) -> Heard:
        """Everything up to the end of the connection, until `enough` bytes have come or none come any more."""
        data = bytearray()
        try:
            while len(data) < enough:
                async with asyncio.timeout(patience_s):
                    more = await self.reader.read(1 << 20)
                if not more:
                    return Heard(bytes(data), "eof")
                data += more
        except ConnectionResetError:
            return Heard(bytes(data), "reset")
        except TimeoutError:
            return Heard(bytes(data), "silence")
        return Heard(bytes(data), "enough")

    async def hear_one(self) -> Heard:
        """One answer with a content-length, over a connection that stays."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(Heard(head, "").header("content-length"))
        return Heard(head + await self.reader.readexactly(length), "kept")

    async def close(self) -> None:
        self.writer.close()


Ask = Callable[..., Awaitable[Heard]]


@pytest.fixture
async def upstream() -> AsyncIterator[FaultUpstream]:
    async with FaultUpstream() as upstream:
        yield upstream


@pytest.fixture
async def call() -> AsyncIterator[Callable[..., Awaitable[Caller]]]:
    """Open connections; closed at the end."""
    callers: list[Caller] = []

    async def connect(port: int, tls: ssl.SSLContext | None = None) -> Caller:
        callers.append(await Caller.to(port, tls))
        return callers[-1]

    yield connect
    for caller in callers:
        await caller.close()


@pytest.fixture
def ask(upstream: FaultUpstream, call: Callable[..., Awaitable[Caller]]) -> Ask:
    """One chat request of a model to the upstream, over a connection of its own that is not kept."""

    async def ask(model: str, *, stream: bool = False, path: str = "/v1/chat/completions", **options: Any) -> Heard:
        caller = await call(upstream.port)
        hear = {name: options.pop(name) for name in ("patience_s", "enough") if name in options}
        headers = options.pop("headers", {})
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": stream, **options}
        caller.send(path, body, connection="close", **headers)
        return await caller.hear(**hear)

    return ask


@pytest.fixture
def get(upstream: FaultUpstream, call: Callable[..., Awaitable[Caller]]) -> Ask:
    """One request without a body."""

    async def get(path: str, method: str = "GET") -> Heard:
        caller = await call(upstream.port)
        caller.send(path, method=method, connection="close")
        return await caller.hear()

    return get
