"""How a store is indexed: its own settings over the provider's defaults, checked against what pgvector can do."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationError

from stack.apis.validation import invalid_request
from stack.apis.vector_io import VectorStoreSpec
from stack.errors import InvalidRequest
from stack.registry.spec import ConfigModel

MAX_DIMENSION = 16_000  # of the type `vector`
MAX_INDEXED = 2_000  # of an index over `vector`
MAX_INDEXED_HALF = 4_000  # of an index over `halfvec`
ROWS_PER_LIST = 30  # an IVFFlat index learns its lists from what is there; with less it learns nothing

IndexKind = Literal["hnsw", "ivfflat", "none"]


class IndexSettings(ConfigModel):
    """Settings of one store, by their names in `params`; what is left out is the provider's default."""

    index: IndexKind = Field("hnsw", description="`hnsw`, `ivfflat`, or `none`: every search is exact.")
    m: int = Field(16, ge=2, le=100, description="HNSW: links of a vector.")
    ef_construction: int = Field(64, ge=4, le=1000, description="HNSW: candidates while a vector is added.")
    ef_search: int = Field(100, ge=1, le=1000, description="HNSW: candidates of a search.")
    lists: int = Field(100, ge=1, le=32_768, description="IVFFlat: lists; the index is built at 30 chunks for each.")
    probes: int = Field(10, ge=1, le=32_768, description="IVFFlat: lists that a search looks through.")
    language: str = Field(
        "english", pattern=r"^[a-z_][a-z0-9_]{0,62}$", description="Text search configuration; `simple` stems nothing."
    )


def settings_of(store: VectorStoreSpec, defaults: dict[str, Any]) -> IndexSettings:
    """What holds for a store. Raises: InvalidRequest naming the setting."""
    try:
        settings = IndexSettings.model_validate(defaults | store.params)
    except ValidationError as error:
        name = str(error.errors(include_input=False)[0]["loc"][0])
        raise InvalidRequest(f"in `params`: {invalid_request(error).message}", param=f"params.{name}") from error
    if settings.ef_construction < 2 * settings.m:
        message = f"`ef_construction` is {settings.ef_construction}: it must be at least twice `m`, {settings.m}"
        raise InvalidRequest(message, param="params.ef_construction")
    if store.dimension > MAX_DIMENSION:
        message = f"`dimension` is {store.dimension}: pgvector stores at most {MAX_DIMENSION}"
        raise InvalidRequest(message, param="dimension")
    if store.dimension > MAX_INDEXED_HALF and settings.index != "none":
        if "index" in store.params:
            message = (
                f"`dimension` is {store.dimension}: pgvector indexes at most {MAX_INDEXED_HALF};"
                " leave `index` out of `params` for exact search, or use smaller embeddings"
            )
            raise InvalidRequest(message, param="dimension")
        settings = settings.model_copy(update={"index": "none"})
    return settings
