"""The readers of a database: a few connections in threads, each read in a snapshot of its own."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from stack.storage.failures import storage_error
from stack.storage.opening import Opener

if TYPE_CHECKING:
    from apsw import Connection

T = TypeVar("T")

READERS = 4


class Readers:
    """Runs reads at once with each other and with the writer, whom they never wait for."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._idle: deque[Connection] = deque()
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix=f"read {opener.path.name}")

    async def run(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns. Cancelling interrupts the statement that runs."""
        turn = _Turn()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, work, turn)
        except asyncio.CancelledError:
            turn.interrupt()
            raise

    def close(self) -> None:
        """Wait for the reads that run, then close their connections. Blocks."""
        self._threads.shutdown()
        while self._idle:
            self._idle.pop().close()

    def _run(self, work: Callable[[Connection], T], turn: _Turn) -> T:
        connection = None
        try:
            connection = self._take()
            connection.execute("BEGIN")
            with turn.on(connection):
                found = work(connection)
            connection.execute("ROLLBACK")
        except BaseException as error:
            failure = storage_error(error, self._opener.path, connection)
            if connection is not None:
                connection.close(True)
            if failure is error:
                raise
            raise failure from error
        self._idle.append(connection)
        return found

    def _take(self) -> Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._opener.connect(query_only=True)


class _Turn:
    """The time in which a connection works for one caller, who may interrupt it then and not later."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    @contextmanager
    def on(self, connection: Connection) -> Iterator[None]:
        with self._lock:
            self._connection = connection
        try:
            yield
        finally:
            with self._lock:
                self._connection = None

    def interrupt(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.interrupt()
