"""HTTP/1.1 towards an upstream: one connection, one exchange at a time, nothing taken that was not asked for.

A connection is used again only if its answer ended where the answer said, nothing followed, and the upstream keeps it
open. Bytes that arrive while no answer is due close it, so that one caller's answer does not become another's; bytes
that arrive only once the next request is out cannot be told from its answer, in HTTP/1.1.
"""

from __future__ import annotations

import asyncio
import select
import threading

import httptools

MAX_HEADER_BYTES = 1 << 16
# The most of a body that is kept unread: beyond half of it the socket is not read. A stream whose caller is slow holds
# up to three times as much: this, a block that waits to be written, and what the kernel did not take of the one before.
READ_BYTES = 15 << 10
LAST_LOOK_S = 0.01
JOINED_BYTES = 1 << 16  # a request up to this size is written in one piece with its head


class Room(threading.local):
    """Where sockets are read into; one per thread will do, for it is emptied in the step that fills it."""

    def __init__(self, size: int) -> None:
        self.view = memoryview(bytearray(size))


_room = Room(READ_BYTES)


class Broken(Exception):
    """The exchange cannot go on. `kind`: reset, invalid or headers (too large)."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Connection(asyncio.BufferedProtocol):
    """A socket to an upstream. `send`, then `wait` until there is a head, then `take` and `wait` until complete."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._room = _room.view
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._until = 0.0
        self._failure = ""  # its kind; an exception kept here would keep the frames that it passed
        self._busy = self._paused = False
        self._buffered = 0
        self.closed = self.reused = False
        self.idle_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # what it is for TCP
        self._transport = transport
        self._poll = select.poll()
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def send(self, head: bytes, body: bytes) -> None:
        """Begin an exchange. Raises: Broken, if the connection was lost before it."""
        self._busy = True
        self.status = 0
        self.headers: dict[str, str] = {}
        self.complete = self.has_head = self.received = False
        self._keep_alive = self._until_close = self._surplus = False
        self._header_bytes = self._open_bytes = self._buffered = 0
        self._parts: list[bytes] = []
        if self.closed:
            raise Broken("reset")
        if len(body) < JOINED_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._transport.write(body)

    async def wait(self, until: float) -> None:
        """Until something has arrived. Raises: Broken, TimeoutError at loop time `until`."""
        if self._failure:
            raise Broken(self._failure)
        self._waiter = self._loop.create_future()
        self._watch(until)
        try:
            await self._waiter
        finally:
            self._waiter = None

    @property
    def has_body(self) -> bool:
        """Whether there is something to take."""
        return self._buffered > 0

    def take(self) -> bytes:
        """The part of the body that has arrived since the last call."""
        parts = self._parts
        self._parts, self._buffered = [], 0
        if self._paused and not self.closed:
            self._paused = False
            self._transport.resume_reading()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def finish(self) -> bool:
        """End the exchange; whether the connection can serve another. If not, it is closed."""
        self._busy = False
        self._parts = []
        clean = self.complete and self._keep_alive and not (self._surplus or self._paused or self.closed)
        # An upstream that answers before it has read the request may take the rest for another one.
        if clean and not self._transport.get_write_buffer_size():
            self.reused = True
            self.idle_since = self._loop.time()
            return True
        self.abort()
        return False

    def is_quiet(self) -> bool:
        """Whether the idle connection is open and has nothing to read: neither bytes nor an end."""
        return not self.closed and not self._poll.poll(0)

    def abort(self) -> None:
        """Close at once."""
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._transport.abort()

    def _watch(self, until: float) -> None:
        # One timer serves many waits: it is set anew only if it would come too late.
        self._until = until
        if self._timer is not None and self._timer.when() > until:
            self._timer.cancel()
            self._timer = None
        if self._timer is None and not self.closed:
            self._timer = self._loop.call_at(until, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._waiter is None or self._waiter.done():
            return
        if self._loop.time() < self._until - 0.001:
            self._watch(self._until)
        else:  # it may be this process that was held up: a turn of the loop reads what is there before it calls
            self._loop.call_later(LAST_LOOK_S, _end, self._waiter)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            if self._failure:
                self._waiter.set_exception(Broken(self._failure))
            else:
                self._waiter.set_result(None)

    def _fail(self, kind: str) -> None:
        self._failure = self._failure or kind
        self.abort()
        self._wake()

    def get_buffer(self, sizehint: int) -> memoryview:
        # What comes while the room is full belongs to no answer, for until its end nothing is read then.
        return self._room[: READ_BYTES - self._buffered or READ_BYTES] if self._buffered else self._room

    def buffer_updated(self, nbytes: int) -> None:
        if not self._busy or self.closed:
            self.abort()
            return
        self.received = True
        self._open_bytes += nbytes
        try:
            self._parser.feed_data(self._room[:nbytes])
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self.complete:  # what follows a complete answer only costs the connection
                self._fail("headers" if self._header_bytes > MAX_HEADER_BYTES else "invalid")
                return
            self._surplus = True
        if self._open_bytes > MAX_HEADER_BYTES and not self.complete:
            self._fail("headers")
            return
        if self._buffered > READ_BYTES // 2 and not (self._paused or self.complete):
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        del self._parser  # it knows this object, and the two would keep each other
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._busy or self.complete:
            return
        if self._until_close and self.has_head and error is None:
            self.complete = True
            self._wake()
        else:
            self._fail("reset")

    def on_message_begin(self) -> None:
        if self.complete:
            self._surplus = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.complete:
            return
        self._header_bytes += len(name) + len(value) + 4
        if self._header_bytes > MAX_HEADER_BYTES:
            raise httptools.HttpParserError("headers too large")
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self.complete:
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200:  # an interim answer: the real one follows
            self.headers = {}
            return
        sized, chunked = "content-length" in self.headers, "transfer-encoding" in self.headers
        if sized and chunked:
            raise httptools.HttpParserError("both a length and chunks")
        self.status = status
        self.has_head = True
        self._open_bytes = 0
        self._until_close = not sized and not chunked and status not in (204, 304)
        self._keep_alive = self._parser.should_keep_alive() and not self._until_close

    def on_body(self, data: bytes) -> None:
        if not self.complete:
            self._parts.append(data)
            self._buffered += len(data)
            self._open_bytes = 0

    def on_message_complete(self) -> None:
        if self.has_head:
            self.complete = True


def _end(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())
