"""Stores as collections of an engine: names, what a collection tells of its store, settings, what one call takes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from typing import TypeVar

from pydantic import ValidationError

from stack.apis.validation import invalid_request
from stack.apis.vector_io import EmbeddedChunk, VectorStoreSpec
from stack.errors import InvalidRequest
from stack.registry.spec import ConfigModel

Settings = TypeVar("Settings", bound=ConfigModel)
_OVERHEAD = 200  # bytes of a chunk beside its text and embedding


def collection_name(vector_store_id: str, prefix: str = "stack", joint: str = "-") -> str:
    """The one name of a store's collection, of at most 100 characters behind the prefix: so it is made once."""
    digest = hashlib.sha256(vector_store_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    told = re.sub(r"[^A-Za-z0-9]+", joint, vector_store_id)[:40].strip(joint)
    return joint.join(filter(None, (prefix, told, digest)))


def told_of(store: VectorStoreSpec) -> str:
    """What a collection keeps of its store, so that stores are listed by the engine itself."""
    return json.dumps(
        [store.vector_store_id, store.dimension, store.metric, store.provider_vector_store_id, store.params]
    )


def store_of(told: str) -> VectorStoreSpec:
    """The store that a collection tells of."""
    return VectorStoreSpec(*json.loads(told))


def settings_of(store: VectorStoreSpec, defaults: Settings) -> Settings:
    """A store's own `params` over the provider's defaults. Raises: InvalidRequest naming the setting."""
    try:
        return type(defaults).model_validate(defaults.model_dump() | store.params)
    except ValidationError as error:
        name = str(error.errors(include_input=False)[0]["loc"][0])
        raise InvalidRequest(f"in `params`: {invalid_request(error).message}", param=f"params.{name}") from error


def batches(
    chunks: Sequence[EmbeddedChunk], max_chunks: int, max_bytes: int, number_bytes: int
) -> Iterator[list[EmbeddedChunk]]:
    """Chunks as they go into one call each: in most cases all of them. number_bytes: of one number as it is sent."""
    batch: list[EmbeddedChunk] = []
    size = 0
    for chunk in chunks:
        needed = _OVERHEAD + number_bytes * len(chunk.embedding) + 4 * len(chunk.content)
        if batch and (len(batch) >= max_chunks or size + needed > max_bytes):
            yield batch
            batch, size = [], 0
        batch.append(chunk)
        size += needed
    if batch:
        yield batch


def storable(chunk_ids: Sequence[str]) -> list[str]:
    """Ids that a chunk can have, each once; no other can be there."""
    whole = (each for each in dict.fromkeys(chunk_ids) if each == each.encode("utf-8", "replace").decode())
    return [each for each in whole if "\0" not in each]
