"""The vector_io router: a `VectorIO` that hands each call to the provider of its store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from stack.apis.vector_io import EmbeddedChunk, KeywordQuery, ScoredChunk, VectorIO, VectorQuery, VectorStoreSpec
from stack.errors import NotFound, UpstreamError, nearest, quoted, shortened
from stack.routing.instance import Instance

T = TypeVar("T")


class VectorIORouter(VectorIO):
    """Knows which provider holds which store: told by whoever keeps the list of stores, by `place` and `displace`."""

    def __init__(self, instances: Sequence[Instance[VectorIO]]) -> None:
        self.instances = {instance.provider_id: instance for instance in instances}
        self._places: dict[str, str] = {}

    def place(self, vector_store_id: str, provider_id: str) -> None:
        """From now on, calls about this store go to that provider. Raises: NotFound for an unknown provider."""
        self.instance(provider_id)
        self._places[vector_store_id] = provider_id

    def displace(self, vector_store_id: str) -> None:
        """Forget where a store was."""
        self._places.pop(vector_store_id, None)

    def instance(self, provider_id: str) -> Instance[VectorIO]:
        """A provider of this stack. Raises: NotFound naming those that there are."""
        if (found := self.instances.get(provider_id)) is None:
            known = nearest(provider_id, list(self.instances)) or list(self.instances)
            message = f"no vector_io provider has the id `{shortened(provider_id)}`: there are {quoted(known)}"
            raise NotFound(message, param="provider_id")
        return found

    async def create_store(self, store: VectorStoreSpec) -> None:
        await self._ask(store.vector_store_id, lambda provider: provider.create_store(store))

    async def delete_store(self, vector_store_id: str) -> None:
        await self._ask(vector_store_id, lambda provider: provider.delete_store(vector_store_id))

    async def list_stores(self) -> list[VectorStoreSpec]:
        """The stores of every provider that answers."""
        found: list[VectorStoreSpec] = []
        for instance in self.instances.values():
            if instance.provider is not None:
                found += await instance.provider.list_stores()
        return found

    async def insert_chunks(self, vector_store_id: str, chunks: Sequence[EmbeddedChunk]) -> None:
        await self._ask(vector_store_id, lambda provider: provider.insert_chunks(vector_store_id, chunks))

    async def query_chunks(self, vector_store_id: str, query: VectorQuery | KeywordQuery) -> list[ScoredChunk]:
        return await self._ask(vector_store_id, lambda provider: provider.query_chunks(vector_store_id, query))

    async def get_chunks(self, vector_store_id: str, chunk_ids: Sequence[str]) -> list[EmbeddedChunk]:
        return await self._ask(vector_store_id, lambda provider: provider.get_chunks(vector_store_id, chunk_ids))

    async def delete_chunks(self, vector_store_id: str, chunk_ids: Sequence[str]) -> None:
        await self._ask(vector_store_id, lambda provider: provider.delete_chunks(vector_store_id, chunk_ids))

    async def count_chunks(self, vector_store_id: str) -> int:
        return await self._ask(vector_store_id, lambda provider: provider.count_chunks(vector_store_id))

    async def _ask(self, vector_store_id: str, ask: Callable[[VectorIO], Awaitable[T]]) -> T:
        if (provider_id := self._places.get(vector_store_id)) is None:
            message = f"no vector store has the id `{shortened(vector_store_id)}`"
            raise NotFound(message, param="vector_store_id", code="vector_store_not_found")
        instance = self.instance(provider_id)
        try:
            answer = await ask(instance.answer())
        except UpstreamError as error:
            instance.failed_to_answer(error)
            raise
        instance.works()
        return answer
