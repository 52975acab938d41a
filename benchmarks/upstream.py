"""An OpenAI upstream that costs almost nothing: canned answers on uvloop and httptools.

Usage: python benchmarks/upstream.py PORT
"""

from __future__ import annotations

import asyncio
import itertools
import re
import sys
from collections.abc import Iterator

import httptools
import uvloop
from payloads import ANSWER, CHUNKS, DONE, MODELS, PACE_S

_STREAM = re.compile(rb'"stream":\s*true')
_PACED = re.compile(rb'"user":\s*"paced"')
_HEAD = b"HTTP/1.1 200 OK\r\nx-request-id: req_bench\r\nopenai-processing-ms: 1\r\ncontent-type: "
_STREAM_HEAD = _HEAD + b"text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_LAST = b"0\r\n\r\n"
_arrivals = itertools.count()


def _json(body: bytes) -> bytes:
    return _HEAD + b"application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def _framed(payload: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(payload), payload)


_PLAIN, _LISTING = _json(ANSWER), _json(MODELS)
# Each event is an HTTP chunk of its own, as vendors send them; a busy proxy finds many in one read.
_BURST = _STREAM_HEAD + b"".join(_framed(event) for event in [*CHUNKS["burst"], DONE]) + _LAST
_PACED_PACKETS = [_framed(event) for event in CHUNKS["paced"]]
_PACED_END = _framed(DONE) + _LAST


class Upstream(asyncio.Protocol):
    """One keep-alive connection, one request at a time: no client of this benchmark pipelines."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._body: list[bytes] = []

    # uvloop's transport has every method of `asyncio.Transport` without being one.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        self._body.append(data)

    def on_message_complete(self) -> None:
        body = b"".join(self._body)
        self._body.clear()
        if self._parser.get_method() == b"GET":
            self.transport.write(_LISTING)
        elif not _STREAM.search(body):
            self.transport.write(_PLAIN)
        elif _PACED.search(body):
            self._pace()
        else:
            self.transport.write(_BURST)

    def _pace(self) -> None:
        self.transport.write(_STREAM_HEAD)
        # Streams that start together are spread over the interval, or one wake-up would serve them all.
        delay = PACE_S * (next(_arrivals) % 32) / 32
        asyncio.get_running_loop().call_later(delay, self._send_next, iter(_PACED_PACKETS))

    def _send_next(self, packets: Iterator[bytes]) -> None:
        if self.transport.is_closing():
            return
        packet = next(packets, None)
        self.transport.write(packet or _PACED_END)
        if packet:
            asyncio.get_running_loop().call_later(PACE_S, self._send_next, packets)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
