"""Chunks as Qdrant's points, and filters in its words.

A point's id is made of the chunk's, since Qdrant takes UUIDs; its payload holds the text, the terms of the attributes,
and `kept`, JSON of what the caller gave. Beside its embedding it has a sparse vector of its words: how often each one
occurs, weakened as BM25 does; how rare a word is, Qdrant multiplies in.
Source: Robertson and Zaragoza 2009, with k1 = 1.2 and b = 0; https://qdrant.tech/documentation/concepts/indexing/
"""

from __future__ import annotations

import json
import math
import uuid
import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from stack.apis.vector_io import EmbeddedChunk, Metric
from stack.providers.remote.attribute_terms import Condition, Joined, Term, terms
from stack.providers.remote.words import words_of

if TYPE_CHECKING:
    from qdrant_client import models

EMBEDDING, WORDS = "embedding", "words"
_NAMESPACE = uuid.UUID("b3c0f3a4-5b62-4ab6-9d43-5c1f7d1c8a51")
_K1 = 1.2


def point_id(chunk_id: str) -> str:
    """The same id for the same chunk, always."""
    return str(uuid.uuid5(_NAMESPACE, chunk_id))


def point_of(chunk: EmbeddedChunk, metric: Metric) -> models.PointStruct:
    """A chunk as it is stored."""
    from qdrant_client import models

    payload: dict[str, Any] = dict(terms(chunk.metadata))
    payload |= {"chunk_id": chunk.chunk_id, "content": chunk.content}
    payload["kept"] = json.dumps([chunk.metadata, chunk.chunk_metadata])
    if metric == "cosine":
        payload["length"] = math.hypot(*chunk.embedding)  # Qdrant keeps the direction alone
    vectors: dict[str, Any] = {EMBEDDING: chunk.embedding.tolist()}
    if counts := Counter(map(_number, words_of(chunk.content))):
        weights = [n * (_K1 + 1) / (n + _K1) for n in counts.values()]
        vectors[WORDS] = models.SparseVector(indices=list(counts), values=weights)
    return models.PointStruct(id=point_id(chunk.chunk_id), vector=vectors, payload=payload)


def chunk_of(payload: Mapping[str, Any], vectors: Any) -> EmbeddedChunk:
    """The chunk in a point."""
    attributes, chunk_metadata = json.loads(payload["kept"])
    embedding = array("f", vectors[EMBEDDING])
    if (length := payload.get("length")) is not None:
        scale = length / math.hypot(*embedding)
        embedding = array("f", [x * scale for x in embedding])
    return EmbeddedChunk(payload["chunk_id"], payload["content"], embedding, attributes, chunk_metadata)


def words_query(words: Iterable[str]) -> models.SparseVector:
    """A search for any of some words."""
    from qdrant_client import models

    numbers = sorted({_number(word) for word in words})
    return models.SparseVector(indices=numbers, values=[1.0] * len(numbers))


def filter_of(wanted: Condition) -> models.Filter | None:
    """A condition that the engine decides; None: every point passes."""
    from qdrant_client import models

    if isinstance(wanted, bool):
        assert wanted, "what nothing passes is not asked for"
        return None
    if isinstance(wanted, Joined):
        inner: list[Any] = [filter_of(each) for each in wanted.conditions]
        return models.Filter(must=inner) if wanted.operator == "and" else models.Filter(should=inner)
    if wanted.operator in ("ne", "nin"):
        return models.Filter(must_not=_found(wanted))
    return models.Filter(should=_found(wanted))


def _found(term: Term) -> list[Any]:
    """Conditions of which one must hold; for `ne` and `nin`, none may."""
    from qdrant_client import models

    if term.operator in ("gt", "gte", "lt", "lte"):
        return [models.FieldCondition(key=term.name, range=models.Range(**{term.operator: term.value}))]
    values = term.value if isinstance(term.value, list) else [term.value]
    texts = [value for value in values if isinstance(value, str)]
    found = [models.FieldCondition(key=term.name, match=models.MatchAny(any=texts))] if texts else []
    for value in values:
        if isinstance(value, bool):
            found.append(models.FieldCondition(key=term.name, match=models.MatchValue(value=value)))
        elif not isinstance(value, str):  # Qdrant matches no reals but in a range
            found.append(models.FieldCondition(key=term.name, range=models.Range(gte=value, lte=value)))
    return found


def _number(word: str) -> int:
    """The dimension of a word; of a hundred thousand words one or two pairs share theirs."""
    return zlib.crc32(word.encode())
