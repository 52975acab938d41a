"""New vector stores: first noted, then made in their engine, then there for everybody; or none of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from stack.apis.ids import new_id
from stack.apis.inference import TextLimit
from stack.apis.vector_stores import VectorStore, VectorStoreCreateRequest
from stack.config.vector_stores import DeclaredStore
from stack.errors import Conflict, InvalidRequest, StackError, Unsupported, UpstreamTimeout
from stack.routing.vector_io import VectorIORouter
from stack.services.vector_stores.embedding import Embedder
from stack.services.vector_stores.records import StoreRecord
from stack.services.vector_stores.registry import Registry, add_store, find_store
from stack.services.vector_stores.work import Worker, owe

if TYPE_CHECKING:
    from apsw import Connection

PREFIX = "vs_"
CREATION_LIMIT_S = 120.0  # for the engine to make a store
UNDO_AFTER_S = 300.0  # a store that is still being created then never was


class Creation:
    """Makes stores. clock: Unix seconds."""

    def __init__(
        self,
        registry: Registry,
        router: VectorIORouter,
        embedder: Embedder,
        worker: Worker,
        clock: Callable[[], float],
        default_provider_id: str,
    ) -> None:
        self._registry = registry
        self._router = router
        self._embedder = embedder
        self._worker = worker
        self._clock = clock
        self._default_provider_id = default_provider_id

    async def create(
        self,
        request: VectorStoreCreateRequest,
        then: Callable[[Connection, StoreRecord, TextLimit | None], object] = lambda *_: None,
    ) -> VectorStore:
        """Make a store in the engine, then in the registry; `then` writes in the same transaction as the latter, and is
        told how much of a text the store's model reads.

        What goes wrong undoes it. Raises: RequestError naming the field, ProviderUnavailable, UpstreamError.
        """
        provider_id = self._provider(request.provider_id)
        self._router.instance(provider_id).answer()
        model, dimension, asks = await self._embedder.choose(request.embedding_model, request.embedding_dimension)
        store_id, now = new_id(PREFIX), int(self._clock())
        record = StoreRecord(
            id=store_id,
            phase="creating",
            name=request.name or "",
            description=request.description,
            metadata=request.metadata,
            created_at=now,
            last_active_at=now,
            expires_days=request.expires_after.days if request.expires_after else None,
            provider_id=provider_id,
            provider_vector_store_id=request.provider_vector_store_id or store_id,
            embedding_model=model,
            asks_dimension=asks,
            dimension=dimension,
            metric=request.metric or "cosine",
            params=request.params or {},
        )
        limit = await self._embedder.limit(model)
        await self._make(record, lambda connection, made: then(connection, made, limit))
        return await self._registry.shown(replace(record, phase="live"))

    async def _make(self, record: StoreRecord, then: Callable[[Connection, StoreRecord], object]) -> None:
        database = await self._registry.database()

        def begin(connection: Connection) -> None:
            if find_store(connection, record.id) is not None:
                raise Conflict(f"vector store `{record.id}` is there, or is being made", param="vector_store_id")
            add_store(connection, record)
            # Should this process end half way, another undoes what there is by then.
            owe(connection, "create", record.id, not_before=self._clock() + UNDO_AFTER_S)

        def settle(connection: Connection) -> None:
            connection.execute("UPDATE stores SET phase = 'live' WHERE id = ?", (record.id,))
            connection.execute("DELETE FROM jobs WHERE store_id = ? AND file_id = ''", (record.id,))
            then(connection, replace(record, phase="live"))

        await database.write(begin)
        try:
            self._router.place(record.id, record.provider_id)
            async with asyncio.timeout(CREATION_LIMIT_S):
                await self._router.create_store(record.spec)
            await database.write(settle)
        except BaseException as error:
            with suppress(StackError):  # what cannot be undone now will be
                await asyncio.shield(self._worker.complete(record.id))
            if isinstance(error, TimeoutError):
                message = f"`{record.provider_id}` did not make the store within {CREATION_LIMIT_S:g} seconds"
                raise UpstreamTimeout(message, provider_id=record.provider_id, phase="read") from error
            raise

    async def declare(self, declared: DeclaredStore) -> None:
        """Make a store of run.yaml unless it is there. Raises: StackError, also where it is there and another."""
        found = await self._registry.find(declared.vector_store_id)
        if found is None:
            model, dimension, asks = await self._embedder.choose(
                declared.embedding_model or None, declared.embedding_dimension
            )
            now = int(self._clock())
            found = StoreRecord(
                id=declared.vector_store_id,
                phase="creating",
                name=declared.vector_store_name or declared.vector_store_id,
                description=None,
                metadata=None,
                created_at=now,
                last_active_at=now,
                expires_days=None,
                provider_id=self._provider(declared.provider_id or None),
                provider_vector_store_id=declared.provider_vector_store_id or declared.vector_store_id,
                embedding_model=model,
                asks_dimension=asks,
                dimension=dimension,
                metric=declared.metric,
                params=declared.params,
            )
            await self._make(found, lambda *_: None)
        for field, wanted, has in (
            ("provider_id", declared.provider_id, found.provider_id),
            ("embedding_model", declared.embedding_model, found.embedding_model),
            ("embedding_dimension", declared.embedding_dimension, found.dimension),
            ("metric", declared.metric, found.metric),
        ):
            if wanted and wanted != has:
                message = f"vector store `{found.id}` has {field} `{has}`, and run.yaml declares it with `{wanted}`"
                raise InvalidRequest(message, param=field)

    def _provider(self, asked: str | None) -> str:
        provider_id = asked or self._default_provider_id or next(iter(self._router.instances), None)
        if provider_id is None:
            raise Unsupported("this stack has no vector stores: add a provider under `providers.vector_io`")
        self._router.instance(provider_id)
        return provider_id
