"""Vectors in SQLite, found by faiss: an index in memory that follows the database and can always be made again.

All vectors of a store are scanned up to 500,000 (200,000 under l2), and a graph (HNSW) is searched beyond, unless set.
Scores are always exact.
Source: https://github.com/facebookresearch/faiss
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from stack.apis.vector_io import EmbeddedChunk, KeywordQuery, ScoredChunk, VectorQuery, VectorStoreSpec
from stack.errors import NotFound
from stack.importing import one_at_a_time
from stack.providers.inline.chunk_store.provider import ChunkStore, Ranked
from stack.providers.inline.chunk_store.schema import StoreRow
from stack.providers.inline.faiss_index.settings import IndexSettings, Kind, settings_of
from stack.registry.spec import Deps, ProviderConfig

if TYPE_CHECKING:
    from apsw import Connection

    from stack.providers.inline.faiss_index.indexes import Indexes


class Config(ProviderConfig):
    index: Kind = Field(
        "auto",
        description="Kind of index of a store that names none in `params.index`: `flat` scans vectors as they are,"
        " `fp16` and `int8` (cosine only) in half and a quarter of the memory, `hnsw` builds a graph; `auto` picks by"
        " size.",
    )
    m: int = Field(16, ge=4, le=128, description="Edges of a node in a graph; `params.m` of a store wins.")
    ef_construction: int = Field(100, ge=8, le=2048, description="How many nodes are looked at to add one to a graph.")
    ef_search: int = Field(64, ge=8, le=2048, description="How many nodes of a graph are looked at in a search.")


class Faiss(ChunkStore):
    config: Config
    has_tables = False

    def __init__(self, config: Config, deps: Deps) -> None:
        super().__init__(config, deps)
        self._settings = IndexSettings(config.index, config.m, config.ef_construction, config.ef_search)
        self._indexes: Indexes | None = None

    async def initialize(self) -> None:
        """Open the database, and begin to load the indexes of its stores."""
        indexes = await asyncio.to_thread(_import_indexes)
        await super().initialize()
        folder = self.deps.storage.path(self.database.path.stem)
        self._indexes = indexes(self.database, folder, self._settings, self.deps.log)
        self._indexes.load_soon()

    async def shutdown(self) -> None:
        await super().shutdown()
        if self._indexes is not None:
            await self._indexes.close()

    async def settled(self) -> None:
        """Wait until the indexes hold all that came so far, and nothing is being built or swept."""
        await super().settled()
        assert self._indexes is not None
        await self._indexes.settled()

    def vectors_table(self, spec: VectorStoreSpec) -> None:
        settings_of(spec, self._settings)

    def nearest(self, connection: Connection, store: StoreRow, query: VectorQuery) -> Ranked | None:
        assert self._indexes is not None
        return self._indexes.nearest(connection, store, query)

    async def insert_chunks(self, vector_store_id: str, chunks: Sequence[EmbeddedChunk]) -> None:
        await super().insert_chunks(vector_store_id, chunks)
        assert self._indexes is not None
        self._indexes.follow_soon(vector_store_id)

    async def query_chunks(self, vector_store_id: str, query: VectorQuery | KeywordQuery) -> list[ScoredChunk]:
        assert self._indexes is not None
        try:
            return await super().query_chunks(vector_store_id, query)
        except NotFound:
            self._indexes.forget(vector_store_id)  # another process may have deleted it
            raise

    async def delete_store(self, vector_store_id: str) -> None:
        assert self._indexes is not None
        await self._indexes.delete(vector_store_id, super().delete_store)


def _import_indexes() -> type[Indexes]:
    with one_at_a_time:
        from stack.providers.inline.faiss_index.indexes import Indexes

    return Indexes
