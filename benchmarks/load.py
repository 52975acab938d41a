"""A load generator that costs less than what it measures: ready-made requests, every answer compared."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from dataclasses import dataclass, field
from time import perf_counter
from typing import NamedTuple

import uvloop

PATIENCE_S = 20.0


class BenchError(Exception):
    """The run is worthless: a server did not start, did not answer, or answered wrongly."""


class Answer(NamedTuple):
    status: int
    body: bytes


class AnswerReader:
    """HTTP/1.1 answers, one after the other, from whatever pieces arrive."""

    def __init__(self) -> None:
        self._rest = b""
        self._status = 0
        self._length = -1
        self._parts: list[bytes] = []

    def feed(self, data: bytes) -> Answer | None:
        """The answer that `data` completes, if any. Raises ValueError on bytes that are not HTTP."""
        if self._rest:
            data = self._rest + data
        at = 0
        if not self._status:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._rest = data
                return None
            self._read_head(data[:end].lower())
            at = end + 4
        body = self._chunked(data, at) if self._length < 0 else self._sized(data, at)
        if body is None:
            return None
        answer = Answer(self._status, body)
        self._status, self._rest = 0, b""
        return answer

    def _read_head(self, head: bytes) -> None:
        if not head.startswith(b"http/1.1 "):
            raise ValueError(f"not an HTTP/1.1 answer: {head[:80]!r}")
        self._status = int(head[9:12])
        _, found, rest = head.partition(b"\r\ncontent-length:")
        if not found and b"\r\ntransfer-encoding: chunked" not in head:
            raise ValueError("an answer with neither length nor chunks")
        self._length = int(rest.split(b"\r\n", 1)[0]) if found else -1

    def _sized(self, data: bytes, at: int) -> bytes | None:
        if len(data) - at < self._length:
            self._rest = data[at:]
            return None
        return data[at : at + self._length]

    def _chunked(self, data: bytes, at: int) -> bytes | None:
        """The body, once its last chunk is there; until then whole chunks are put aside."""
        while (line := data.find(b"\r\n", at)) >= 0:
            size = int(data[at:line], 16)
            end = line + 2 + size
            if len(data) < end + 2:
                break
            if not size:
                body = b"".join(self._parts)
                self._parts.clear()
                return body
            self._parts.append(data[line + 2 : end])
            at = end + 2
        self._rest = data[at:]
        return None


@dataclass(slots=True)
class Load:
    """What one measurement saw; `seconds` runs until the last answer, so that no work goes uncounted."""

    seconds: float = 0.0
    latencies_s: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)


class _Caller(asyncio.Protocol):
    """One connection: asks, compares, asks again until the deadline."""

    transport: asyncio.Transport

    def __init__(self, load: Load, request: bytes, expected: bytes) -> None:
        self._load, self._request, self._expected = load, request, expected
        self._reader = AnswerReader()
        self._deadline = self._asked = 0.0
        self.done: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    # uvloop's transport has every method of `asyncio.Transport` without being one.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport

    def start(self, deadline: float) -> None:
        self._deadline = deadline
        self._ask()

    def _ask(self) -> None:
        self._asked = perf_counter()
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        try:
            answer = self._reader.feed(data)
        except ValueError as error:
            self._give_up(str(error))
            return
        if answer is None:
            return
        now = perf_counter()
        self._load.latencies_s.append(now - self._asked)
        if answer.status != 200 or answer.body != self._expected:
            self._load.errors[_difference(answer, self._expected)] += 1
        if now < self._deadline:
            self._ask()
        elif not self.done.done():
            self.done.set_result(now)

    def connection_lost(self, exc: Exception | None) -> None:
        self._give_up("connection lost")

    def _give_up(self, reason: str) -> None:
        if not self.done.done():
            self._load.errors[reason] += 1
            self.done.set_result(perf_counter())
            self.transport.abort()


def _difference(answer: Answer, expected: bytes) -> str:
    if answer.status != 200:
        return f"status {answer.status}: {answer.body[:200]!r}"
    shorter = min(len(answer.body), len(expected))
    at = next((at for at in range(shorter) if answer.body[at] != expected[at]), shorter)
    found, wanted = answer.body[max(0, at - 20) : at + 40], expected[max(0, at - 20) : at + 40]
    return f"{len(answer.body)} bytes instead of {len(expected)}, at byte {at} {found!r} instead of {wanted!r}"


async def _measure(port: int, request: bytes, expected: bytes, connections: int, seconds: float) -> Load:
    load = Load()
    loop = asyncio.get_running_loop()
    callers = [_Caller(load, request, expected) for _ in range(connections)]
    for caller in callers:
        await loop.create_connection(lambda caller=caller: caller, "127.0.0.1", port)  # type: ignore[misc]
    began = perf_counter()
    for caller in callers:
        caller.start(began + seconds)
    _, silent = await asyncio.wait([caller.done for caller in callers], timeout=seconds + PATIENCE_S)
    if silent:
        load.errors[f"no whole answer within {PATIENCE_S:.0f} s"] += len(silent)
        for future in silent:
            future.cancel()
    load.seconds = perf_counter() - began
    for caller in callers:
        caller.transport.close()
    return load


def measure(port: int, request: bytes, expected: bytes, *, connections: int, seconds: float) -> Load:
    """Ask on every connection until `seconds` are over, once at least, and wait for the last answers.

    Raises BenchError if one answer was not a 200 with exactly the expected body.
    """
    load = uvloop.run(_measure(port, request, expected, connections, seconds))
    if load.errors:
        reasons = "; ".join(f"{count} x {reason}" for reason, count in load.errors.most_common(3))
        raise BenchError(f"{load.errors.total()} errors beside {len(load.latencies_s)} answers: {reasons}")
    return load


def ask_once(port: int, request: bytes) -> Answer:
    """One blocking exchange on a connection of its own. Raises OSError, or ValueError on what is not HTTP."""
    reader = AnswerReader()
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        connection.sendall(request)
        while data := connection.recv(65536):
            if answer := reader.feed(data):
                return answer
    raise ConnectionResetError("closed before the answer was complete")
