"""Searches of one collection."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from stack.apis.vector_io import KeywordQuery, Metric, ScoredChunk, VectorQuery
from stack.providers.remote.attribute_terms import Condition, condition
from stack.providers.remote.milvus.collections import METRICS, IndexSettings
from stack.providers.remote.milvus.rows import WHOLE, chunk_of, expression
from stack.providers.remote.words import words_of

if TYPE_CHECKING:
    from pymilvus import MilvusClient


def nearest(
    client: MilvusClient, timeout_s: float, name: str, query: VectorQuery, metric: Metric, settings: IndexSettings
) -> list[ScoredChunk]:
    """The chunks nearest to a vector."""
    wanted = _wanted(query)
    if wanted is False:
        return []
    how = {"metric_type": METRICS[metric], "params": settings.searching(query.top_k)}
    [hits] = client.search(
        name,
        data=[query.embedding.tolist()],
        anns_field="embedding",
        filter=expression(wanted),
        limit=query.top_k,
        search_params=how,
        output_fields=WHOLE,
        timeout=timeout_s,
    )
    return _above([ScoredChunk(chunk_of(hit["entity"]), _score(metric, hit["distance"])) for hit in hits], query)


def by_words(client: MilvusClient, timeout_s: float, name: str, query: KeywordQuery) -> list[ScoredChunk]:
    """The chunks that share words with a text."""
    wanted, words = _wanted(query), words_of(query.text)
    if wanted is False or not words:
        return []
    [hits] = client.search(
        name,
        data=[" ".join(words)],
        anns_field="words",
        filter=expression(wanted),
        limit=query.top_k,
        search_params={"metric_type": "BM25"},
        output_fields=WHOLE,
        timeout=timeout_s,
    )
    # The small server tells scores as distances, below 0.
    return _above([ScoredChunk(chunk_of(hit["entity"]), abs(hit["distance"])) for hit in hits], query)


def _wanted(query: VectorQuery | KeywordQuery) -> Condition:
    return True if query.filter is None else condition(query.filter)


def _above(scored: list[ScoredChunk], query: VectorQuery | KeywordQuery) -> list[ScoredChunk]:
    least = query.score_threshold
    return scored if least is None else [one for one in scored if one.score >= least]


def _score(metric: Metric, given: Any) -> float:
    """given: cosine similarity, the square of the Euclidean distance, or the product."""
    if metric == "cosine":
        return max(-1.0, min(1.0, float(given)))
    return 1.0 / (1.0 + math.sqrt(max(0.0, given))) if metric == "l2" else float(given)
