"""Qdrant: a collection for each store, by its own client.

Checked against the client's local mode, which answers in the place of a server but searches exactly: what a server's
index finds, how it shares work among nodes, and how it survives a crash were not seen. Needs a server of 1.16 or newer,
which keeps metadata of collections.
Source: https://qdrant.tech/documentation/
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from pydantic import Field, SecretStr

from stack.apis.vector_checks import check_chunks, check_query, check_same_store, check_store, unknown_store
from stack.apis.vector_io import (
    EmbeddedChunk,
    KeywordQuery,
    Metric,
    ScoredChunk,
    VectorIO,
    VectorQuery,
    VectorStoreSpec,
)
from stack.errors import ProviderUnavailable, UpstreamError
from stack.providers.remote.qdrant.points import EMBEDDING, chunk_of, point_id, point_of
from stack.providers.remote.qdrant.searching import by_words, nearest
from stack.providers.remote.qdrant.server import Missing, Place, QdrantServer, Taken
from stack.providers.remote.qdrant.settings import IndexSettings, creating, index_names, told_by
from stack.providers.remote.stores import batches, collection_name, settings_of, storable
from stack.registry.spec import Deps, Provider, ProviderConfig, env

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient

T = TypeVar("T")
_MAX_BYTES = 16 << 20  # of one call: a server takes 32 MB unless it is told otherwise
_NUMBER_BYTES = 22  # in JSON
_MAX_CHUNKS = 5000
_AT_ONCE = 16  # collections that are asked for their metadata together


class Config(ProviderConfig):
    switch: ClassVar[str] = "url"

    url: str = env("QDRANT_URL", "http://localhost:6333", "Where the server is; `https` checks its certificate.")
    path: str | None = env(
        "QDRANT_PATH", None, "Instead of a server: a folder, or `:memory:`; exact, slow, for trials and tests."
    )
    api_key: SecretStr | None = env("QDRANT_API_KEY", None, "Key of the server.")
    collection_prefix: str = env(
        "QDRANT_COLLECTION_PREFIX",
        "stack",
        "Beginning of the collections' names; one for each deployment.",
        pattern=r"^[A-Za-z0-9_]{1,64}$",
    )
    request_timeout_s: float = Field(60.0, ge=1, description="Longest wait for an answer, in whole seconds.")
    store_defaults: IndexSettings = Field(
        IndexSettings(), description="What holds for a store unless its `params` say otherwise."
    )


class Qdrant(Provider, VectorIO):
    config: Config

    def __init__(self, config: Config, deps: Deps) -> None:
        super().__init__(config, deps)
        key = config.api_key.get_secret_value() if config.api_key else None
        self._server = QdrantServer(deps.provider_id, Place(config.url, config.path, key, config.request_timeout_s))

    async def initialize(self) -> None:
        """Raises: UpstreamError, unless the server is only not there yet."""
        if self.config.api_key and self.config.url.startswith("http:"):
            self.deps.log.warning("the key of qdrant is sent unencrypted", url=self.config.url)
        try:
            await self._server.run(lambda client: client.get_collections())
        except UpstreamError as error:
            if error.code not in ("storage_unavailable", "upstream_timeout"):
                raise
            self.deps.log.warning("qdrant is not there yet", error=error.message)

    async def shutdown(self) -> None:
        await self._server.close()

    async def create_store(self, store: VectorStoreSpec) -> None:
        check_store(store)
        settings = settings_of(store, self.config.store_defaults)
        name = self._name(store.vector_store_id)
        try:
            await self._server.run(partial(_create, name=name, arguments=creating(store, settings)))
        except Taken:
            check_same_store(await self._store(store.vector_store_id), store)
        else:
            await self._check_metadata_is_kept(name)
        for field, kind in index_names(settings).items() if not self._server.is_local else ():
            await self._server.run(partial(_index, name=name, field=field, kind=kind))

    async def delete_store(self, vector_store_id: str) -> None:
        name = self._name(vector_store_id)
        try:
            await self._server.run(lambda client: client.delete_collection(name))
        except Missing:
            return

    async def list_stores(self) -> list[VectorStoreSpec]:
        listed = await self._server.run(lambda client: client.get_collections())
        names = sorted(each.name for each in listed.collections)
        ours = [name for name in names if name.startswith(f"{self.config.collection_prefix}-")]
        found: list[VectorStoreSpec | None] = []
        for group in _groups(ours, _AT_ONCE):
            found += await asyncio.gather(*map(self._told, group))
        return [each for each in found if each is not None]

    async def insert_chunks(self, vector_store_id: str, chunks: Sequence[EmbeddedChunk]) -> None:
        """All or none within one call of Qdrant: 5,000 chunks, and 16 MB.

        More go in several calls, in their order: after a failure the first of them may be there, and the same insert
        again completes it.
        """
        store = await self._store(vector_store_id)
        await asyncio.to_thread(check_chunks, store, chunks)
        last = list({chunk.chunk_id: chunk for chunk in chunks}.values())
        for batch in batches(last, _MAX_CHUNKS, _MAX_BYTES, _NUMBER_BYTES):
            points = await asyncio.to_thread(_points, batch, store.metric)
            await self._on(store, partial(_upsert, points=points))

    async def query_chunks(self, vector_store_id: str, query: VectorQuery | KeywordQuery) -> list[ScoredChunk]:
        store = await self._store(vector_store_id)
        check_query(store, query)
        settings = settings_of(store, self.config.store_defaults)
        if isinstance(query, KeywordQuery):
            return await self._on(store, partial(by_words, query=query))
        params = None if self._server.is_local else settings
        return await self._on(store, partial(nearest, query=query, metric=store.metric, settings=params))

    async def get_chunks(self, vector_store_id: str, chunk_ids: Sequence[str]) -> list[EmbeddedChunk]:
        store = await self._store(vector_store_id)
        wanted = storable(chunk_ids)
        found: dict[str, EmbeddedChunk] = {}
        for group in _groups([point_id(each) for each in wanted], _MAX_CHUNKS):
            for record in await self._on(store, partial(_get, ids=group)):
                chunk = chunk_of(record.payload, record.vector)
                found[chunk.chunk_id] = chunk
        return [found[each] for each in chunk_ids if each in found]

    async def delete_chunks(self, vector_store_id: str, chunk_ids: Sequence[str]) -> None:
        store = await self._store(vector_store_id)
        for group in _groups([point_id(each) for each in storable(chunk_ids)], _MAX_CHUNKS):
            await self._on(store, partial(_delete, ids=group))

    async def count_chunks(self, vector_store_id: str) -> int:
        store = await self._store(vector_store_id)
        return await self._on(store, _count)

    async def _check_metadata_is_kept(self, name: str) -> None:
        if await self._told(name) is None:
            await self._server.run(lambda client: client.delete_collection(name))
            raise ProviderUnavailable(f"Qdrant of provider `{self.deps.provider_id}` is older than 1.16: update it")

    async def _on(self, store: VectorStoreSpec, act: Callable[[AsyncQdrantClient, str], Awaitable[T]]) -> T:
        """What `act(client, name)` gives for the collection of a store. Raises: NotFound."""
        name = self._name(store.vector_store_id)
        try:
            return await self._server.run(lambda client: act(client, name))
        except Missing as error:
            raise unknown_store(store.vector_store_id) from error

    async def _store(self, vector_store_id: str) -> VectorStoreSpec:
        """A store as Qdrant knows it now: others may have made it anew, under the same name. Raises: NotFound."""
        if (store := await self._told(self._name(vector_store_id))) is None:
            raise unknown_store(vector_store_id)
        return store

    async def _told(self, name: str) -> VectorStoreSpec | None:
        try:
            return told_by(await self._server.run(lambda client: client.get_collection(name)))
        except Missing:
            return None

    def _name(self, vector_store_id: str) -> str:
        return collection_name(vector_store_id, self.config.collection_prefix)


def _points(chunks: Sequence[EmbeddedChunk], metric: Metric) -> list[Any]:
    return [point_of(each, metric) for each in chunks]


def _groups(items: list[str], size: int) -> Iterator[list[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))


async def _create(client: AsyncQdrantClient, name: str, arguments: dict[str, Any]) -> None:
    await client.create_collection(name, **arguments)


async def _count(client: AsyncQdrantClient, name: str) -> int:
    return int((await client.count(name, exact=True)).count)


async def _upsert(client: AsyncQdrantClient, name: str, points: list[Any]) -> None:
    await client.upsert(name, points, wait=True)


async def _index(client: AsyncQdrantClient, name: str, field: str, kind: Any) -> None:
    await client.create_payload_index(name, field, kind, wait=True)


async def _get(client: AsyncQdrantClient, name: str, ids: list[str]) -> Any:
    return await client.retrieve(name, ids, with_payload=True, with_vectors=[EMBEDDING])


async def _delete(client: AsyncQdrantClient, name: str, ids: list[str]) -> None:
    from qdrant_client import models

    await client.delete(name, models.PointIdsList(points=ids), wait=True)
