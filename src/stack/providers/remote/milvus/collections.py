"""How a store's collection is made, and what it tells of its store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from stack.apis.vector_io import VectorStoreSpec
from stack.providers.remote.stores import store_of, told_of
from stack.registry.spec import ConfigModel

if TYPE_CHECKING:
    from pymilvus import MilvusClient

METRICS = {"cosine": "COSINE", "l2": "L2", "inner_product": "IP"}
MAX_TEXT = 65_535  # bytes of a text
MAX_JSON = 65_536
_MAX_ID = 2048  # bytes of 512 characters
_TOLD = "stack_store"


class IndexSettings(ConfigModel):
    """Settings of one store, by their names in `params`; what is left out is the provider's default."""

    index: Literal["HNSW", "IVF_FLAT", "FLAT", "AUTOINDEX"] = Field("HNSW", description="`FLAT`: searches are exact.")
    m: int = Field(16, ge=2, le=2048, description="HNSW: links of a vector.")
    ef_construction: int = Field(200, ge=8, le=10_000, description="HNSW: candidates while a vector is added.")
    ef_search: int = Field(128, ge=1, le=32_768, description="HNSW: candidates of a search.")
    lists: int = Field(128, ge=1, le=65_536, description="IVF_FLAT: lists.")
    probes: int = Field(16, ge=1, le=65_536, description="IVF_FLAT: lists that a search looks through.")

    def building(self) -> dict[str, int]:
        """What the index is built with."""
        if self.index == "HNSW":
            return {"M": self.m, "efConstruction": self.ef_construction}
        return {"nlist": self.lists} if self.index == "IVF_FLAT" else {}

    def searching(self, top_k: int) -> dict[str, int]:
        """What the index is searched with."""
        if self.index == "HNSW":
            return {"ef": max(self.ef_search, top_k)}
        return {"nprobe": min(self.probes, self.lists)} if self.index == "IVF_FLAT" else {}


def create(client: MilvusClient, timeout_s: float, name: str, store: VectorStoreSpec) -> None:
    """Make a collection: rows of an id, a text, its words as BM25 has them, attributes, and an embedding."""
    from pymilvus import DataType, Function, FunctionType

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("chunk_id", DataType.VARCHAR, is_primary=True, max_length=_MAX_ID)
    schema.add_field("content", DataType.VARCHAR, max_length=MAX_TEXT, enable_analyzer=True)
    schema.add_field("attributes", DataType.JSON)
    schema.add_field("kept", DataType.JSON)
    schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=store.dimension)
    schema.add_field("words", DataType.SPARSE_FLOAT_VECTOR)
    bm25 = Function("bm25", FunctionType.BM25, input_field_names=["content"], output_field_names=["words"])
    schema.add_function(bm25)
    told = {_TOLD: told_of(store)}
    client.create_collection(name, schema=schema, consistency_level="Strong", properties=told, timeout=timeout_s)


def load(client: MilvusClient, timeout_s: float, name: str, store: VectorStoreSpec, settings: IndexSettings) -> None:
    """Make a collection searchable; may be done again."""
    from pymilvus.exceptions import MilvusException

    told: dict[str, dict[str, Any]] = {
        "embedding": {
            "index_type": settings.index,
            "metric_type": METRICS[store.metric],
            "params": settings.building(),
        },
        "words": {"index_type": "SPARSE_INVERTED_INDEX", "metric_type": "BM25"},
    }
    for field in told.keys() - set(client.list_indexes(name, timeout=timeout_s)):
        indexes = client.prepare_index_params()
        indexes.add_index(field, index_name=field, **told[field])
        try:
            # Nothing is there yet that would take time to index; waiting for it takes half a second.
            client.create_index(name, indexes, timeout=timeout_s, sync=False)
        except MilvusException:
            if field not in client.list_indexes(name, timeout=timeout_s):  # else another process was first
                raise
    client.load_collection(name, timeout=timeout_s)


def told_by(collection: dict[str, Any]) -> VectorStoreSpec | None:
    """The store of a collection; None where it is not ours."""
    told = (collection.get("properties") or {}).get(_TOLD)
    return None if told is None else store_of(told)
