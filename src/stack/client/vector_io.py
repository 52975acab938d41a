"""Chunks of vector stores, put in and found directly: `client.vector_io`, in Llama Stack's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NotRequired, TypedDict

from openai import AsyncOpenAI, BaseModel, OpenAI


class ChunkParam(TypedDict):
    """A chunk to store.

    embedding: numbers, or base64 of little-endian float32; left out, the store's model makes it. metadata: flat, what
    filters see; chunk_metadata: any JSON, given back. chunk_id: one that is there is replaced.
    """

    content: str
    chunk_id: NotRequired[str]
    metadata: NotRequired[Mapping[str, str | float | bool]]
    chunk_metadata: NotRequired[Mapping[str, Any]]
    embedding: NotRequired[Sequence[float] | str]


class Chunk(BaseModel):
    """A chunk that was found; embedding only where `params` has `include_embeddings`."""

    chunk_id: str
    content: str
    metadata: dict[str, Any]
    chunk_metadata: dict[str, Any]
    embedding: list[float] | None = None
    embedding_model: str
    embedding_dimension: int


class QueryChunksResponse(BaseModel):
    """Chunks, best first; `scores[i]` belongs to `chunks[i]`."""

    chunks: list[Chunk]
    scores: list[float]


class VectorIO:
    """Chunks of vector stores."""

    def __init__(self, client: OpenAI) -> None:
        self._client = client

    def insert(self, *, vector_store_id: str, chunks: Iterable[ChunkParam]) -> None:
        """Store chunks, all or none; durable when it returns. Raises openai.BadRequestError naming the field."""
        self._client.post("/vector-io/insert", cast_to=object, body=_insertion(vector_store_id, chunks))

    def query(
        self,
        *,
        vector_store_id: str,
        query: str | None = None,
        embedding: Sequence[float] | str | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> QueryChunksResponse:
        """The chunks that fit a text, an embedding, or both best. params: mode, max_chunks, score_threshold, ranker,
        filters, include_embeddings.
        """
        body = _question(vector_store_id, query, embedding, params)
        return self._client.post("/vector-io/query", cast_to=QueryChunksResponse, body=body)


class AsyncVectorIO:
    """Chunks of vector stores."""

    def __init__(self, client: AsyncOpenAI) -> None:
        self._client = client

    async def insert(self, *, vector_store_id: str, chunks: Iterable[ChunkParam]) -> None:
        """Store chunks, all or none; durable when it returns. Raises openai.BadRequestError naming the field."""
        await self._client.post("/vector-io/insert", cast_to=object, body=_insertion(vector_store_id, chunks))

    async def query(
        self,
        *,
        vector_store_id: str,
        query: str | None = None,
        embedding: Sequence[float] | str | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> QueryChunksResponse:
        """The chunks that fit a text, an embedding, or both best; see `VectorIO.query`."""
        body = _question(vector_store_id, query, embedding, params)
        return await self._client.post("/vector-io/query", cast_to=QueryChunksResponse, body=body)


def _insertion(vector_store_id: str, chunks: Iterable[ChunkParam]) -> dict[str, object]:
    return {"vector_store_id": vector_store_id, "chunks": list(chunks)}


def _question(vector_store_id: str, query: str | None, embedding: object, params: object) -> dict[str, object]:
    said = {"query": query, "embedding": embedding, "params": params}
    return {"vector_store_id": vector_store_id} | {name: value for name, value in said.items() if value is not None}
