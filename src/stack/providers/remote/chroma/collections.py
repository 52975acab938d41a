"""Stores as Chroma's collections: their names, and what their metadata tells of them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field, ValidationError

from stack.apis.validation import invalid_request
from stack.apis.vector_io import VectorStoreSpec
from stack.errors import InvalidRequest
from stack.registry.spec import ConfigModel

SPACES = {"cosine": "cosine", "l2": "l2", "inner_product": "ip"}
_TOLD = "stack_store"  # of a collection's metadata: what it is a collection of


class IndexSettings(ConfigModel):
    """Settings of one store, by their names in `params`; what is left out is the provider's default."""

    index: Literal["hnsw", "spann"] = Field("hnsw", description="`spann` for Chroma's distributed server and cloud.")
    max_neighbors: int = Field(16, ge=2, le=1000, description="Links of a vector.")
    ef_construction: int = Field(100, ge=1, le=10_000, description="Candidates while a vector is added.")
    ef_search: int = Field(200, ge=1, le=10_000, description="Candidates of a search.")


@dataclass(frozen=True, slots=True)
class Collection:
    """collection_id: Chroma's own, new each time a collection is made. writing: held by one insert after another."""

    collection_id: str
    spec: VectorStoreSpec
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def path(self, action: str) -> str:
        return f"collections/{self.collection_id}/{action}"


def collection_name(vector_store_id: str) -> str:
    """The one name of a store's collection, so that it is made once: Chroma takes letters, digits, `.`, `_`, `-`."""
    digest = hashlib.sha256(vector_store_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    told = re.sub(r"[^A-Za-z0-9_]+", "-", vector_store_id)[:40].strip("-_")
    return f"stack-{told}-{digest}" if told else f"stack-{digest}"


def creating(store: VectorStoreSpec, defaults: dict[str, Any]) -> dict[str, Any]:
    """What Chroma is asked for. Raises: InvalidRequest naming the setting."""
    try:
        settings = IndexSettings.model_validate(defaults | store.params)
    except ValidationError as error:
        name = str(error.errors(include_input=False)[0]["loc"][0])
        raise InvalidRequest(f"in `params`: {invalid_request(error).message}", param=f"params.{name}") from error
    index = {
        "space": SPACES[store.metric],
        "max_neighbors": settings.max_neighbors,
        "ef_construction": settings.ef_construction,
        "ef_search": settings.ef_search,
    }
    told = [store.vector_store_id, store.dimension, store.metric, store.provider_vector_store_id, store.params]
    return {
        "name": collection_name(store.vector_store_id),
        "metadata": {_TOLD: json.dumps(told)},
        "configuration": {settings.index: index},
    }


def collection_of(answer: dict[str, Any]) -> Collection | None:
    """What a collection is to us; None for those of others."""
    told = (answer.get("metadata") or {}).get(_TOLD)
    return None if told is None else Collection(answer["id"], VectorStoreSpec(*json.loads(told)))
