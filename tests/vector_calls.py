"""A store of one chunk, and each call that a `VectorIO` answers about it: what a failing engine must not answer."""

from __future__ import annotations

from array import array
from collections.abc import Awaitable, Callable
from typing import Any

from stack.apis.vector_io import EmbeddedChunk, KeywordQuery, VectorQuery, VectorStoreSpec

STORE = "vs_0"
CALLS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "create": lambda provider: provider.create_store(VectorStoreSpec(STORE, 3)),
    "insert": lambda provider: provider.insert_chunks(STORE, [chunk("b")]),
    "query": lambda provider: provider.query_chunks(STORE, VectorQuery(array("f", [1, 0, 0]))),
    "keyword": lambda provider: provider.query_chunks(STORE, KeywordQuery("text")),
    "get": lambda provider: provider.get_chunks(STORE, ["a"]),
    "count": lambda provider: provider.count_chunks(STORE),
    "delete": lambda provider: provider.delete_chunks(STORE, ["b"]),
    "list": lambda provider: provider.list_stores(),
    "drop": lambda provider: provider.delete_store("vs_other"),
}


def chunk(chunk_id: str, content: str = "text", **metadata: Any) -> EmbeddedChunk:
    return EmbeddedChunk(chunk_id, content, array("f", [1, 0, 0]), metadata)


async def with_a_chunk(provider: Any) -> Any:
    await provider.create_store(VectorStoreSpec(STORE, 3))
    await provider.insert_chunks(STORE, [chunk("a")])
    return provider
