"""How a store's collection is made, and what it tells of its store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from stack.apis.vector_io import VectorStoreSpec
from stack.providers.remote.attribute_terms import terms
from stack.providers.remote.qdrant.points import EMBEDDING, WORDS
from stack.providers.remote.stores import store_of, told_of
from stack.registry.spec import ConfigModel

if TYPE_CHECKING:
    from qdrant_client import models

_TOLD = "stack_store"
_KINDS = {"b": "bool", "t": "keyword", "n": "float", "r": "float", "o": "float"}


class IndexSettings(ConfigModel):
    """Settings of one store, by their names in `params`; what is left out is the provider's default."""

    m: int = Field(16, ge=0, le=1000, description="HNSW: links of a vector; 0: every search is exact.")
    ef_construct: int = Field(100, ge=4, le=10_000, description="HNSW: candidates while a vector is added.")
    ef_search: int = Field(128, ge=1, le=10_000, description="HNSW: candidates of a search.")
    exact: bool = Field(False, description="Compare every vector, without the index.")
    on_disk: bool = Field(False, description="Keep vectors on disk rather than in memory.")
    indexed: list[str] = Field([], description="Attributes to index, for fast filters; some servers demand it.")


def creating(store: VectorStoreSpec, settings: IndexSettings) -> dict[str, Any]:
    """What Qdrant is asked for."""
    from qdrant_client import models

    distances = {
        "cosine": models.Distance.COSINE,
        "l2": models.Distance.EUCLID,
        "inner_product": models.Distance.DOT,
    }
    index = models.HnswConfigDiff(m=settings.m, ef_construct=settings.ef_construct)
    vectors = models.VectorParams(
        size=store.dimension, distance=distances[store.metric], hnsw_config=index, on_disk=settings.on_disk
    )
    return {
        "vectors_config": {EMBEDDING: vectors},
        "sparse_vectors_config": {WORDS: models.SparseVectorParams(modifier=models.Modifier.IDF)},
        "metadata": {_TOLD: told_of(store)},
    }


def told_by(collection: models.CollectionInfo) -> VectorStoreSpec | None:
    """The store of a collection; None where it is not ours."""
    told = (collection.config.metadata or {}).get(_TOLD)
    return None if told is None else store_of(told)


def index_names(settings: IndexSettings) -> dict[str, str]:
    """Payload fields to index, and as what: every term that one of the attributes may have."""
    samples = (True, "a text that is long enough for all", 2**60)
    names = (name for key in settings.indexed for sample in samples for name in terms({key: sample}))
    return {name: _KINDS[name[0]] for name in names}
