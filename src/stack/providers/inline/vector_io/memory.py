"""Chunks in the memory of this process: exact, slow, and gone when it ends. For tests, and to read what is meant.

It needs no package. Every answer is computed from every chunk, in the words of the protocol.
"""

from __future__ import annotations

import asyncio
import math
import operator
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from stack.apis.filters import matches
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
from stack.registry.spec import Deps, Provider, ProviderConfig

_WORD = re.compile(r"[^\W_]+")
_QUICK = 200  # chunks that are looked at in less than a few milliseconds


class Config(ProviderConfig):
    pass


@dataclass(slots=True)
class _Store:
    spec: VectorStoreSpec
    chunks: dict[str, EmbeddedChunk] = field(default_factory=dict)


class Memory(Provider, VectorIO):
    config: Config

    def __init__(self, config: Config, deps: Deps) -> None:
        super().__init__(config, deps)
        self._stores: dict[str, _Store] = {}

    async def create_store(self, store: VectorStoreSpec) -> None:
        check_store(store)
        check_same_store(self._stores.setdefault(store.vector_store_id, _Store(store)).spec, store)

    async def delete_store(self, vector_store_id: str) -> None:
        self._stores.pop(vector_store_id, None)

    async def list_stores(self) -> list[VectorStoreSpec]:
        return [store.spec for store in self._stores.values()]

    async def insert_chunks(self, vector_store_id: str, chunks: Sequence[EmbeddedChunk]) -> None:
        store = self._store(vector_store_id)
        check_chunks(store.spec, chunks)
        store.chunks.update((chunk.chunk_id, _copy(chunk)) for chunk in chunks)

    async def query_chunks(self, vector_store_id: str, query: VectorQuery | KeywordQuery) -> list[ScoredChunk]:
        store = self._store(vector_store_id)
        check_query(store.spec, query)
        work = partial(_best, store.spec.metric, list(store.chunks.values()), query)
        return await asyncio.to_thread(work) if len(store.chunks) > _QUICK else work()

    async def get_chunks(self, vector_store_id: str, chunk_ids: Sequence[str]) -> list[EmbeddedChunk]:
        chunks = self._store(vector_store_id).chunks
        return [_copy(chunks[each]) for each in chunk_ids if each in chunks]

    async def delete_chunks(self, vector_store_id: str, chunk_ids: Sequence[str]) -> None:
        chunks = self._store(vector_store_id).chunks
        for each in chunk_ids:
            chunks.pop(each, None)

    async def count_chunks(self, vector_store_id: str) -> int:
        return len(self._store(vector_store_id).chunks)

    def _store(self, vector_store_id: str) -> _Store:
        if (store := self._stores.get(vector_store_id)) is None:
            raise unknown_store(vector_store_id)
        return store


def _copy(chunk: EmbeddedChunk) -> EmbeddedChunk:
    """Its own containers: what a caller changes later is not what was stored."""
    return replace(
        chunk,
        embedding=chunk.embedding[:],
        metadata=dict(chunk.metadata),
        chunk_metadata=dict(chunk.chunk_metadata),
    )


def _best(metric: Metric, chunks: list[EmbeddedChunk], query: VectorQuery | KeywordQuery) -> list[ScoredChunk]:
    passing = [chunk for chunk in chunks if query.filter is None or matches(query.filter, chunk.metadata)]
    if isinstance(query, VectorQuery):
        scores: Iterable[float] = (_score(metric, chunk.embedding, query.embedding) for chunk in passing)
    else:
        scores = _keyword_scores(passing, query.text)
    least = -math.inf if query.score_threshold is None else query.score_threshold
    found = [ScoredChunk(chunk, score) for chunk, score in zip(passing, scores, strict=True) if score >= least]
    if isinstance(query, KeywordQuery):
        found = [one for one in found if one.score > 0]
    found.sort(key=operator.attrgetter("score"), reverse=True)
    return [ScoredChunk(_copy(one.chunk), one.score) for one in found[: query.top_k]]


def _score(metric: Metric, one: Sequence[float], other: Sequence[float]) -> float:
    if metric == "l2":
        return 1 / (1 + math.dist(one, other))
    product = math.fsum(map(operator.mul, one, other))
    if metric == "inner_product":
        return product
    return max(-1.0, min(1.0, product / (math.hypot(*one) * math.hypot(*other))))


def _keyword_scores(chunks: Sequence[EmbeddedChunk], text: str) -> Iterable[float]:
    """BM25 without a norm of lengths: a word weighs more the fewer chunks hold it, and less each time it is repeated.

    Source: Robertson and Zaragoza 2009, with k1 = 1.2 and b = 0; 1 is added within the logarithm, so none is negative.
    """
    held = [_WORD.findall(chunk.content.casefold()) for chunk in chunks]
    weights = {}
    for word in set(_WORD.findall(text.casefold())):
        holding = sum(word in words for words in held)
        weights[word] = math.log(1 + (len(chunks) - holding + 0.5) / (holding + 0.5))
    for words in held:
        counts = [(weight, words.count(word)) for word, weight in weights.items()]
        yield sum(weight * count * 2.2 / (count + 1.2) for weight, count in counts)
