"""Milvus: a collection for each store, by its own client; needs a server of 2.5 or newer, which has full text search.

Checked against `milvus-lite`, the small server of the same project; what a cluster does beyond it was not seen.
Source: https://milvus.io/docs
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from pydantic import Field, SecretStr

from stack.apis.vector_checks import check_chunks, check_query, check_same_store, check_store, unknown_store
from stack.apis.vector_io import EmbeddedChunk, KeywordQuery, ScoredChunk, VectorIO, VectorQuery, VectorStoreSpec
from stack.errors import UpstreamError, UpstreamRejected
from stack.providers.remote.milvus.collections import IndexSettings, create, load, told_by
from stack.providers.remote.milvus.rows import WHOLE, among, chunk_of, rows_of
from stack.providers.remote.milvus.searching import by_words, nearest
from stack.providers.remote.milvus.server import MilvusServer, Missing, Place, Released
from stack.providers.remote.stores import batches, collection_name, settings_of, storable
from stack.registry.spec import Deps, Provider, ProviderConfig, env

if TYPE_CHECKING:
    from pymilvus import MilvusClient

T = TypeVar("T")
_MAX_BYTES = 16 << 20  # of one call: a server takes 64 MB unless it is told otherwise
_NUMBER_BYTES = 4
_MAX_CHUNKS = 5000
_MAX_IDS = 1000
_GOING_S = 0.3


class Config(ProviderConfig):
    switch: ClassVar[str] = "url"

    url: str = env("MILVUS_URL", "http://localhost:19530", "Where the server is; `https` checks its certificate.")
    token: SecretStr | None = env("MILVUS_TOKEN", None, "Key, or `user:password`.")
    database: str = env("MILVUS_DATABASE", "default", "Database.", min_length=1)
    ca_file: Path | None = env("MILVUS_CA_FILE", None, "Certificate of the server; default: the system's.")
    collection_prefix: str = env(
        "MILVUS_COLLECTION_PREFIX",
        "stack",
        "Beginning of the collections' names; one for each deployment.",
        pattern=r"^[A-Za-z0-9_]{1,64}$",
    )
    request_timeout_s: float = Field(60.0, gt=0, description="Longest wait for an answer, in seconds.")
    max_calls: int = Field(16, ge=1, le=1000, description="Calls of one process at one time.")
    store_defaults: IndexSettings = Field(
        IndexSettings(), description="What holds for a store unless its `params` say otherwise."
    )


class Milvus(Provider, VectorIO):
    config: Config

    def __init__(self, config: Config, deps: Deps) -> None:
        super().__init__(config, deps)
        token = config.token.get_secret_value() if config.token else ""
        ca_file = str(config.ca_file) if config.ca_file else None
        place = Place(config.url, token, config.database, ca_file, config.request_timeout_s)
        # Milvus takes no name that begins with a digit.
        self._prefix = (
            f"_{config.collection_prefix}" if config.collection_prefix[0].isdigit() else config.collection_prefix
        )
        self._server = MilvusServer(deps.provider_id, place, config.max_calls)

    async def initialize(self) -> None:
        """Raises: UpstreamError, unless the server is only not there yet."""
        try:
            await self._server.run(_collections)
        except UpstreamError as error:
            if error.code not in ("storage_unavailable", "upstream_timeout"):
                raise
            self.deps.log.warning("milvus is not there yet", error=error.message)

    async def shutdown(self) -> None:
        await self._server.close()

    async def create_store(self, store: VectorStoreSpec) -> None:
        check_store(store)
        settings = settings_of(store, self.config.store_defaults)
        name = self._name(store.vector_store_id)
        if (existing := await self._told(name)) is None:
            try:
                await self._server.run(partial(create, name=name, store=store))
            except UpstreamRejected:
                # Another process may have been first.
                if (existing := await self._told(name)) is None:
                    raise
        if existing is not None:
            check_same_store(existing, store)
            store, settings = existing, settings_of(existing, self.config.store_defaults)
        await self._server.run(partial(load, name=name, store=store, settings=settings))

    async def delete_store(self, vector_store_id: str) -> None:
        name = self._name(vector_store_id)
        try:
            await self._server.run(lambda client, timeout_s: client.drop_collection(name, timeout=timeout_s))
        except Missing:
            return

    async def list_stores(self) -> list[VectorStoreSpec]:
        names = await self._server.run(_collections)
        ours = sorted(name for name in names if name.startswith(f"{self._prefix}_"))
        found = await asyncio.gather(*map(self._told, ours))
        return [each for each in found if each is not None]

    async def insert_chunks(self, vector_store_id: str, chunks: Sequence[EmbeddedChunk]) -> None:
        """All or none within one call of Milvus: 5,000 chunks, and 16 MB.

        More go in several calls, in their order: after a failure the first of them may be there, and the same insert
        again completes it.
        """
        store = await self._store(vector_store_id)
        await asyncio.to_thread(check_chunks, store, chunks)
        rows = await asyncio.to_thread(rows_of, chunks)
        last = {chunk.chunk_id: index for index, chunk in enumerate(chunks)}
        for batch in batches([chunks[index] for index in last.values()], _MAX_CHUNKS, _MAX_BYTES, _NUMBER_BYTES):
            data = [rows[last[chunk.chunk_id]] for chunk in batch]
            await self._on(store, partial(_upsert, rows=data))

    async def query_chunks(self, vector_store_id: str, query: VectorQuery | KeywordQuery) -> list[ScoredChunk]:
        store = await self._store(vector_store_id)
        check_query(store, query)
        if isinstance(query, KeywordQuery):
            return await self._on(store, partial(by_words, query=query))
        settings = settings_of(store, self.config.store_defaults)
        return await self._on(store, partial(nearest, query=query, metric=store.metric, settings=settings))

    async def get_chunks(self, vector_store_id: str, chunk_ids: Sequence[str]) -> list[EmbeddedChunk]:
        store = await self._store(vector_store_id)
        found: dict[str, EmbeddedChunk] = {}
        for group in _groups(storable(chunk_ids)):
            for chunk in await self._on(store, partial(_get, chunk_ids=group)):
                found[chunk.chunk_id] = chunk
        return [found[each] for each in chunk_ids if each in found]

    async def delete_chunks(self, vector_store_id: str, chunk_ids: Sequence[str]) -> None:
        store = await self._store(vector_store_id)
        for group in _groups(storable(chunk_ids)):
            await self._on(store, partial(_delete, chunk_ids=group))

    async def count_chunks(self, vector_store_id: str) -> int:
        return await self._on(await self._store(vector_store_id), _count)

    async def _on(self, store: VectorStoreSpec, act: Callable[..., T]) -> T:
        """What `act(client, timeout_s, name)` gives for the collection of a store. Raises: NotFound."""
        name = self._name(store.vector_store_id)
        try:
            try:
                return await self._server.run(partial(act, name=name))
            except Released:
                await self._server.run(lambda client, timeout_s: client.load_collection(name, timeout=timeout_s))
                return await self._server.run(partial(act, name=name))
        except Missing as error:
            raise unknown_store(store.vector_store_id) from error
        except UpstreamRejected as error:
            # Milvus may tell a collection that is on its way out as any failure, before it tells that it is gone.
            await asyncio.sleep(_GOING_S)
            if await self._told(name) is None:
                raise unknown_store(store.vector_store_id) from error
            raise

    async def _store(self, vector_store_id: str) -> VectorStoreSpec:
        """A store as Milvus knows it now: others may have made it anew, under the same name. Raises: NotFound."""
        if (store := await self._told(self._name(vector_store_id))) is None:
            raise unknown_store(vector_store_id)
        return store

    async def _told(self, name: str) -> VectorStoreSpec | None:
        try:
            return told_by(
                await self._server.run(lambda client, timeout_s: client.describe_collection(name, timeout=timeout_s))
            )
        except Missing:
            return None

    def _name(self, vector_store_id: str) -> str:
        return collection_name(vector_store_id, self._prefix, "_")


def _groups(chunk_ids: list[str]) -> Iterator[list[str]]:
    return (chunk_ids[start : start + _MAX_IDS] for start in range(0, len(chunk_ids), _MAX_IDS))


def _collections(client: MilvusClient, timeout_s: float) -> list[str]:
    return list(client.list_collections(timeout=timeout_s))


def _get(client: MilvusClient, timeout_s: float, name: str, chunk_ids: list[str]) -> list[EmbeddedChunk]:
    rows = client.query(
        name, filter=among(chunk_ids), output_fields=WHOLE, consistency_level="Strong", timeout=timeout_s
    )
    return [chunk_of(row) for row in rows]


def _upsert(client: MilvusClient, timeout_s: float, name: str, rows: list[dict[str, Any]]) -> None:
    client.upsert(name, rows, timeout=timeout_s)


def _delete(client: MilvusClient, timeout_s: float, name: str, chunk_ids: list[str]) -> None:
    client.delete(name, filter=among(chunk_ids), timeout=timeout_s)


def _count(client: MilvusClient, timeout_s: float, name: str) -> int:
    [row] = client.query(name, filter="", output_fields=["count(*)"], consistency_level="Strong", timeout=timeout_s)
    return int(row["count(*)"])
