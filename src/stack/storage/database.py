"""A database: reads that wait for nobody, and writes that are on the disk when they return."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import structlog

from stack.errors import StorageCorrupt, StorageError
from stack.storage.failures import closed, corrupt, storage_error
from stack.storage.migrations import Migration, migrate
from stack.storage.opening import Opener
from stack.storage.readers import Readers
from stack.storage.watch import Watch
from stack.storage.writer import Writer

if TYPE_CHECKING:
    from apsw import Connection

T = TypeVar("T")

# Looked through in less than 0.1 s; a start does not wait for larger ones, so that it takes no longer as they grow.
CHECKED_FIRST_BYTES = 8 * 1024 * 1024
CHECK_WAIT_S = 2.0

log = structlog.get_logger("stack.storage")


class Database:
    """One SQLite file; `Storage.database` opens it.

    Once it was found damaged, everything raises StorageCorrupt, and nothing is written to it any more.
    """

    def __init__(self, opener: Opener) -> None:
        self.path = opener.path
        self._opener = opener
        self._writer = Writer(opener)
        self._readers = Readers(opener)
        self._watch = Watch(opener)
        self._refusal: StorageError | None = None
        self._checking: asyncio.Task[None] | None = None

    async def read(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns, run in a thread on one snapshot of everything that was committed before.

        `work` returns values, never a cursor; writing is refused. When the caller is cancelled, its statement is
        stopped. Raises: what `work` does, StorageError and its kinds.
        """
        self._check()
        try:
            return await self._readers.run(work)
        except StorageCorrupt as error:
            self._found_damage(error)
            raise

    async def write(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns, run in a thread as one transaction that is committed, and durable, on return.

        All of it is stored or none: if `work` raises, it is undone. It neither begins nor ends transactions. It may
        share its commit with other work, which it can see. A caller that is cancelled before `work` began takes it
        back; after that it is committed all the same. Raises: what `work` does, StorageError and its kinds.
        """
        self._check()
        try:
            return await asyncio.wrap_future(self._writer.submit(work))
        except StorageCorrupt as error:
            self._found_damage(error)
            raise

    def data_version(self) -> int:
        """A number that differs from the last one if anybody, this process included, has committed in between.

        A cache asks before it reads; if the number has changed, it loads what is new and keeps the number it asked
        for first. Takes microseconds, on any thread. Raises: StorageError and its kinds.
        """
        self._check()
        return self._watch.data_version()

    async def open(self, migrations: Sequence[Migration], backups: Path) -> None:
        """Make the file if there is none, look whether it is sound, and bring its schema to the last step.

        Damage is not raised here: whatever is asked of the database later raises it. Raises: SchemaTooNew,
        StorageError.
        """
        try:
            if not await asyncio.to_thread(self._opener.create):
                await self._begin_check()
            if self._refusal is None:
                await asyncio.to_thread(migrate, self._opener, migrations, backups)
                await asyncio.to_thread(self._watch.data_version)
        except Exception as error:
            failure = storage_error(error, self.path)
            if isinstance(failure, StorageCorrupt):
                self._found_damage(failure)
            elif failure is error:
                raise
            else:
                raise failure from error

    async def close(self) -> None:
        """Refuse new work, finish what was begun, and close every connection."""
        self._refusal = closed(self.path)
        if self._checking is not None:
            self._checking.cancel()
            await asyncio.wait([self._checking])
        for part in (self._readers, self._watch, self._writer):  # the last one to close empties the WAL
            await asyncio.to_thread(part.close)

    def _check(self) -> None:
        if self._refusal is not None:
            raise self._refusal.with_traceback(None)

    def _found_damage(self, error: StorageCorrupt) -> None:
        if self._refusal is None:
            self._refusal = error
            log.error("database damaged", database=self.path.name, found=error.message)

    async def _begin_check(self) -> None:
        """Look for damage; what takes longer than a moment goes on beside the work."""
        self._checking = asyncio.create_task(self._quick_check())
        is_small = self.path.stat().st_size <= CHECKED_FIRST_BYTES
        await asyncio.wait([self._checking], timeout=CHECK_WAIT_S if is_small else 0)
        if self._checking.done():
            await self._checking
        else:
            self._checking.add_done_callback(_report)

    async def _quick_check(self) -> None:
        try:
            found = await self._readers.run(_first_damage)
        except StorageCorrupt as error:
            self._found_damage(error)
        else:
            if found != "ok":
                self._found_damage(corrupt(self.path, found))


def _first_damage(connection: Connection) -> str:
    return str(connection.execute("PRAGMA quick_check(1)").get)


def _report(checking: asyncio.Task[None]) -> None:
    if not checking.cancelled() and (error := checking.exception()) is not None:
        log.warning("database not checked", reason=str(error))
