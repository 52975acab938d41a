"""Files added to a store together. A batch has no state but its files': its counts are always their sum."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from stack.apis.ids import new_id
from stack.apis.vector_store_files import (
    FileBatchRequest,
    FileListRequest,
    FileStatus,
    VectorStoreFile,
    VectorStoreFileBatch,
)
from stack.apis.vector_stores import FileCounts, Page
from stack.errors import NotFound, shortened
from stack.services.vector_stores.embedding import Embedder
from stack.services.vector_stores.file_rows import page_of_files
from stack.services.vector_stores.files import StoreFiles
from stack.services.vector_stores.pages import page_of
from stack.services.vector_stores.registry import Registry, check_live, counted
from stack.services.vector_stores.stores import Stores
from stack.services.vector_stores.work import Worker, owe, owed

if TYPE_CHECKING:
    from apsw import Connection

PREFIX = "vsfb_"
_FILES = "SELECT {} FROM batch_files JOIN files ON files.seq = file_seq WHERE batch_id = ?"


class FileBatches:
    """The batches of one stack."""

    def __init__(
        self,
        registry: Registry,
        stores: Stores,
        files: StoreFiles,
        embedder: Embedder,
        worker: Worker,
        clock: Callable[[], float],
    ) -> None:
        self._registry = registry
        self._stores = stores
        self._files = files
        self._embedder = embedder
        self._worker = worker
        self._clock = clock

    async def create(self, store_id: str, request: FileBatchRequest) -> VectorStoreFileBatch:
        """Add all files or, where one is not there, none. Raises: NotFound naming the file."""
        store = await self._stores.usable(store_id)
        each = request.each()
        limit = await self._embedder.limit(store.embedding_model)
        name = "file_ids[{}]" if request.files is None else "files[{}].file_id"
        adding = await self._files.adding(each, [name.format(index) for index in range(len(each))])
        batch_id, now = new_id(PREFIX), int(self._clock())

        def write(connection: Connection) -> VectorStoreFileBatch:
            check_live(connection, store.id)
            add = "INSERT INTO batches (id, store_id, created_at) VALUES (?, ?, ?)"
            connection.execute(add, (batch_id, store.id, now))
            for add_one in adding:
                file = add_one(connection, store, limit)
                connection.execute("INSERT INTO batch_files VALUES (?, ?)", (batch_id, file.seq))
            return _batch(connection, store.id, batch_id)

        made = await (await self._registry.database()).write(write)
        self._worker.wake()
        return made

    async def retrieve(self, store_id: str, batch_id: str) -> VectorStoreFileBatch:
        """One batch. Raises: NotFound."""
        await self._stores.record(store_id)
        database = await self._registry.database()
        return await database.read(lambda connection: _batch(connection, store_id, batch_id))

    async def page(self, store_id: str, batch_id: str, asked: FileListRequest) -> Page[VectorStoreFile]:
        """A page of a batch's files. Raises: NotFound, InvalidRequest."""
        await self.retrieve(store_id, batch_id)
        database = await self._registry.database()
        found, has_more = await database.read(lambda connection: page_of_files(connection, store_id, asked, batch_id))
        return page_of([file.shown() for file in found], has_more)

    async def cancel(self, store_id: str, batch_id: str) -> VectorStoreFileBatch:
        """Cancel the files that are not done; those that are stay. A batch that is done stays as it is."""
        await self._stores.record(store_id)

        def write(connection: Connection) -> list[str]:
            batch = _batch(connection, store_id, batch_id)
            if batch.status != "in_progress":
                return []
            connection.execute("UPDATE batches SET is_cancelled = 1 WHERE id = ?", (batch_id,))
            unfinished = _FILES.format("file_id") + " AND status = 'in_progress'"
            cancelled = [row[0] for row in connection.execute(unfinished, (batch_id,))]
            for file_id in cancelled:
                change = "UPDATE files SET status = 'cancelled' WHERE store_id = ? AND file_id = ?"
                connection.execute(change, (store_id, file_id))
                if owed(connection, store_id, file_id) != "delete":
                    owe(connection, "clear", store_id, file_id)
            return cancelled

        for file_id in await (await self._registry.database()).write(write):
            await self._worker.interrupt(store_id, file_id)
        self._worker.wake()
        return await self.retrieve(store_id, batch_id)


def _batch(connection: Connection, store_id: str, batch_id: str) -> VectorStoreFileBatch:
    find = "SELECT created_at, is_cancelled FROM batches WHERE id = ? AND store_id = ?"
    row = connection.execute(find, (batch_id, store_id)).fetchone()
    if row is None:
        message = f"vector store `{shortened(store_id)}` has no file batch `{shortened(batch_id)}`"
        raise NotFound(message, param="batch_id", code="file_batch_not_found")
    created_at, is_cancelled = row
    rows = connection.execute(_FILES.format("status, count(*)") + " GROUP BY status", (batch_id,))
    found = counted(dict(rows))
    return VectorStoreFileBatch(
        id=batch_id,
        created_at=created_at,
        vector_store_id=store_id,
        status=_status(found, is_cancelled=bool(is_cancelled)),
        file_counts=found,
    )


def _status(counts: FileCounts, *, is_cancelled: bool) -> FileStatus:
    if is_cancelled:
        return "cancelled"
    if counts.in_progress:
        return "in_progress"
    return "failed" if counts.total and counts.failed == counts.total else "completed"
