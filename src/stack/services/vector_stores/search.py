"""Searching a store: by vector, by words or by both, joined and ranked the same way above every engine."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from stack.apis.filters import Filter
from stack.apis.inference import Inference, RerankRequest
from stack.apis.vector_io import KeywordQuery, ScoredChunk, VectorIO, VectorQuery
from stack.apis.vector_search import SearchMode
from stack.config.vector_stores import VectorStoresConfig
from stack.errors import InvalidRequest, Unsupported
from stack.services.vector_stores.embedding import Embedder
from stack.services.vector_stores.ranking import best_of, by_rank, by_score
from stack.services.vector_stores.records import StoreRecord
from stack.services.vector_stores.stores import Stores

MOST_CANDIDATES = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request says of a search; None where it leaves the choice.

    ranker: None also for a search that is not hybrid; rerank_model: who orders the candidates of `neural`.
    """

    top_k: int
    mode: SearchMode | None = None
    ranker: str | None = None
    alpha: float | None = None
    impact_factor: float | None = None
    rerank_model: str | None = None
    score_threshold: float | None = None
    filter: Filter | None = None
    include_embeddings: bool = False


class Finder:
    """Finds chunks."""

    def __init__(
        self, stores: Stores, vector_io: VectorIO, embedder: Embedder, inference: Inference, config: VectorStoresConfig
    ) -> None:
        self._stores = stores
        self._vector_io = vector_io
        self._embedder = embedder
        self._inference = inference
        self._config = config.chunk_retrieval_params
        self._reranker = config.default_reranker_model

    async def find(
        self, store: StoreRecord, texts: Sequence[str], vector: array[float] | None, wanted: Wanted
    ) -> list[ScoredChunk]:
        """At most `top_k` chunks, best first, none below the threshold.

        texts: each is looked for; vector: in place of the embeddings of the texts. Raises: RequestError naming the
        field, UpstreamError, ProviderUnavailable.
        """
        mode = self._mode(wanted, texts)
        if mode != "vector" and not texts:
            raise InvalidRequest(f"a search of mode `{mode}` needs a text", param="query")
        neural = wanted.ranker == "neural"
        model = self._rerank_model(wanted, texts) if neural else ""
        several = neural or mode == "hybrid"
        top_k = min(MOST_CANDIDATES, wanted.top_k * self._config.chunk_multiplier) if several else wanted.top_k
        top_k = max(top_k, wanted.top_k)
        # A threshold holds for the final scores: only where those are the engine's own can it apply it.
        threshold = None if several else wanted.score_threshold
        vectors: list[array[float]] = []
        if mode != "keyword":
            vectors = [vector] if vector is not None else await self._embedder.texts(store, texts)
        more = (top_k, wanted.filter, threshold, wanted.include_embeddings)
        near = [VectorQuery(each, *more) for each in vectors]
        worded = [KeywordQuery(each, *more) for each in texts] if mode != "vector" else []
        lists = await self._ask(store, [*near, *worded])
        found = self._joined(lists[: len(near)], lists[len(near) :], wanted, mode)
        if neural and found:
            found = await self._reranked(found, "\n".join(texts), model)
        if several and wanted.score_threshold is not None:
            found = [each for each in found if each.score >= wanted.score_threshold]
        return found[: wanted.top_k]

    async def _ask(self, store: StoreRecord, queries: Sequence[VectorQuery | KeywordQuery]) -> list[list[ScoredChunk]]:
        asked = [self._stores.asked(store, self._vector_io.query_chunks(store.id, query)) for query in queries]
        return [await asked[0]] if len(asked) == 1 else list(await asyncio.gather(*asked))

    def _joined(
        self, near: list[list[ScoredChunk]], worded: list[list[ScoredChunk]], wanted: Wanted, mode: SearchMode
    ) -> list[ScoredChunk]:
        if mode != "hybrid":
            return best_of(near or worded)
        ranker = wanted.ranker if wanted.ranker in ("rrf", "weighted") else self._config.default_reranker_strategy
        if ranker == "weighted":
            alpha = self._config.weighted_search_alpha if wanted.alpha is None else wanted.alpha
            return by_score(best_of(near), best_of(worded), alpha)
        k = self._config.rrf_impact_factor if wanted.impact_factor is None else wanted.impact_factor
        return by_rank([best_of(near), best_of(worded)], k)

    async def _reranked(self, found: list[ScoredChunk], query: str, model: str) -> list[ScoredChunk]:
        """The candidates in a model's order, with its scores."""
        documents: list[str | dict[str, object]] = [each.chunk.content for each in found]
        reply = await self._inference.rerank(RerankRequest(model=model, query=query, documents=documents))
        scored = [
            ScoredChunk(found[result.index].chunk, result.relevance_score)
            for result in reply.value.results
            if 0 <= result.index < len(found)
        ]
        return sorted(scored, key=lambda each: -each.score)

    def _mode(self, wanted: Wanted, texts: Sequence[str]) -> SearchMode:
        joins = wanted.ranker in ("rrf", "weighted")
        if joins and wanted.mode not in (None, "hybrid"):
            message = f"the ranker `{wanted.ranker}` joins two lists: ask for the search mode `hybrid`"
            raise InvalidRequest(message, param="ranker")
        if joins or wanted.mode:
            return wanted.mode or "hybrid"
        return self._config.default_search_mode if texts and wanted.ranker != "none" else "vector"

    def _rerank_model(self, wanted: Wanted, texts: Sequence[str]) -> str:
        if not texts:
            raise InvalidRequest("the ranker `neural` reads a text: send `query`", param="query")
        if wanted.rerank_model:
            return wanted.rerank_model
        if self._reranker is None:
            message = "the ranker `neural` needs a model: name one, or set `vector_stores.default_reranker_model`"
            raise Unsupported(message, param="ranker", code="no_rerank_model")
        return self._reranker.name
