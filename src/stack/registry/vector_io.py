"""Who keeps and finds chunks: one row per provider, sorted by type."""

from stack.registry.spec import Row, inline, remote

PROVIDERS: tuple[Row, ...] = (
    inline(
        "faiss",
        "Chunks in one SQLite file, found by an index in memory: milliseconds among hundreds of thousands of them.",
        packages=("faiss-cpu>=1.12", "numpy>=1.26"),
    ),
    inline("memory", "Chunks in memory, exact and without any package: for tests; gone when the process ends."),
    inline(
        "sqlite-vec",
        "Chunks in one SQLite file, found by scanning: exact and small, for some ten thousand chunks in a store.",
        packages=("sqlite-vec>=0.1.9", "numpy>=1.26"),
    ),
    remote(
        "chroma",
        "Chunks in Chroma: HNSW search and filters in its own server, words found there and ranked here.",
        checked="engine",
    ),
    remote(
        "milvus",
        "Chunks in Milvus: HNSW, IVF or exact search, filters and BM25 in the engine; checked on `milvus-lite`.",
        checked="stand-in",
        packages=("pymilvus>=2.6",),
    ),
    remote(
        "pgvector",
        "Chunks in Postgres: HNSW, IVFFlat or exact search, filters and words in the same tables.",
        checked="engine",
        packages=("asyncpg>=0.31",),
    ),
    remote(
        "qdrant",
        "Chunks in Qdrant: HNSW search, filters and BM25 in the engine; checked in its local mode, not on a server.",
        checked="stand-in",
        packages=("qdrant-client>=1.16",),
    ),
)
