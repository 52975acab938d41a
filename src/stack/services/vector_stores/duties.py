"""What is done for each kind of work that is owed, and what becomes of work that failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from stack.apis.vector_io import VectorIO
from stack.errors import InvalidRequest, NotFound, ParseFailed, PayloadTooLarge, StackError
from stack.services.vector_stores.file_rows import find_file, remove_file, set_file
from stack.services.vector_stores.ingestion import Ingestion
from stack.services.vector_stores.records import FileRecord, StoreRecord
from stack.services.vector_stores.registry import Registry, find_store
from stack.services.vector_stores.stores import Stores
from stack.services.vector_stores.work import Job

if TYPE_CHECKING:
    from apsw import Connection

    from stack.apis.vector_store_files import ErrorCode

AT_ONCE = 500  # chunks that are read and written again together


class Duties:
    """Does jobs. clock: Unix seconds."""

    def __init__(
        self,
        registry: Registry,
        stores: Stores,
        vector_io: VectorIO,
        ingestion: Ingestion,
        clock: Callable[[], float],
        max_attempts: int,
    ) -> None:
        self._registry = registry
        self._stores = stores
        self._vector_io = vector_io
        self._ingestion = ingestion
        self._clock = clock
        self._max_attempts = max_attempts

    async def do(self, job: Job) -> None:
        """Do a job and end it. Raises: StackError, LeaseLost."""
        if job.kind == "ingest":
            await self._ingestion.ingest(job)
        elif job.kind in ("create", "expire", "drop"):
            await self._drop(job)
        elif job.kind == "attributes":
            await self._describe(job)
        else:
            await self._clear(job)

    def failed(self, connection: Connection, job: Job, error: Exception) -> bool:
        """Whether a job ends here because it failed: a file that is at fault, or was tried often enough."""
        is_fault = isinstance(error, ParseFailed | InvalidRequest | PayloadTooLarge)
        if job.kind != "ingest" or not (is_fault or job.attempts >= self._max_attempts):
            return False
        file = find_file(connection, *job.key)
        if file is not None:
            code, message = _told(error)
            set_file(connection, file, status="failed", error_code=code, error_message=message)
        job.finish(connection, "clear" if file is not None and file.chunks_stored else None)
        return True

    async def _drop(self, job: Job) -> None:
        """Remove a store from its engine: one that was deleted, has expired, or was never made to its end."""
        database = await self._registry.database()
        record = await database.read(lambda connection: find_store(connection, job.store_id))
        if record is not None:
            await self._stores.drop(record)

        def end(connection: Connection) -> None:
            job.finish(connection)
            if job.kind != "expire":
                self._stores.forget(connection, job.store_id)

        await database.write(end)

    async def _clear(self, job: Job) -> None:
        """Remove the chunks of a file, and the file itself if that is the job."""
        database = await self._registry.database()
        file, store = await self._read(job)
        if file is not None and store is not None and file.chunks_stored:
            self._stores.place(store)
            await _unless_gone(self._vector_io, store.id, file.chunk_ids())

        def end(connection: Connection) -> None:
            job.finish(connection)
            if file is not None and job.kind == "delete":
                remove_file(connection, file, self._clock())
            elif file is not None:
                set_file(connection, file, chunks_stored=0)

        await database.write(end)

    async def _describe(self, job: Job) -> None:
        """Give the chunks of a file its attributes, all at once."""
        database = await self._registry.database()
        file, store = await self._read(job)
        if file is not None and store is not None:
            self._stores.place(store)
            attributes, ids = file.filterable(), file.chunk_ids()
            parts = [ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE)]
            found = [
                replace(chunk, metadata=attributes)
                for part in parts
                for chunk in await self._stores.asked(store, self._vector_io.get_chunks(store.id, part))
            ]
            if found:
                await self._vector_io.insert_chunks(store.id, found)

        def end(connection: Connection) -> None:
            now = find_file(connection, *job.key)
            changed = now is not None and file is not None and now.attributes != file.attributes
            job.finish(connection, "attributes" if changed else None)
            if now is not None and not changed:
                set_file(connection, now, status="completed")

        await database.write(end)

    async def _read(self, job: Job) -> tuple[FileRecord | None, StoreRecord | None]:
        database = await self._registry.database()
        return await database.read(
            lambda connection: (find_file(connection, *job.key), find_store(connection, job.store_id))
        )


async def _unless_gone(vector_io: VectorIO, store_id: str, chunk_ids: list[str]) -> None:
    try:
        await vector_io.delete_chunks(store_id, chunk_ids)
    except NotFound:  # the engine has lost the store, and the chunks with it
        return


def _told(error: Exception) -> tuple[ErrorCode, str]:
    """Code and message of a file's `last_error`."""
    if isinstance(error, ParseFailed):
        return ("unsupported_file" if error.code == "unsupported_file" else "invalid_file"), error.message
    if isinstance(error, InvalidRequest | PayloadTooLarge):
        return "invalid_file", error.message
    if isinstance(error, StackError):
        return "server_error", error.message
    return "server_error", "an internal error: the server's log tells more"
