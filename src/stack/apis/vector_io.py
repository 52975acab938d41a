"""VectorIO: what a vector provider does with chunks; everything OpenAI builds on it is written once, above."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from stack.apis.filters import Attribute, Filter
from stack.errors import Unsupported

__all__ = ["EmbeddedChunk", "KeywordQuery", "Metric", "ScoredChunk", "VectorIO", "VectorQuery", "VectorStoreSpec"]

Metric = Literal["cosine", "l2", "inner_product"]
Embedding = array  # of "f": little-endian float32, which engines and numpy read without a copy


@dataclass(frozen=True, slots=True)
class VectorStoreSpec:
    """A collection of chunks as a provider makes it.

    dimension: length of every embedding in it. provider_vector_store_id: what the engine calls it.
    params: the provider's own settings of this store (kind of index and the like).
    """

    vector_store_id: str
    dimension: int
    metric: Metric = "cosine"
    provider_vector_store_id: str = ""
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class EmbeddedChunk:
    """A piece of text with its embedding.

    embedding: (dimension,) float32. metadata: flat attributes that filters see. chunk_metadata: any JSON that is kept
    and given back but not filtered by (source, offsets).
    """

    chunk_id: str
    content: str
    embedding: array[float]
    metadata: dict[str, Attribute] = field(default_factory=dict)
    chunk_metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class ScoredChunk:
    """A chunk that was found.

    score: higher is better. Vector queries: cosine similarity in [-1, 1], 1 / (1 + distance) for l2 in (0, 1], the
    product for inner_product. Keyword queries: the engine's own, above 0.
    """

    chunk: EmbeddedChunk
    score: float


@dataclass(frozen=True, slots=True)
class VectorQuery:
    """The `top_k` chunks nearest to `embedding` ((dimension,) float32) among those that pass `filter`.

    include_embeddings: whether the embeddings of what is found are wanted; if not, they may be empty.
    """

    embedding: array[float]
    top_k: int = 10
    filter: Filter | None = None
    score_threshold: float | None = None
    include_embeddings: bool = True


@dataclass(frozen=True, slots=True)
class KeywordQuery:
    """The `top_k` chunks that match any word of `text` best among those that pass `filter`; any text is a query.

    include_embeddings: as of a vector query.
    """

    text: str
    top_k: int = 10
    filter: Filter | None = None
    score_threshold: float | None = None
    include_embeddings: bool = True


class VectorIO(Protocol):
    """Stores of chunks. What a call acknowledged is durable, and every process that shares the engine sees it.

    An engine that cannot be reached is an UpstreamError or a StackError of status 503, never an empty answer.
    """

    async def create_store(self, store: VectorStoreSpec) -> None:
        """Make a store; the same one again is no error. Raises: Conflict naming both dimensions or metrics."""
        raise Unsupported("creating vector stores is not supported by this provider")

    async def delete_store(self, vector_store_id: str) -> None:
        """Remove a store with all its chunks; one that is not there is no error."""
        raise Unsupported("deleting vector stores is not supported by this provider")

    async def list_stores(self) -> list[VectorStoreSpec]:
        """Every store that the engine holds and that was made through this provider, read from the engine itself."""
        raise Unsupported("listing vector stores is not supported by this provider")

    async def insert_chunks(self, vector_store_id: str, chunks: Sequence[EmbeddedChunk]) -> None:
        """Add chunks, all or none; a `chunk_id` that is there is replaced, the last of equal ids in one call wins.

        Raises: NotFound, InvalidRequest naming both dimensions.
        """
        raise Unsupported("inserting chunks is not supported by this provider")

    async def query_chunks(self, vector_store_id: str, query: VectorQuery | KeywordQuery) -> list[ScoredChunk]:
        """What was found, best first; the filter holds before the best are taken. Raises: NotFound, InvalidRequest."""
        raise Unsupported("searching is not supported by this provider")

    async def get_chunks(self, vector_store_id: str, chunk_ids: Sequence[str]) -> list[EmbeddedChunk]:
        """Those of the chunks that exist, in the order asked for. Raises: NotFound for an unknown store."""
        raise Unsupported("reading chunks is not supported by this provider")

    async def delete_chunks(self, vector_store_id: str, chunk_ids: Sequence[str]) -> None:
        """Remove chunks, from every search at once; unknown ids are no error. Raises: NotFound for an unknown store."""
        raise Unsupported("deleting chunks is not supported by this provider")

    async def count_chunks(self, vector_store_id: str) -> int:
        """How many chunks a store holds. Raises: NotFound for an unknown store."""
        raise Unsupported("counting chunks is not supported by this provider")
