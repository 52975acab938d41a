"""Any bytes over a connection of their own, and all that comes back until the server has had its say."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from integration.wire import connect, head, say

HEALTH = head("/v1/health", "GET")
PATIENCE_S = 5.0
LOG_LINE = r"timestamp=\S+ level=\w+ event=[^\n]*"


@dataclass(frozen=True)
class Heard:
    """What a connection gave back. answers: status lines in it; closed: whether the server ended the connection."""

    data: bytes
    closed: bool

    @property
    def answers(self) -> int:
        return self.data.count(b"HTTP/1.1 ")

    @property
    def status(self) -> int:
        return int(self.data[9:12]) if self.data else 0

    @property
    def body(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[2]


def provoke(port: int, data: bytes | Iterable[bytes]) -> Heard:
    """Send as much as the server takes and read to the end; a `connection: close` of ours ends what is correct."""
    with connect(port) as connection:
        connection.settimeout(PATIENCE_S)
        with suppress(OSError):  # the server may refuse before everything is sent
            for part in [data] if isinstance(data, bytes) else data:
                connection.sendall(part)
        return _heard(connection)


def _heard(connection: socket.socket) -> Heard:
    data = b""
    try:
        while more := connection.recv(65536):
            data += more
    except TimeoutError:
        return Heard(data, closed=False)
    except ConnectionResetError:  # it closed with bytes of ours unread
        pass
    return Heard(data, closed=True)


def seconds_of_health(port: int) -> float:
    """The best of three: how long the server takes to say that it is well."""
    return min(_seconds(port) for _ in range(3))


def _seconds(port: int) -> float:
    began = time.perf_counter()
    assert say(port, HEALTH).status == 200
    return time.perf_counter() - began
