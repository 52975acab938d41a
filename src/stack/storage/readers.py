"""The readers of a database: a few connections in threads, each read in a snapshot of its own."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from stack.storage.failures import storage_error
from stack.storage.opening import Opener

if TYPE_CHECKING:
    from apsw import Connection

T = TypeVar("T")

READERS = 4
# Some 10 ms of SQLite's own steps: more often, a busy event loop would be asked for the interpreter too often.
STEPS_BETWEEN_LOOKS = 500_000


class Readers:
    """Runs reads at once with each other and with the writer, whom they never wait for."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._idle: deque[Connection] = deque()
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix=f"read {opener.path.name}")

    async def run(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns. Cancelling stops the statement that runs."""
        given_up = threading.Event()
        try:
            return await asyncio.wrap_future(self._threads.submit(self._run, work, given_up))
        except asyncio.CancelledError:
            given_up.set()
            raise

    def close(self) -> None:
        """Wait for the reads that run, then close their connections. Blocks."""
        self._threads.shutdown()
        while self._idle:
            self._idle.pop().close()

    def _run(self, work: Callable[[Connection], T], given_up: threading.Event) -> T:
        connection = None
        try:
            connection = self._take()
            connection.set_progress_handler(given_up.is_set, STEPS_BETWEEN_LOOKS)
            connection.execute("BEGIN")
            found = work(connection)
        except BaseException as error:
            failure = storage_error(error, self._opener.path, connection)
            if connection is not None and failure is error:
                self._put_back(connection)
            elif connection is not None:
                connection.close(True)  # what it has open may be of a disk that is gone
            if failure is error:
                raise
            raise failure from error
        self._put_back(connection)
        return found

    def _put_back(self, connection: Connection) -> None:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.set_progress_handler(None)
        self._idle.append(connection)

    def _take(self) -> Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._opener.connect(query_only=True)
