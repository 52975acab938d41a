"""Chroma: a collection for each store, over its REST API of version 2; its own package is not needed.

Source: https://docs.trychroma.com
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import Field, SecretStr

from stack.apis.vector_checks import check_chunks, check_query, check_same_store, check_store, unknown_store
from stack.apis.vector_io import EmbeddedChunk, KeywordQuery, ScoredChunk, VectorIO, VectorQuery, VectorStoreSpec
from stack.errors import Conflict, UpstreamError, UpstreamRejected
from stack.providers.remote.chroma.collections import Collection, IndexSettings, collection_of, creating
from stack.providers.remote.chroma.records import upserting
from stack.providers.remote.chroma.searching import Search
from stack.providers.remote.chroma.server import ChromaServer, Missing, Server, Taken
from stack.providers.remote.stores import batches, collection_name, storable
from stack.providers.remote.upstream import Limits
from stack.registry.spec import Deps, Provider, ProviderConfig, env

T = TypeVar("T")
_QUICK = 100  # chunks that are checked and encoded in less than a few milliseconds
_MAX_BYTES = 16 << 20  # of one call: a server takes 40 MB unless it is told otherwise
_NUMBER_BYTES = 6  # in base64
_PAGE = 100  # collections in one listing


class Config(ProviderConfig):
    switch: ClassVar[str] = "url"

    url: str = env("CHROMA_URL", "http://localhost:8000", "Where the server is; `https` checks its certificate.")
    tenant: str = env("CHROMA_TENANT", "default_tenant", "Tenant.", min_length=1)
    database: str = env("CHROMA_DATABASE", "default_database", "Database; one for each deployment.", min_length=1)
    api_key: SecretStr | None = env("CHROMA_API_KEY", None, "Key of Chroma's cloud, or of a proxy before the server.")
    api_key_header: Literal["x-chroma-token", "authorization"] = env(
        "CHROMA_API_KEY_HEADER", "x-chroma-token", "Header that the key is sent in; `authorization`: as a bearer token."
    )
    connect_timeout_s: float = Field(5.0, gt=0, description="Longest wait for a connection, in seconds.")
    request_timeout_s: float = Field(60.0, gt=0, description="Longest wait for an answer to begin, in seconds.")
    max_answer_bytes: int = Field(256 << 20, ge=1 << 20, description="Largest answer that is read.")
    store_defaults: IndexSettings = Field(
        IndexSettings(), description="What holds for a store unless its `params` say otherwise."
    )


class Chroma(Provider, VectorIO):
    config: Config

    def __init__(self, config: Config, deps: Deps) -> None:
        super().__init__(config, deps)
        self._server = ChromaServer(deps.provider_id, _server(config), _limits(config))
        self._collections: dict[str, Collection] = {}
        self._search = Search(self._server)

    async def initialize(self) -> None:
        """Raises: UpstreamError, unless the server is only not there yet."""
        try:
            await self._server.max_batch()
        except UpstreamError as error:
            if error.code not in ("storage_unavailable", "upstream_timeout"):
                raise
            self.deps.log.warning("chroma is not there yet", error=error.message)

    async def shutdown(self) -> None:
        self._server.close()

    async def create_store(self, store: VectorStoreSpec) -> None:
        check_store(store)
        body = creating(store, self.config.store_defaults)
        try:
            try:
                await self._server.call("POST", "collections", body)
            except (Missing, UpstreamRejected):
                await self._server.make_database()  # if it is not there, which Chroma says in either way
                await self._server.call("POST", "collections", body)
        except Taken as error:
            existing = await self._look_up(store.vector_store_id)
            if existing is None:
                raise Conflict(f"Chroma has a collection `{body['name']}` that is not ours: rename it") from error
            check_same_store(existing.spec, store)

    async def delete_store(self, vector_store_id: str) -> None:
        self._collections.pop(vector_store_id, None)
        try:
            await self._server.call("DELETE", f"collections/{collection_name(vector_store_id)}")
        except Missing:
            return

    async def list_stores(self) -> list[VectorStoreSpec]:
        found: list[VectorStoreSpec] = []
        for offset in range(0, 1 << 31, _PAGE):
            page = await self._server.call("GET", f"collections?limit={_PAGE}&offset={offset}")
            found += [collection.spec for each in page if (collection := collection_of(each)) is not None]
            if len(page) < _PAGE:
                break
        return found

    async def insert_chunks(self, vector_store_id: str, chunks: Sequence[EmbeddedChunk]) -> None:
        """All or none within one call of Chroma: 5,461 chunks on its own server, and 16 MB.

        More go in several calls, in their order: after a failure the first of them may be there, and the same insert
        again completes it. Processes that replace one chunk at the same moment may leave it with terms of both.
        """

        async def insert(collection: Collection) -> None:
            many = len(chunks) > _QUICK
            if many:
                await asyncio.to_thread(check_chunks, collection.spec, chunks)
            else:
                check_chunks(collection.spec, chunks)
            last = list({chunk.chunk_id: chunk for chunk in chunks}.values())
            async with collection.writing:
                for batch in batches(last, await self._server.max_batch(), _MAX_BYTES, _NUMBER_BYTES):
                    before = await self._terms_of(collection, [chunk.chunk_id for chunk in batch])
                    body = await asyncio.to_thread(upserting, batch, before) if many else upserting(batch, before)
                    await self._server.call("POST", collection.path("upsert"), body)

        await self._on(vector_store_id, insert)

    async def query_chunks(self, vector_store_id: str, query: VectorQuery | KeywordQuery) -> list[ScoredChunk]:
        async def search(collection: Collection) -> list[ScoredChunk]:
            check_query(collection.spec, query)
            if isinstance(query, KeywordQuery):
                return await self._search.by_words(collection, query)
            return await self._search.nearest(collection, query)

        return await self._on(vector_store_id, search)

    async def get_chunks(self, vector_store_id: str, chunk_ids: Sequence[str]) -> list[EmbeddedChunk]:
        return await self._on(vector_store_id, lambda collection: self._search.get(collection, storable(chunk_ids)))

    async def delete_chunks(self, vector_store_id: str, chunk_ids: Sequence[str]) -> None:
        async def delete(collection: Collection) -> None:
            unwanted = storable(chunk_ids)
            step = await self._server.max_batch()
            for start in range(0, len(unwanted), step):
                await self._server.call("POST", collection.path("delete"), {"ids": unwanted[start : start + step]})
            if not unwanted:
                await self._server.call("GET", collection.path("count"))  # is it there?

        await self._on(vector_store_id, delete)

    async def count_chunks(self, vector_store_id: str) -> int:
        return await self._on(vector_store_id, self._search.count)

    async def _terms_of(self, collection: Collection, chunk_ids: list[str]) -> dict[str, list[str]]:
        """Names of the terms of those chunks that are there."""
        asked = {"ids": chunk_ids, "include": ["metadatas"]}
        answer: dict[str, Any] = await self._server.call("POST", collection.path("get"), asked)
        return {each: list(metadata) for each, metadata in zip(answer["ids"], answer["metadatas"], strict=True)}

    async def _on(self, vector_store_id: str, act: Callable[[Collection], Awaitable[T]]) -> T:
        """What `act` returns for the collection of a store, which others may have made anew. Raises: NotFound."""
        if (known := self._collections.get(vector_store_id)) is not None:
            try:
                return await self._unless_gone(known, act)
            except Missing:
                self._collections.pop(vector_store_id, None)
        if (found := await self._look_up(vector_store_id)) is None:
            raise unknown_store(vector_store_id)
        self._collections[vector_store_id] = found
        try:
            return await self._unless_gone(found, act)
        except Missing as error:
            self._collections.pop(vector_store_id, None)
            raise unknown_store(vector_store_id) from error

    async def _unless_gone(self, collection: Collection, act: Callable[[Collection], Awaitable[T]]) -> T:
        """Raises: Missing where a collection went away under a call, which Chroma may tell as any failure."""
        try:
            return await act(collection)
        except UpstreamRejected as error:
            now = await self._look_up(collection.spec.vector_store_id)
            if now is None or now.collection_id != collection.collection_id:
                raise Missing from error
            raise

    async def _look_up(self, vector_store_id: str) -> Collection | None:
        try:
            return collection_of(await self._server.call("GET", f"collections/{collection_name(vector_store_id)}"))
        except Missing:
            return None


def _server(config: Config) -> Server:
    token = config.api_key.get_secret_value() if config.api_key else None
    return Server(config.url, config.tenant, config.database, token, config.api_key_header)


def _limits(config: Config) -> Limits:
    wait_s = config.request_timeout_s
    return Limits(config.connect_timeout_s, wait_s, wait_s, config.max_answer_bytes)
