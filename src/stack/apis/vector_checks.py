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
    try:
        _check_id(store.vector_store_id, "vector_store_id")
        if not 1 <= store.dimension <= MAX_DIMENSION:
            raise _Bad("dimension", f"is {store.dimension}: it must be from 1 to {MAX_DIMENSION}")
        if store.metric not in get_args(Metric):
            given = shortened(store.metric)
            raise _Bad("metric", f"must be one of `cosine`, `l2`, `inner_product`, not `{given}`")
    except _Bad as bad:
        raise bad.named() from None


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
        try:
            _check_id(chunk.chunk_id, "chunk_id")
            if not _is_sound(chunk.content):
                _check_text(chunk.content, "content")
            _check_embedding(
                store, chunk.embedding, math.hypot(*chunk.embedding) if lengths is None else lengths[index]
            )
            if chunk.metadata:
                _check_metadata(chunk.metadata)
            if chunk.chunk_metadata:
                _check_json(chunk.chunk_metadata, "chunk_metadata")
        except _Bad as bad:
            raise bad.named(f"chunks[{index}].") from None


def check_query(store: VectorStoreSpec, query: VectorQuery | KeywordQuery) -> None:
    """Raises: InvalidRequest for a query that has no answer; the text of a keyword query is never at fault."""
    try:
        if not 1 <= query.top_k <= MAX_TOP_K:
            raise _Bad("top_k", f"is {query.top_k}: it must be from 1 to {MAX_TOP_K}")
        if query.score_threshold is not None and not math.isfinite(query.score_threshold):
            raise _Bad("score_threshold", "must be a finite number")
        if isinstance(query, VectorQuery):
            _check_embedding(store, query.embedding, math.hypot(*query.embedding))
        if query.filter is not None:
            _check_filter(query.filter)
    except _Bad as bad:
        raise bad.named() from None


class _Bad(Exception):
    """A field that is wrong, and how; named in full only by whoever knows where it stands, since few ever are."""

    def __init__(self, field: str, fault: str) -> None:
        super().__init__(field, fault)
        self.field, self.fault = field, fault

    def named(self, place: str = "") -> InvalidRequest:
        return InvalidRequest(f"`{place}{self.field}` {self.fault}", param=f"{place}{self.field}")


def _check_embedding(store: VectorStoreSpec, embedding: array[float], length: float) -> None:
    if len(embedding) != store.dimension:
        name = shortened(store.vector_store_id)
        raise _Bad(
            "embedding", f"has {len(embedding)} numbers, and vector store `{name}` has dimension {store.dimension}"
        )
    if not length <= LONGEST_VECTOR:
        odd = next((x for x in embedding if not math.isfinite(x)), None)
        fault = f"is longer than {LONGEST_VECTOR}" if odd is None else f"holds `{odd}`: every number must be finite"
        raise _Bad("embedding", fault)
    if length < SHORTEST_VECTOR and store.metric == "cosine":
        raise _Bad("embedding", f"has length {length}: under cosine a vector must have a direction")


def _check_metadata(metadata: Mapping[str, Any]) -> None:
    for key, value in metadata.items():
        if _is_sound(key) and 1 <= len(key) <= MAX_KEY and _is_sound(value):
            continue
        _check_text(key, "metadata")
        if not 1 <= len(key) <= MAX_KEY:
            raise _Bad("metadata", f"has a key that is empty or longer than {MAX_KEY} characters")
        try:
            _check_attribute(value)
        except _Bad as bad:
            raise _Bad(f"metadata.{shortened(key)}", bad.fault) from None


def _check_attribute(value: Any) -> None:
    if isinstance(value, str):
        _check_text(value, "")
    elif isinstance(value, int | float):
        _check_number(value, "")
    else:
        raise _Bad("", "must be text, a number, true or false; what is not filtered goes to `chunk_metadata`")


def _check_number(value: float, field: str) -> None:
    fits = value in _INT64 if isinstance(value, int) else math.isfinite(value)
    if not fits:
        raise _Bad(field, "must be a finite number, and integers must fit 64 bits")


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


def _check_json(value: object, field: str) -> None:
    """Whether JSON can carry a value in any engine: plain types, finite numbers, text without NUL."""
    if isinstance(value, str):
        _check_text(value, field)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if _is_sound(key) and _is_sound(inner) and isinstance(key, str):
                continue
            if not isinstance(key, str):
                raise _Bad(field, "has a key that is not text")
            _check_text(key, field)
            _check_json(inner, field)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check_json(inner, field)
    elif isinstance(value, float | int):
        _check_number(value, field)
    elif value is not None:
        raise _Bad(field, f"holds a `{type(value).__name__}`, which is not JSON")


def _is_sound(value: object) -> bool:
    """Whether a value is one of those that nearly all are, and good. Most of them cost one call this way."""
    kind = type(value)
    if kind is str:
        return value.isascii() and "\x00" not in value  # type: ignore[attr-defined,operator]
    if kind is int:
        return value in _INT64
    if kind is float:
        return math.isfinite(value)  # type: ignore[arg-type]
    return kind is bool


def _check_id(value: str, field: str) -> None:
    _check_text(value, field)
    if not 1 <= len(value) <= MAX_ID:
        raise _Bad(field, f"must have 1 to {MAX_ID} characters")


def _check_text(text: str, field: str) -> None:
    if "\x00" in text:
        raise _Bad(field, "holds the character NUL: leave it out")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise _Bad(field, "holds half of a surrogate pair: it is no Unicode text") from None
