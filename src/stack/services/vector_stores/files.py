"""Files in vector stores: added, watched, changed, taken out. What the engine owes is done before an answer says so."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from stack.apis.files import FileObject
from stack.apis.models import TextLimit
from stack.apis.vector_io import VectorIO
from stack.apis.vector_store_files import (
    FileAttachRequest,
    FileContent,
    FileContentPage,
    FileListRequest,
    FileUpdateRequest,
    VectorStoreFile,
    VectorStoreFileDeleted,
)
from stack.apis.vector_stores import Page
from stack.config.vector_stores import IngestionConfig
from stack.errors import Conflict, InvalidRequest, NotFound, ProviderUnavailable
from stack.services.files import FilesService
from stack.services.vector_stores.cutting import usual_sizes
from stack.services.vector_stores.embedding import Embedder
from stack.services.vector_stores.file_rows import add_file, get_file, page_of_files, set_file, stores_of
from stack.services.vector_stores.pages import page_of
from stack.services.vector_stores.records import FileRecord, StoreRecord
from stack.services.vector_stores.registry import Registry, check_live
from stack.services.vector_stores.stores import Stores
from stack.services.vector_stores.work import Worker, owe, owed

if TYPE_CHECKING:
    from apsw import Connection

T = TypeVar("T")

Adding = Callable[["Connection", StoreRecord, TextLimit | None], FileRecord]
"""Adds a file to a store whose model reads so much of a text, within somebody's transaction."""

READ_AT_ONCE = 500  # chunks


class StoreFiles:
    """The files of the stores of one stack."""

    def __init__(
        self,
        registry: Registry,
        stores: Stores,
        files: FilesService,
        vector_io: VectorIO,
        embedder: Embedder,
        worker: Worker,
        clock: Callable[[], float],
        config: IngestionConfig,
    ) -> None:
        self._registry = registry
        self._stores = stores
        self._files = files
        self._vector_io = vector_io
        self._embedder = embedder
        self._worker = worker
        self._clock = clock
        self._config = config

    async def attach(self, store_id: str, request: FileAttachRequest) -> VectorStoreFile:
        """Add a file; its work goes on after this. Raises: NotFound, InvalidRequest for an expired store."""
        store = await self._stores.usable(store_id)
        (adding,) = await self.adding([request], ["file_id"])
        limit = await self._embedder.limit(store.embedding_model)

        def write(connection: Connection) -> FileRecord:
            check_live(connection, store_id)
            return adding(connection, store, limit)

        record = await self._write(write)
        self._worker.wake()
        return record.shown()

    async def adding(self, requests: Sequence[FileAttachRequest], params: Sequence[str]) -> list[Adding]:
        """What adds these files to a store, once all are known to be there; `params` are their fields' names.

        Raises: NotFound naming the field.
        """
        return [
            self._adding(request, await self._file(request.file_id, param))
            for request, param in zip(requests, params, strict=True)
        ]

    def _adding(self, request: FileAttachRequest, file: FileObject) -> Adding:
        def add(connection: Connection, store: StoreRecord, limit: TextLimit | None) -> FileRecord:
            asked = request.chunking_strategy
            sizes = asked.static if asked is not None else None
            return add_file(
                *(connection, store.id, file, request.attributes, sizes or usual_sizes(self._config, limit)),
                now=self._clock(),
            )

        return add

    async def _file(self, file_id: str, param: str) -> FileObject:
        try:
            return await self._files.retrieve(file_id)
        except NotFound as error:
            error.param = param
            raise

    async def page(self, store_id: str, asked: FileListRequest) -> Page[VectorStoreFile]:
        """A page of a store's files. Raises: NotFound, InvalidRequest."""
        await self._stores.record(store_id)
        found, has_more = await self._read(lambda connection: page_of_files(connection, store_id, asked))
        return page_of([file.shown() for file in found], has_more)

    async def retrieve(self, store_id: str, file_id: str) -> VectorStoreFile:
        """One file. Raises: NotFound."""
        return (await self._record(store_id, file_id)).shown()

    async def content(self, store_id: str, file_id: str) -> FileContentPage:
        """The text of a file, chunk by chunk.

        Raises: NotFound; InvalidRequest while there is none; ProviderUnavailable where chunks of it are gone.
        """
        file = await self._record(store_id, file_id)
        if file.status != "completed":
            message = f"file `{file.file_id}` is `{file.status}`: its text is there once it is `completed`"
            raise InvalidRequest(message, param="file_id", code="file_not_completed")
        store = await self._stores.usable(store_id)
        ids, data = file.chunk_ids(), []
        for start in range(0, len(ids), READ_AT_ONCE):
            asked = self._vector_io.get_chunks(store.id, ids[start : start + READ_AT_ONCE])
            for chunk in await self._stores.asked(store, asked):
                place = chunk.chunk_metadata
                data.append(
                    FileContent(
                        text=chunk.content, chunk_id=chunk.chunk_id, start=place.get("start"), end=place.get("end")
                    )
                )
        if len(data) < len(ids):
            if await self._record(store_id, file_id) != file:  # it changed while it was read
                return await self.content(store_id, file_id)
            message = (
                f"provider `{store.provider_id}` has lost {len(ids) - len(data)} of {len(ids)} chunks of `{file_id}`:"
                " take the file out of the store and add it again"
            )
            raise ProviderUnavailable(message, code="vector_store_unavailable")
        return FileContentPage(data=data)

    async def update(self, store_id: str, file_id: str, request: FileUpdateRequest) -> VectorStoreFile:
        """Give a file other attributes; searches filter by them when this returns. Raises: NotFound."""
        await self._stores.usable(store_id)
        attributes = json.dumps(request.attributes or {}, sort_keys=True)

        def write(connection: Connection) -> None:
            file = get_file(connection, store_id, file_id)
            set_file(connection, file, attributes=attributes)
            if owed(connection, store_id, file_id) == "delete":
                raise Conflict(f"file `{file_id}` is being taken out of `{store_id}`: add it again after that")
            # A file that is being added gets them at its end.
            if file.status == "completed":
                owe(connection, "attributes", store_id, file_id)

        await self._write(write)
        record = await self._record(store_id, file_id)
        if record.status == "completed":
            await self._worker.complete(store_id, file_id)
        return record.shown()

    async def delete(self, store_id: str, file_id: str) -> VectorStoreFileDeleted:
        """Take a file out; no search finds it when this returns. One that cannot go now will. Raises: NotFound."""
        await self._stores.record(store_id)

        def write(connection: Connection) -> None:
            get_file(connection, store_id, file_id)
            owe(connection, "delete", store_id, file_id)

        await self._write(write)
        await self._worker.interrupt(store_id, file_id)
        await self._worker.complete(store_id, file_id)
        return VectorStoreFileDeleted(id=file_id)

    async def take_out(self, file_id: str) -> None:
        """Take a file out of every store; no search finds it when this returns. Raises: what an engine does."""

        def write(connection: Connection) -> list[str]:
            stores = stores_of(connection, file_id)
            for store_id in stores:
                owe(connection, "delete", store_id, file_id)
            return stores

        # Reading first: most files are in no store.
        if not await self._read(lambda connection: stores_of(connection, file_id)):
            return
        for store_id in await self._write(write):
            await self._worker.interrupt(store_id, file_id)
            await self._worker.complete(store_id, file_id)

    async def _record(self, store_id: str, file_id: str) -> FileRecord:
        await self._stores.record(store_id)
        return await self._read(lambda connection: get_file(connection, store_id, file_id))

    async def _read(self, work: Callable[[Connection], T]) -> T:
        return await (await self._registry.database()).read(work)

    async def _write(self, work: Callable[[Connection], T]) -> T:
        return await (await self._registry.database()).write(work)
