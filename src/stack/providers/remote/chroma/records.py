"""Chunks as Chroma's records, and filters in its words.

A record's document is the chunk's text; its metadata are the terms of the attributes, and `kept`, JSON of what the
caller gave. An upsert merges metadata, so terms that a chunk had and has no more are written as null, which removes
them.
"""

from __future__ import annotations

import base64
import json
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stack.apis.vector_io import EmbeddedChunk
from stack.providers.remote.attribute_terms import Condition, Term, terms

_KEPT = "kept"


def where(wanted: Condition) -> dict[str, Any] | None:
    """The `where` of a condition that the engine decides; None: every record passes."""
    if isinstance(wanted, bool):
        assert wanted, "what nothing passes is not asked for"
        return None
    if isinstance(wanted, Term):
        return {wanted.name: {f"${wanted.operator}": wanted.value}}
    return {f"${wanted.operator}": [where(each) for each in wanted.conditions]}


def upserting(chunks: Sequence[EmbeddedChunk], terms_before: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    """The body of an upsert. terms_before: of the chunks that are there, the names of their terms."""
    metadatas: list[dict[str, Any]] = []
    for chunk in chunks:
        metadata: dict[str, Any] = dict.fromkeys(terms_before.get(chunk.chunk_id, ()))
        metadata.update(terms(chunk.metadata))
        metadata[_KEPT] = json.dumps([chunk.metadata, chunk.chunk_metadata])
        metadatas.append(metadata)
    return {
        "ids": [chunk.chunk_id for chunk in chunks],
        "embeddings": [base64.b64encode(chunk.embedding.tobytes()).decode() for chunk in chunks],
        "documents": [chunk.content for chunk in chunks],
        "metadatas": metadatas,
    }


def chunk_of(
    chunk_id: str, document: str | None, embedding: Iterable[float], metadata: Mapping[str, Any]
) -> EmbeddedChunk:
    """The chunk in a record."""
    attributes, chunk_metadata = json.loads(metadata[_KEPT])
    return EmbeddedChunk(chunk_id, document or "", array("f", embedding), attributes, chunk_metadata)
