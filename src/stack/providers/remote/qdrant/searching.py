"""Searches of one collection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from stack.apis.vector_io import KeywordQuery, Metric, ScoredChunk, VectorQuery
from stack.providers.remote.attribute_terms import Condition, condition
from stack.providers.remote.qdrant.points import EMBEDDING, WORDS, chunk_of, filter_of, words_query
from stack.providers.remote.words import words_of

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient

    from stack.providers.remote.qdrant.settings import IndexSettings


async def nearest(
    client: AsyncQdrantClient, name: str, query: VectorQuery, metric: Metric, settings: IndexSettings | None
) -> list[ScoredChunk]:
    """The chunks nearest to a vector. settings: of the search, None in the local mode, which has none."""
    from qdrant_client import models

    wanted = _wanted(query)
    if wanted is False:
        return []
    how = None
    if settings is not None:
        how = models.SearchParams(hnsw_ef=max(settings.ef_search, query.top_k), exact=settings.exact)
    answer = await client.query_points(
        name,
        query=query.embedding.tolist(),
        using=EMBEDDING,
        query_filter=filter_of(wanted),
        search_params=how,
        limit=query.top_k,
        with_payload=True,
        with_vectors=[EMBEDDING],
    )
    return await asyncio.to_thread(_scored, answer.points, metric, query.score_threshold)


async def by_words(client: AsyncQdrantClient, name: str, query: KeywordQuery) -> list[ScoredChunk]:
    """The chunks that share words with a text."""
    wanted, words = _wanted(query), set(words_of(query.text))
    if wanted is False or not words:
        return []
    answer = await client.query_points(
        name,
        query=words_query(words),
        using=WORDS,
        query_filter=filter_of(wanted),
        limit=query.top_k,
        with_payload=True,
        with_vectors=[EMBEDDING],
    )
    found = await asyncio.to_thread(_scored, answer.points, "inner_product", query.score_threshold)
    # Another word may share a number with one of these.
    return [one for one in found if one.score > 0 and not words.isdisjoint(words_of(one.chunk.content))]


def _wanted(query: VectorQuery | KeywordQuery) -> Condition:
    return True if query.filter is None else condition(query.filter)


def _scored(points: list[Any], metric: Metric, threshold: float | None) -> list[ScoredChunk]:
    found = [ScoredChunk(chunk_of(each.payload, each.vector), _score(metric, each.score)) for each in points]
    return found if threshold is None else [one for one in found if one.score >= threshold]


def _score(metric: Metric, given: float) -> float:
    """given: cosine similarity, Euclidean distance, or product."""
    if metric == "cosine":
        return max(-1.0, min(1.0, given))
    return 1.0 / (1.0 + given) if metric == "l2" else given
