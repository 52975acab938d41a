"""Rerank: documents in the order in which they speak of a query. The words are those of Cohere, Jina, vLLM, llama.cpp.

OpenAI has no such call. Source: https://docs.cohere.com/reference/rerank
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from stack.apis.shapes import Items, Map
from stack.apis.wire import WireModel, WireRequest


class RerankRequest(WireRequest):
    """Documents to be ordered. top_n: how many to answer, all if left out; return_documents: with their text."""

    query: Annotated[str, Field(min_length=1)]
    documents: Annotated[Items[str | Map[object]], Field(min_length=1)]
    top_n: Annotated[int, Field(ge=1)] | None = None
    return_documents: bool | None = None


class RerankResult(WireModel):
    """One document by its place in the request. relevance_score: higher is better; its scale is the model's."""

    index: int
    relevance_score: float
    document: str | Map[object] | None = None


class RerankResponse(WireModel):
    """The documents that were asked for, the most relevant first."""

    results: Items[RerankResult]
    model: str = ""
