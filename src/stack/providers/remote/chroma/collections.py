"""Stores as Chroma's collections: their names, and what their metadata tells of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field

from stack.apis.vector_io import VectorStoreSpec
from stack.providers.remote.stores import collection_name, settings_of, store_of, told_of
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


def creating(store: VectorStoreSpec, defaults: IndexSettings) -> dict[str, Any]:
    """What Chroma is asked for. Raises: InvalidRequest naming the setting."""
    settings = settings_of(store, defaults)
    index = {
        "space": SPACES[store.metric],
        "max_neighbors": settings.max_neighbors,
        "ef_construction": settings.ef_construction,
        "ef_search": settings.ef_search,
    }
    return {
        "name": collection_name(store.vector_store_id),
        "metadata": {_TOLD: told_of(store)},
        "configuration": {settings.index: index},
    }


def collection_of(answer: dict[str, Any]) -> Collection | None:
    """What a collection is to us; None for those of others."""
    told = (answer.get("metadata") or {}).get(_TOLD)
    return None if told is None else Collection(answer["id"], store_of(told))
