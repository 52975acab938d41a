"""TLS between a socket and a `Connection`.

asyncio's own keeps up to half a mebibyte per connection that is read slowly; here it is one record, and what the
socket gave with it. A close without TLS's own goodbye may be an attacker's, so it never ends a body.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from stack.providers.remote.http1 import Connection, Room

RECORD_BYTES = 1 << 14  # the most that a TLS record holds: RFC 8446, section 5.1


_room = Room(RECORD_BYTES)


class TlsTransport(asyncio.Transport, asyncio.BufferedProtocol):
    """To the socket a protocol, to its `connection` the transport.

    ready: done once the handshake is; raises ssl.SSLError, or OSError if the upstream leaves meanwhile.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, context: ssl.SSLContext, host: str, connection: Connection
    ) -> None:
        super().__init__()
        self.connection = connection
        self.ready: asyncio.Future[None] = loop.create_future()
        self._loop = loop
        self._room = _room.view
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._open = self._paused = self._goodbye = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # what it is for TCP
        self._transport = transport
        self._shake()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        self._incoming.write(self._room[:nbytes])
        if not self._open:
            self._shake()
        self._deliver()

    def connection_lost(self, error: Exception | None) -> None:
        truncated = None if self._goodbye else ConnectionResetError("closed without goodbye")
        if self._open:
            self._open = False
            self.connection.connection_lost(error or truncated)
        elif not self.ready.done():
            self.ready.set_exception(error or ConnectionResetError("closed within the handshake"))
        del self.connection  # the two would keep each other

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._tls.write(rest) :]
        self._flush()

    def pause_reading(self) -> None:
        self._paused = True
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._paused = False
        self._loop.call_soon(self._resume)

    def abort(self) -> None:
        self._transport.abort()

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def _shake(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError as error:
            self._flush()  # the alert that tells the other side why
            self._transport.close()
            if not self.ready.done():
                self.ready.set_exception(error)
        else:
            self._flush()
            self._open = True
            self.connection.connection_made(self)
            if not self.ready.done():
                self.ready.set_result(None)

    def _resume(self) -> None:
        self._deliver()
        if self._open and not self._paused:
            self._transport.resume_reading()

    def _deliver(self) -> None:
        """What can be decrypted, as long as the connection wants it."""
        try:
            while self._open and not (self._paused or self._goodbye or self.connection.closed):
                room = self.connection.get_buffer(-1)
                if count := self._tls.read(len(room), room):
                    self.connection.buffer_updated(count)  # type: ignore[arg-type]  # with a room it counts
                else:
                    self._goodbye = True
                    self._transport.close()
        except ssl.SSLWantReadError:
            self._flush()  # keys may have been renewed
        except ssl.SSLError:
            self.connection.abort()

    def _flush(self) -> None:
        if data := self._outgoing.read():
            self._transport.write(data)
