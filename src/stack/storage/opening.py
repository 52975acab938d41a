"""A connection to one SQLite file, set up as every one of ours is."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stack.errors import StorageError

if TYPE_CHECKING:
    from apsw import Connection

Durability = Literal["full", "normal"]
OnConnect = Callable[["Connection"], None]

BUSY_TIMEOUT_S = 5.0
POLL_S = 0.001
LEAST_TRIES = 100  # a machine that stood still for the whole time has not waited
# After a large transaction the WAL is cut to this, or it would keep the size of the largest one ever.
WAL_LIMIT_BYTES = 64 * 1024 * 1024
CHECKPOINT_PAGES = 4_000  # 16 MB: a page that changes with every insert reaches the file once for many


class Patience:
    """How long a connection waits for a lock of another one.

    SQLite's own waiting looks ever more seldom, up to 100 ms apart, and so a process that commits all the time can
    keep another out for seconds: measured, 5 s against at most 0.25 s with this.
    """

    def __init__(self, wait_s: float = BUSY_TIMEOUT_S) -> None:
        self._wait_s = wait_s
        self._until = 0.0

    def __call__(self, tries: int) -> bool:
        """Whether to try once more; `tries` have been made for the same lock."""
        now = time.monotonic()
        if not tries:
            self._until = now + self._wait_s
        if now >= self._until and (tries >= LEAST_TRIES or self._wait_s <= 0):
            return False
        time.sleep(POLL_S)
        return True


@dataclass(frozen=True, slots=True)
class Opener:
    """How the connections of one database are made.

    on_connect: run on each new connection, to load an extension or to register functions.
    """

    path: Path
    durability: Durability = "full"
    on_connect: OnConnect | None = None

    def create(self) -> bool:
        """Make the file, readable by its owner alone, if there is none; whether there was none."""
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            if self.path.stat().st_mode & 0o077:
                self.path.chmod(0o600)
            return False
        sync_directory(self.path.parent)
        return True

    def connect(self, *, query_only: bool = False) -> Connection:
        """A connection to the file, which must exist: one that has gone is never made anew. Raises: apsw.Error."""
        import apsw

        connection = apsw.Connection(os.fspath(self.path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            self._set_up(connection, query_only)
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_up(self, connection: Connection, query_only: bool) -> None:
        connection.set_busy_handler(Patience())
        if connection.pragma("journal_mode", "wal") != "wal":
            raise StorageError(f"the filesystem of `{self.path}` has no shared memory: keep state on a local disk")
        connection.pragma("synchronous", self.durability)
        connection.pragma("foreign_keys", True)
        connection.pragma("cell_size_check", True)
        connection.pragma("journal_size_limit", WAL_LIMIT_BYTES)
        connection.pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        if self.on_connect is not None:
            self.on_connect(connection)
        if query_only:
            connection.pragma("query_only", True)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
