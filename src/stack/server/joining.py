"""The head of an answer leaves together with what is written behind it in the same turn of the loop: one packet."""

from __future__ import annotations

import asyncio

_HEAD = b"HTTP/1.1 "


class Joining:
    """What uvicorn's cycle writes an answer to; `transport` is where it goes."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""

    def write(self, data: bytes) -> None:
        """Write now; a head at the end of the turn, if nothing follows it before."""
        if self._held:
            data, self._held = self._held + data, b""
        elif data.startswith(_HEAD):
            self._held = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def close(self) -> None:
        """Close, after what was written."""
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def _flush(self) -> None:
        if self._held:
            data, self._held = self._held, b""
            self._transport.write(data)
