"""Chunks put in and found by callers themselves, as Llama Stack words it."""

from __future__ import annotations

import asyncio
import hashlib
import re
from array import array
from collections.abc import Sequence

from stack.apis.vector_io import EmbeddedChunk, ScoredChunk, VectorIO
from stack.apis.vector_search import (
    FoundChunk,
    InsertedChunk,
    InsertRequest,
    InsertResponse,
    QueryChunksResponse,
    QueryParams,
    QueryRequest,
    text_of,
)
from stack.errors import InvalidRequest
from stack.services.vector_stores.embedding import Embedder, vector_of
from stack.services.vector_stores.records import StoreRecord
from stack.services.vector_stores.search import Finder, Wanted
from stack.services.vector_stores.stores import Stores

EMBEDDED_AT_ONCE = 256
QUICK_NUMBERS = 50_000  # become float32 in a millisecond
_OF_A_FILE = re.compile(r"file-[0-9a-f]{32}-\d{6,}")


class Chunks:
    """Inserting and querying chunks."""

    def __init__(self, stores: Stores, vector_io: VectorIO, embedder: Embedder, finder: Finder) -> None:
        self._stores = stores
        self._vector_io = vector_io
        self._embedder = embedder
        self._finder = finder

    async def insert(self, request: InsertRequest) -> InsertResponse:
        """Store chunks, all or none; durable when it returns. Raises: NotFound, InvalidRequest naming the field."""
        store = await self._stores.usable(request.vector_store_id)
        for index, chunk in enumerate(request.chunks):
            _check(chunk, f"chunks[{index}]", store)
        vectors = await self._vectors(store, request.chunks)
        embedded = [_embedded(chunk, vector) for chunk, vector in zip(request.chunks, vectors, strict=True)]
        await self._stores.asked(store, self._vector_io.insert_chunks(store.id, embedded))
        return InsertResponse(inserted=len({chunk.chunk_id for chunk in embedded}))

    async def query(self, request: QueryRequest) -> QueryChunksResponse:
        """The chunks that fit best. Raises: NotFound, InvalidRequest, UpstreamError."""
        store = await self._stores.usable(request.vector_store_id)
        params = request.params or QueryParams()
        ranker = params.ranker
        wanted = Wanted(
            top_k=params.max_chunks,
            mode=params.mode,
            ranker=ranker.type if ranker else None,
            alpha=ranker.alpha if ranker else None,
            impact_factor=ranker.impact_factor if ranker else None,
            rerank_model=ranker.model if ranker else None,
            score_threshold=params.score_threshold,
            filter=params.filters,
            include_embeddings=params.include_embeddings,
        )
        texts = [] if request.query is None else [text_of(request.query)]
        vector = None if request.embedding is None else vector_of(request.embedding, "embedding")
        found = await self._finder.find(store, texts, vector, wanted)
        return QueryChunksResponse(
            chunks=[_found(each, store, params.include_embeddings) for each in found],
            scores=[each.score for each in found],
        )

    async def _vectors(self, store: StoreRecord, chunks: Sequence[InsertedChunk]) -> list[array[float]]:
        """The chunks' own vectors, and those that the store's model makes for the others."""
        size = sum(len(chunk.embedding or ()) for chunk in chunks)
        given = await asyncio.to_thread(_own, chunks) if size > QUICK_NUMBERS else _own(chunks)
        missing = [text_of(chunk.content) for chunk, vector in zip(chunks, given, strict=True) if vector is None]
        made: list[array[float]] = []
        for start in range(0, len(missing), EMBEDDED_AT_ONCE):
            made += await self._embedder.texts(store, missing[start : start + EMBEDDED_AT_ONCE])
        following = iter(made)
        return [next(following) if vector is None else vector for vector in given]


def _own(chunks: Sequence[InsertedChunk]) -> list[array[float] | None]:
    """The vectors that chunks bring. Raises: InvalidRequest."""
    return [
        None if chunk.embedding is None else vector_of(chunk.embedding, f"chunks[{index}].embedding")
        for index, chunk in enumerate(chunks)
    ]


def _check(chunk: InsertedChunk, where: str, store: StoreRecord) -> None:
    if chunk.chunk_id is not None and _OF_A_FILE.fullmatch(chunk.chunk_id):
        message = f"`{where}.chunk_id` has the form of a file's chunk: attach the file instead, or use another id"
        raise InvalidRequest(message, param=f"{where}.chunk_id")
    for field, said, has in (
        ("embedding_dimension", chunk.embedding_dimension, store.dimension),
        ("embedding_model", chunk.embedding_model, store.embedding_model),
    ):
        if said and said != has:
            message = f"`{where}.{field}` is `{said}`, and vector store `{store.id}` has `{has}`"
            raise InvalidRequest(message, param=f"{where}.{field}")


def _embedded(chunk: InsertedChunk, vector: array[float]) -> EmbeddedChunk:
    text, metadata = text_of(chunk.content), chunk.metadata or {}
    chunk_id = chunk.chunk_id or _id_of(text, str(metadata.get("document_id", "")))
    return EmbeddedChunk(chunk_id, text, vector, metadata, chunk.chunk_metadata or {})


def _id_of(text: str, document_id: str) -> str:
    """The same for the same text of the same document, so that storing it twice stores it once."""
    return "chunk-" + hashlib.sha256(f"{document_id}\0{text}".encode()).hexdigest()[:32]


def _found(each: ScoredChunk, store: StoreRecord, with_embedding: bool) -> FoundChunk:
    chunk = each.chunk
    return FoundChunk(
        chunk_id=chunk.chunk_id,
        content=chunk.content,
        metadata=chunk.metadata,
        chunk_metadata=chunk.chunk_metadata,
        embedding=list(chunk.embedding) if with_embedding else None,
        embedding_model=store.embedding_model,
        embedding_dimension=store.dimension,
    )
