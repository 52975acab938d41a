"""OpenAI's search of a vector store: files' chunks with their scores, attributes and places."""

from __future__ import annotations

from typing import Any

from stack.apis.vector_io import ScoredChunk
from stack.apis.vector_search import RankingOptions, SearchContent, SearchPage, SearchRequest, SearchResult
from stack.services.vector_stores.rewriting import Rewriter
from stack.services.vector_stores.search import Finder, Wanted
from stack.services.vector_stores.stores import Stores

_CONFIGURED = ("auto", "default-2024-11-15")
_OURS = ("file_id", "filename")  # in the metadata of a file's chunk, beside where its text stands


class Search:
    """Searches as OpenAI's API words them."""

    def __init__(self, stores: Stores, finder: Finder, rewriter: Rewriter) -> None:
        self._stores = stores
        self._finder = finder
        self._rewriter = rewriter

    async def search(self, store_id: str, request: SearchRequest) -> SearchPage:
        """One page of results; there is no second. Raises: NotFound, InvalidRequest, UpstreamError."""
        store = await self._stores.usable(store_id)
        queries = await self._rewriter.rewrite(request.queries) if request.rewrite_query else request.queries
        found = await self._finder.find(store, queries, None, _wanted(request))
        return SearchPage(search_query=queries, data=[_result(each) for each in found])


def _wanted(request: SearchRequest) -> Wanted:
    options = request.ranking_options or RankingOptions()
    return Wanted(
        top_k=request.max_num_results,
        mode=request.search_mode,
        ranker=None if options.ranker in _CONFIGURED else options.ranker,
        alpha=options.alpha,
        impact_factor=options.impact_factor,
        rerank_model=options.model,
        score_threshold=options.score_threshold,
        filter=request.filters,
    )


def _result(found: ScoredChunk) -> SearchResult:
    chunk = found.chunk
    known = chunk.chunk_metadata
    place: dict[str, Any] = {name: value for name, value in known.items() if name not in _OURS}
    return SearchResult(
        file_id=str(known.get("file_id") or chunk.metadata.get("document_id") or chunk.chunk_id),
        filename=str(known.get("filename") or chunk.metadata.get("source") or ""),
        score=found.score,
        attributes=chunk.metadata,
        content=[SearchContent(text=chunk.content)],
        chunk_id=chunk.chunk_id,
        citation=place,
    )
