"""Any bytes over a connection of their own, and all that comes back until the server has had its say."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from integration.cpu import cpu_s
from integration.wire import PATIENCE_S, connect, head, say

from stack.testing.server_process import ServerProcess

HEALTH = head("/v1/health", "GET")
LITTLE_S = 1.0  # of CPU time: several times what any of these costs on a slow machine
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
        connection.settimeout(2 * PATIENCE_S)  # longer than a server that is not hasty
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


def worked_s(server: ServerProcess) -> float:
    """How long the server has worked until it says that it is well."""
    assert say(server.port, HEALTH).status == 200
    return cpu_s(server.pid)
