"""The indexes of all stores of one provider: made on first use, kept up beside the queries."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stack.apis.vector_io import VectorQuery
from stack.errors import StackError
from stack.providers.inline.chunk_store import rows, schema
from stack.providers.inline.chunk_store.provider import Ranked
from stack.providers.inline.chunk_store.schema import StoreRow
from stack.providers.inline.faiss_index.following import follow, is_behind, is_current, stacked
from stack.providers.inline.faiss_index.index import VectorIndex, exact_scores
from stack.providers.inline.faiss_index.part import Floats
from stack.providers.inline.faiss_index.passing import Passing
from stack.providers.inline.faiss_index.settings import IndexSettings, settings_of
from stack.providers.inline.faiss_index.upkeep import LEAST_AT_CLOSE, Upkeep, recorded_of

if TYPE_CHECKING:
    from apsw import Connection
    from structlog.typing import FilteringBoundLogger

    from stack.storage import Database

# What comes in quick succession is taken up together; a query in between does not wait for it.
FOLLOW_AFTER_S = 0.02


class Indexes:
    """folder: where snapshots lie."""

    def __init__(self, database: Database, folder: Path, default: IndexSettings, log: FilteringBoundLogger) -> None:
        self._database = database
        self._upkeep = Upkeep(database, folder, log)
        self._default = default
        self._log = log
        self._indexes: dict[str, VectorIndex] = {}
        self._guard = threading.Lock()
        self._following: dict[str, asyncio.Task[None]] = {}
        self._asked: dict[str, bool] = {}
        self._loading: asyncio.Task[None] | None = None

    async def settled(self) -> None:
        """Wait until what came so far is taken up, saved where that is due, and in a graph where that is wanted."""
        if self._loading:
            await self._loading
        while self._following:
            await asyncio.gather(*self._following.values())
        await self._upkeep.settled()

    async def close(self) -> None:
        """Leave off whatever is being kept up, and save what has changed much."""
        tasks = [*self._following.values(), *([self._loading] if self._loading else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._upkeep.close()
        for index in self._indexes.values():
            if index.changed >= LEAST_AT_CLOSE:
                await self._upkeep.save(index)

    def load_soon(self) -> None:
        """Take up what every store holds, beside whatever is asked meanwhile."""
        self._loading = asyncio.create_task(self._load())

    async def _load(self) -> None:
        try:
            stores = await self._database.read(schema.read_stores)
        except StackError as error:  # as it will be told to whoever asks
            self._log.warning("indexes not loaded", reason=error.message)
            return
        for store in stores:
            self.follow_soon(store.spec.vector_store_id)

    def forget(self, vector_store_id: str) -> None:
        """Let the index of a store go, which was deleted."""
        with self._guard:
            self._indexes.pop(vector_store_id, None)

    async def delete(self, vector_store_id: str, delete: Callable[[str], Awaitable[None]]) -> None:
        """Delete a store by `delete`, and leave nothing of its index."""
        snapshot = await self._database.read(lambda connection: recorded_of(connection, vector_store_id))
        await delete(vector_store_id)
        self.forget(vector_store_id)
        await self._upkeep.discard(snapshot)

    def follow_soon(self, vector_store_id: str) -> None:
        """Take up what a store holds in a moment, so that the next query need not."""
        self._asked[vector_store_id] = True
        if vector_store_id not in self._following:
            self._following[vector_store_id] = asyncio.create_task(self._follow(vector_store_id))

    def nearest(self, connection: Connection, store: StoreRow, query: VectorQuery) -> Ranked | None:
        """The rows nearest to a query with exact scores; None if others have seen a newer state than the connection."""
        wanted = np.frombuffer(query.embedding, "<f4")
        candidates = self._candidates(connection, store, wanted, query)
        if candidates is None:
            return None
        found = rows.vectors_of(connection, candidates)
        if not found:
            return []
        scores = exact_scores(store.spec, wanted, stacked(store, [blob for _, blob in found]))
        ranked = [(row, score) for (row, _), score in zip(found, scores, strict=True)]
        ranked.sort(key=lambda pair: -pair[1])
        return ranked[: query.top_k]

    def _candidates(
        self, connection: Connection, store: StoreRow, wanted: Floats, query: VectorQuery
    ) -> list[int] | None:
        passing = None if query.filter is None else Passing(connection, query.filter, store.number)
        index = self._index(store.spec.vector_store_id)
        with index.lock.shared():
            if is_current(index, store):
                return index.candidates(wanted, query.top_k, passing)
        with index.lock.alone():
            if not self._catch_up(connection, store, index):
                return None
            return index.candidates(wanted, query.top_k, passing)

    def _catch_up(self, connection: Connection, store: StoreRow, index: VectorIndex) -> bool:
        """Bring an index to what the connection sees, whose lock is held alone; False if it is beyond that."""
        if (index.number, index.generation) > (store.number, store.generation):
            return False
        if not is_current(index, store):
            if not is_behind(index, store):
                self._begin(connection, store, index)
            follow(connection, store, index)
        return True

    def _begin(self, connection: Connection, store: StoreRow, index: VectorIndex) -> None:
        settings = settings_of(store.spec, self._default)
        index.reset(store.number, store.spec, settings)
        self._upkeep.load(connection, index)
        if not (is_current(index, store) or is_behind(index, store)):
            index.reset(store.number, store.spec, settings)

    def _index(self, vector_store_id: str) -> VectorIndex:
        with self._guard:
            if vector_store_id not in self._indexes:
                self._indexes[vector_store_id] = VectorIndex()
            return self._indexes[vector_store_id]

    async def _follow(self, vector_store_id: str) -> None:
        def catch_up(connection: Connection) -> VectorIndex | None:
            if (store := schema.read_store(connection, vector_store_id)) is None:
                self.forget(vector_store_id)
                return None
            index = self._index(vector_store_id)
            with index.lock.alone():
                self._catch_up(connection, store, index)
            return index

        try:
            while self._asked.pop(vector_store_id, None):
                await asyncio.sleep(FOLLOW_AFTER_S)
                if (index := await self._database.read(catch_up)) is not None:
                    await self._upkeep.after_change(index)
        except StackError as error:
            self._log.warning("index not kept up", vector_store=vector_store_id, reason=error.message)
        finally:
            del self._following[vector_store_id]
