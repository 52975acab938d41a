"""Searches of one collection."""

from __future__ import annotations

import asyncio
import math
import operator
from collections.abc import Sequence
from typing import Any

from stack.apis.vector_io import EmbeddedChunk, KeywordQuery, Metric, ScoredChunk, VectorQuery
from stack.providers.remote.attribute_terms import condition
from stack.providers.remote.chroma.collections import Collection
from stack.providers.remote.chroma.records import chunk_of, where
from stack.providers.remote.chroma.server import ChromaServer
from stack.providers.remote.chroma.words import Ranking, where_document
from stack.providers.remote.words import words_of

_WHOLE = ["documents", "embeddings", "metadatas"]
_PAGE = 1000  # chunks of which the texts are read at once


class Search:
    """What reads collections on one server."""

    def __init__(self, server: ChromaServer) -> None:
        self._server = server

    async def count(self, collection: Collection) -> int:
        return int(await self._server.call("GET", collection.path("count")))

    async def get(self, collection: Collection, chunk_ids: Sequence[str]) -> list[EmbeddedChunk]:
        """Those chunks that are there, in the order of their ids."""
        found: dict[str, EmbeddedChunk] = {}
        step = await self._server.max_batch()
        for start in range(0, max(1, len(chunk_ids)), step):
            asked = {"ids": chunk_ids[start : start + step], "include": _WHOLE}
            answer = await self._server.call("POST", collection.path("get"), asked)
            columns = (answer[name] for name in ("ids", *_WHOLE))
            found |= {record[0]: chunk_of(*record) for record in zip(*columns, strict=True)}
        return [found[each] for each in chunk_ids if each in found]

    async def nearest(self, collection: Collection, query: VectorQuery) -> list[ScoredChunk]:
        """The chunks nearest to a vector."""
        wanted = True if query.filter is None else condition(query.filter)
        if wanted is False:
            await self.count(collection)  # is it there?
            return []
        asked = {"query_embeddings": [query.embedding.tolist()], "n_results": query.top_k, "where": where(wanted)}
        asked["include"] = [*_WHOLE, "distances"]
        answer = await self._server.call("POST", collection.path("query"), asked)
        found = await asyncio.to_thread(_scored, answer, collection.spec.metric, query)
        return _above(found, query.score_threshold)

    async def by_words(self, collection: Collection, query: KeywordQuery) -> list[ScoredChunk]:
        """The chunks that share words with a text."""
        words = set(words_of(query.text))
        wanted = True if query.filter is None else condition(query.filter)
        total = await self.count(collection)
        if not words or not total or wanted is False:
            return []
        ranking = Ranking(words)
        asked: dict[str, Any] = {"where": where(wanted), "where_document": where_document(words), "limit": _PAGE}
        asked["include"] = ["documents"]
        for offset in range(0, total + _PAGE, _PAGE):
            page = await self._server.call("POST", collection.path("get"), asked | {"offset": offset})
            await asyncio.to_thread(ranking.add, page["ids"], page["documents"])
            if len(page["ids"]) < _PAGE:
                break
        best = ranking.best(query.top_k, total, query.score_threshold)
        chunks = {each.chunk_id: each for each in await self.get(collection, [chunk_id for chunk_id, _ in best])}
        return [ScoredChunk(chunks[chunk_id], score) for chunk_id, score in best if chunk_id in chunks]


def _scored(answer: dict[str, Any], metric: Metric, query: VectorQuery) -> list[ScoredChunk]:
    columns = (answer[name][0] for name in ("ids", *_WHOLE))
    chunks = [chunk_of(*record) for record in zip(*columns, strict=True)]
    if metric == "inner_product":
        # Chroma says 1 - product in single precision, in which a small product is lost.
        scores = [math.fsum(map(operator.mul, chunk.embedding, query.embedding)) for chunk in chunks]
    else:
        scores = [_score(metric, distance) for distance in answer["distances"][0]]
    found = [ScoredChunk(*pair) for pair in zip(chunks, scores, strict=True)]
    return sorted(found, key=lambda one: -one.score)


def _score(metric: Metric, distance: float) -> float:
    """distance: 1 - cosine, or the square of the Euclidean distance."""
    if metric == "cosine":
        return max(-1.0, min(1.0, 1.0 - distance))
    return 1.0 / (1.0 + math.sqrt(max(0.0, distance)))


def _above(scored: list[ScoredChunk], threshold: float | None) -> list[ScoredChunk]:
    return scored if threshold is None else [each for each in scored if each.score >= threshold]
