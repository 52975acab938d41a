"""What tells the vector_io providers apart. The settings of the contract suite must say the same."""

from __future__ import annotations

from dataclasses import dataclass

from stack.apis.vector_io import Metric

ALL_METRICS: tuple[Metric, ...] = ("cosine", "l2", "inner_product")


@dataclass(frozen=True, slots=True)
class VectorIOCapabilities:
    """kept: where chunks lie. search, keywords: how vectors and words are found. fits: what it is good for.

    recall: part of the true 10 nearest of 2,000 vectors that the suite demands; 1: exact. shared: several processes on
    one engine are held to see each other's changes.
    """

    kept: str
    search: str
    keywords: str
    fits: str
    recall: float = 1.0
    shared: bool = True
    metrics: tuple[Metric, ...] = ALL_METRICS


VECTOR_IO = {
    "inline::faiss": VectorIOCapabilities(
        kept="SQLite in the state directory, an index in memory",
        search="a scan in memory; from 500,000 chunks (`l2`: 200,000) a graph (HNSW, at least 0.95); `params.index`",
        keywords="BM25 (FTS5)",
        fits="most stacks on one machine: hundreds of thousands of chunks in a store",
    ),
    "inline::memory": VectorIOCapabilities(
        kept="memory, gone with the process",
        search="a scan",
        keywords="BM25",
        fits="tests",
        shared=False,
    ),
    "inline::sqlite-vec": VectorIOCapabilities(
        kept="SQLite in the state directory",
        search="a scan of the file",
        keywords="BM25 (FTS5)",
        fits="small machines: some 10,000 chunks in a store, next to no memory",
    ),
    "remote::chroma": VectorIOCapabilities(
        kept="a Chroma server",
        search="HNSW",
        keywords="found by Chroma, ranked here (BM25)",
        fits="where Chroma runs already",
        recall=0.95,
    ),
    "remote::milvus": VectorIOCapabilities(
        kept="a Milvus server",
        search="HNSW, IVF or a scan; `params.index`",
        keywords="BM25 in the engine",
        fits="where Milvus runs already",
        recall=0.95,
    ),
    "remote::pgvector": VectorIOCapabilities(
        kept="Postgres",
        search="HNSW, IVFFlat or a scan; `params.index`",
        keywords="`tsvector`",
        fits="stacks on several machines, and where Postgres runs already",
        recall=0.95,
    ),
    "remote::qdrant": VectorIOCapabilities(
        kept="a Qdrant server",
        search="HNSW",
        keywords="BM25 in the engine",
        fits="where Qdrant runs already",
        shared=False,
    ),
}
