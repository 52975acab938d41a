"""The vector stores of one stack: the parts, made to fit."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from stack.apis.inference import Inference, TextLimit
from stack.apis.vector_store_files import FileAttachRequest
from stack.apis.vector_stores import VectorStore, VectorStoreCreateRequest
from stack.config.vector_stores import VectorStoresConfig
from stack.errors import StorageError
from stack.routing.vector_io import VectorIORouter
from stack.services.files import FilesService
from stack.services.vector_stores.batches import FileBatches
from stack.services.vector_stores.chunks import Chunks
from stack.services.vector_stores.creation import Creation
from stack.services.vector_stores.duties import Duties
from stack.services.vector_stores.embedding import Embedder
from stack.services.vector_stores.files import StoreFiles
from stack.services.vector_stores.ingestion import Ingestion
from stack.services.vector_stores.keeping import Keeper
from stack.services.vector_stores.registry import Registry
from stack.services.vector_stores.rewriting import Rewriter
from stack.services.vector_stores.search import Finder
from stack.services.vector_stores.searching import Search
from stack.services.vector_stores.stores import Stores
from stack.services.vector_stores.work import Job, Worker
from stack.storage import Storage

if TYPE_CHECKING:
    from apsw import Connection
    from structlog.typing import FilteringBoundLogger

    from stack.services.vector_stores.records import StoreRecord

FOLDER = "vector-stores"


class VectorStores:
    """stores, files, batches, search and chunks: what callers ask. clock: Unix seconds."""

    def __init__(
        self,
        config: VectorStoresConfig,
        router: VectorIORouter,
        inference: Inference,
        files: FilesService,
        storage: Storage,
        log: FilteringBoundLogger,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._router = router
        self._log = log
        self._registry = registry = Registry(storage)
        embedder = Embedder(inference, config.default_embedding_model)
        ingesting = config.file_ingestion_params
        self._worker = worker = Worker(registry, clock, log, self._do, self._failed, ingesting.max_concurrent_files)
        self.stores = stores = Stores(registry, router, worker, clock)
        self._creation = Creation(registry, router, embedder, worker, clock, config.default_provider_id)

        def folder() -> Path:
            return storage.path(FOLDER)

        ingestion = Ingestion(registry, stores, files, router, embedder, folder, log)
        self._duties = Duties(registry, stores, router, ingestion, clock, ingesting.max_attempts)
        self.files = StoreFiles(registry, stores, files, router, embedder, worker, clock, ingesting)
        if router.instances:
            files.before_removal(self.files.take_out)
        self.batches = FileBatches(registry, stores, self.files, embedder, worker, clock)
        finder = Finder(stores, router, embedder, inference, config)
        self.search = Search(stores, finder, Rewriter(inference, config.rewrite_query_params))
        self.chunks = Chunks(stores, router, embedder, finder)
        self.keeper = Keeper(
            *(registry, stores, self._creation, embedder, router, inference, config.stores, folder, clock, log)
        )

    async def start(self) -> None:
        """Go on with what is owed, and look after the stores, from now on. Raises: SchemaTooNew."""
        if not self._router.instances:
            return
        try:
            await self._registry.database()
        except StorageError as error:  # what is asked of it says so too, and it may be well again
            self._log.error("vector stores not opened", reason=error.message)
        self._worker.start()
        self.keeper.start()

    async def stop(self) -> None:
        """End what runs in the background; what is not done is given back."""
        await self.keeper.stop()
        await self._worker.stop()
        await self.stores.settle()

    async def create(self, request: VectorStoreCreateRequest) -> VectorStore:
        """Make a store, with its files on their way. Raises: RequestError naming the field, UpstreamError."""
        asked = [
            FileAttachRequest(file_id=file_id, chunking_strategy=request.chunking_strategy)
            for file_id in request.file_ids or ()
        ]
        adding = await self.files.adding(asked, [f"file_ids[{index}]" for index in range(len(asked))])

        def then(connection: Connection, store: StoreRecord, limit: TextLimit | None) -> None:
            for add in adding:
                add(connection, store, limit)

        made = await self._creation.create(request, then)
        self._worker.wake()
        return made

    # The worker is made before those it works for.
    async def _do(self, job: Job) -> None:
        await self._duties.do(job)

    def _failed(self, connection: Connection, job: Job, error: Exception) -> bool:
        return self._duties.failed(connection, job, error)
