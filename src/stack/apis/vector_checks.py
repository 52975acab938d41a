"""What every vector_io provider refuses alike: a provider calls these with its own record of the store.

Pure, and done before anything is written. Each error names the field, by its place in the call.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from stack.apis.filters import ComparisonFilter, CompoundFilter
from stack.apis.vector_io import EmbeddedChunk, KeywordQuery, Metric, VectorQuery, VectorStoreSpec
from stack.errors import Conflict, InvalidRequest, NotFound, shortened

MAX_DIMENSION = 16_384
MAX_ID = 512  # characters of an id of a store or chunk
MAX_KEY = 256  # characters of a key of `metadata`, as in filters
MAX_TOP_K = 10_000
# Squares of components and their sum must fit float32, which engines compute in.
LONGEST_VECTOR = 1e15
SHORTEST_VECTOR = 1e-15  # under cosine, which divides by the length
_INT64 = range(-(2**63), 2**63)


def unknown_store(vector_store_id: str) -> NotFound:
    """The error for a store that a provider does not have."""
    message = f"no vector store has the id `{shortened(vector_store_id)}`"
    return NotFound(message, param="vector_store_id", code="vector_store_not_found")


def check_store(store: VectorStoreSpec) -> None:
    """Raises: InvalidRequest for a store that no provider could make."""
    _check_id(store.vector_store_id, "vector_store_id")
    if not 1 <= store.dimension <= MAX_DIMENSION:
        message = f"`dimension` is {store.dimension}: it must be from 1 to {MAX_DIMENSION}"
        raise InvalidRequest(message, param="dimension")
    if store.metric not in get_args(Metric):
        message = f"`metric` must be one of `cosine`, `l2`, `inner_product`, not `{shortened(store.metric)}`"
        raise InvalidRequest(message, param="metric")


def check_same_store(existing: VectorStoreSpec, wanted: VectorStoreSpec) -> None:
    """Raises: Conflict where a store of that id is there with another dimension or metric, naming both."""
    for field, has, asked in (
        ("dimension", existing.dimension, wanted.dimension),
        ("metric", existing.metric, wanted.metric),
    ):
        if has != asked:
            message = (
                f"vector store `{shortened(wanted.vector_store_id)}` exists with {field} `{has}`, not `{asked}`:"
                " use another id, or delete it first"
            )
            raise Conflict(message, param=field)


def check_chunks(
    store: VectorStoreSpec, chunks: Sequence[EmbeddedChunk], lengths: Sequence[float] | None = None
) -> None:
    """Raises: InvalidRequest naming a chunk that cannot be stored, and why.

    lengths: Euclidean lengths of the embeddings, by a provider that computes them faster; NaN where a number is none.
    """
    for index, chunk in enumerate(chunks):
        where = f"chunks[{index}]"
        _check_id(chunk.chunk_id, f"{where}.chunk_id")
        _check_text(chunk.content, f"{where}.content")
        length = None if lengths is None else lengths[index]
        _check_embedding(store, chunk.embedding, f"{where}.embedding", length)
        _check_metadata(chunk.metadata, f"{where}.metadata")
        if chunk.chunk_metadata:
            _check_json(chunk.chunk_metadata, f"{where}.chunk_metadata")


def check_query(store: VectorStoreSpec, query: VectorQuery | KeywordQuery) -> None:
    """Raises: InvalidRequest for a query that has no answer; the text of a keyword query is never at fault."""
    if not 1 <= query.top_k <= MAX_TOP_K:
        raise InvalidRequest(f"`top_k` is {query.top_k}: it must be from 1 to {MAX_TOP_K}", param="top_k")
    if query.score_threshold is not None and not math.isfinite(query.score_threshold):
        raise InvalidRequest("`score_threshold` must be a finite number", param="score_threshold")
    if isinstance(query, VectorQuery):
        _check_embedding(store, query.embedding, "embedding")
    if query.filter is not None:
        _check_filter(query.filter)


def _check_embedding(store: VectorStoreSpec, embedding: array[float], where: str, length: float | None = None) -> None:
    if len(embedding) != store.dimension:
        message = (
            f"`{where}` has {len(embedding)} numbers, and vector store `{shortened(store.vector_store_id)}`"
            f" has dimension {store.dimension}"
        )
        raise InvalidRequest(message, param=where)
    if length is None:
        length = math.hypot(*embedding)
    if not length <= LONGEST_VECTOR:
        odd = next((x for x in embedding if not math.isfinite(x)), None)
        what = f"holds `{odd}`: every number must be finite" if odd is not None else f"is longer than {LONGEST_VECTOR}"
        raise InvalidRequest(f"`{where}` {what}", param=where)
    if store.metric == "cosine" and length < SHORTEST_VECTOR:
        message = f"`{where}` has length {length}: under cosine a vector must have a direction"
        raise InvalidRequest(message, param=where)


def _check_metadata(metadata: Mapping[str, Any], where: str) -> None:
    for key, value in metadata.items():
        _check_text(key, where)
        place = f"{where}.{shortened(key)}"
        if not 1 <= len(key) <= MAX_KEY:
            raise InvalidRequest(f"a key of `{where}` must have 1 to {MAX_KEY} characters", param=where)
        if isinstance(value, str):
            _check_text(value, place)
        elif not isinstance(value, int | float):
            message = f"`{place}` must be text, a number, true or false; what is not filtered goes to `chunk_metadata`"
            raise InvalidRequest(message, param=place)
        else:
            _check_number(value, place)


def _check_number(value: float, where: str) -> None:
    fits = value in _INT64 if isinstance(value, int) else math.isfinite(value)
    if not fits:
        raise InvalidRequest(f"`{where}` must be a finite number, and integers must fit 64 bits", param=where)


def _check_filter(filter: ComparisonFilter | CompoundFilter) -> None:
    if isinstance(filter, CompoundFilter):
        for inner in filter.filters:
            _check_filter(inner)
        return
    _check_text(filter.key, "filters")
    for value in filter.value if isinstance(filter.value, list) else [filter.value]:
        if isinstance(value, str):
            _check_text(value, "filters")
        else:
            _check_number(value, "filters")


def _check_json(value: object, where: str) -> None:
    """Whether JSON can carry a value in any engine: plain types, finite numbers, text without NUL."""
    if isinstance(value, str):
        _check_text(value, where)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise InvalidRequest(f"`{where}` has a key that is not text", param=where)
            _check_text(key, where)
            _check_json(inner, where)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check_json(inner, where)
    elif isinstance(value, float | int):
        _check_number(value, where)
    elif value is not None:
        raise InvalidRequest(f"`{where}` holds a `{type(value).__name__}`, which is not JSON", param=where)


def _check_id(value: str, where: str) -> None:
    _check_text(value, where)
    if not 1 <= len(value) <= MAX_ID:
        raise InvalidRequest(f"`{where}` must have 1 to {MAX_ID} characters", param=where)


def _check_text(text: str, where: str) -> None:
    if "\x00" in text:
        raise InvalidRequest(f"`{where}` holds the character NUL: leave it out", param=where)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InvalidRequest(
                f"`{where}` holds half of a surrogate pair: it is no Unicode text", param=where
            ) from error
