"""Searching vector stores: OpenAI's search, and chunks put in and found as Llama Stack words it.

Source: https://platform.openai.com/docs/api-reference/vector-stores/search
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError, PydanticKnownError

from stack.apis.filters import MAX_DEPTH, Attribute, CompoundFilter, Filter
from stack.apis.shapes import Items
from stack.apis.vector_stores import MAX_DIMENSION, Id, Number, StoreRequest, Text, in_64_bits, without_nul
from stack.apis.wire import WireModel

T = TypeVar("T")

SearchMode = Literal["vector", "keyword", "hybrid"]
MAX_RESULTS = 50
MAX_QUERIES = 16
MAX_CHUNKS = 10_000  # in one insert
MAX_FOUND = 1000  # by one query for chunks
MAX_TEXT = 131_072  # characters of one chunk
MAX_ATTRIBUTES = 64

QueryText = Annotated[Text, Field(min_length=1, max_length=32_768)]
Share = Annotated[float, Field(ge=0, le=1)]
Impact = Annotated[float, Field(gt=0, le=10_000)]
Value = Annotated[Text, Field(max_length=32_768)] | bool | Number
ChunkMetadata = Annotated[
    dict[Annotated[Text, Field(min_length=1, max_length=256)], Value], Field(max_length=MAX_ATTRIBUTES)
]
_STORE_ID = Field(validation_alias=AliasChoices("vector_store_id", "vector_db_id"))


def _comparable(filter: Filter) -> Filter:
    if isinstance(filter, CompoundFilter):
        for inner in filter.filters:
            _comparable(inner)
        return filter
    without_nul(filter.key)
    for value in filter.value if isinstance(filter.value, list) else [filter.value]:
        if isinstance(value, str):
            without_nul(value)
        else:
            in_64_bits(value)
    return filter


def _shallow(value: Any) -> Any:
    """Refuse a deep filter as a whole: the path to the part that is too deep would be as long."""
    level = [value]
    for _ in range(MAX_DEPTH):
        lists = [each.get("filters") for each in level if isinstance(each, dict)]
        level = [inner for found in lists if isinstance(found, list) for inner in found]
    if level:
        raise PydanticCustomError("filter_depth", "it nests deeper than {levels} levels", {"levels": MAX_DEPTH})
    return value


Filters = Annotated[Filter, AfterValidator(_comparable), BeforeValidator(_shallow)]

# A search of mode `hybrid` joins two lists before a model orders them.
_JOINED = ("alpha", "impact_factor")
_OPTIONS = {"rrf": ("impact_factor",), "weighted": ("alpha",), "neural": (*_JOINED, "model"), "none": ()}


def _taken(value: T, info: ValidationInfo, ranker: str | None) -> T:
    """An option that the ranker takes; `auto` stands for the configured way to join."""
    if value is not None and ranker is not None and info.field_name not in _OPTIONS.get(ranker, _JOINED):
        raise PydanticCustomError("ranker_option", "the ranker `{ranker}` does not take it", {"ranker": ranker})
    return value


class RankingOptions(StoreRequest):
    """How results are scored.

    ranker: `auto` and `default-2024-11-15` are the configured one, `none` is the engine's own order. Ours: `rrf` with
    impact_factor (its k), `weighted` with alpha (the share of the vectors), `neural` with the model that reads both
    texts. score_threshold: results below it are left out; scores of hybrid searches are in [0, 1].
    """

    ranker: Literal["none", "auto", "default-2024-11-15", "rrf", "weighted", "neural"] = "auto"
    score_threshold: float | None = None
    alpha: Share | None = None
    impact_factor: Impact | None = None
    model: Id | None = None

    @field_validator("alpha", "impact_factor", "model")
    @classmethod
    def _belongs(cls, value: T, info: ValidationInfo) -> T:
        return _taken(value, info, info.data.get("ranker"))


class SearchRequest(StoreRequest):
    """What to look for. query: several are looked for at once. Ours: search_mode."""

    query: QueryText | Annotated[Items[QueryText], Field(min_length=1, max_length=MAX_QUERIES)]
    filters: Filters | None = None
    max_num_results: Annotated[int, Field(ge=1, le=MAX_RESULTS)] = 10
    ranking_options: RankingOptions | None = None
    rewrite_query: bool = False
    search_mode: SearchMode | None = None

    @property
    def queries(self) -> list[str]:
        return [self.query] if isinstance(self.query, str) else self.query


class SearchContent(WireModel):
    """Text that was found."""

    type: Literal["text"] = "text"
    text: str


class SearchResult(WireModel):
    """A chunk of a file. Ours: its id, and where its text stands in the file, as far as its parser tells."""

    file_id: str
    filename: str
    score: float
    attributes: dict[str, Attribute] | None = None
    content: list[SearchContent]
    chunk_id: str | None = None
    citation: dict[str, Any] | None = None


class SearchPage(WireModel):
    """The results, best first. search_query: what was looked for in the end."""

    object: Literal["vector_store.search_results.page"] = "vector_store.search_results.page"
    search_query: list[str]
    data: list[SearchResult]
    has_more: bool = False
    next_page: str | None = None


class ContentItem(StoreRequest):
    """A part of interleaved content: text, the only kind that can be embedded here."""

    type: Literal["text"]
    text: Annotated[Text, Field(max_length=MAX_TEXT)]


Interleaved = Annotated[Text, Field(max_length=MAX_TEXT)] | ContentItem | Items[ContentItem]


def _has_text(content: Interleaved) -> Interleaved:
    if not text_of(content).strip():
        raise PydanticKnownError("string_too_short", {"min_length": 1})
    return content


SomeText = Annotated[Interleaved, AfterValidator(_has_text)]
Numbers = Annotated[list[float], Field(min_length=1, max_length=MAX_DIMENSION, fail_fast=True)] | str


def text_of(content: Interleaved) -> str:
    """Interleaved content as one text."""
    if isinstance(content, ContentItem):
        return content.text
    return "\n".join(item.text for item in content) if isinstance(content, list) else content


class InsertedChunk(StoreRequest):
    """A chunk to store.

    embedding: (dimension,) numbers, or base64 of little-endian float32; left out, the store's model makes it.
    metadata: flat, filters see it; chunk_metadata: any JSON, given back. chunk_id: one that is there is replaced; left
    out, it follows from the content and `metadata.document_id`. embedding_model and embedding_dimension must be the
    store's.
    """

    content: SomeText
    chunk_id: Id | None = Field(None, validation_alias=AliasChoices("chunk_id", "stored_chunk_id"))
    metadata: ChunkMetadata | None = None
    chunk_metadata: dict[str, Any] | None = None
    embedding: Numbers | None = None
    embedding_model: str | None = None
    embedding_dimension: int | None = None


class InsertRequest(StoreRequest):
    """Chunks to store, all or none; of chunks with one id the last counts."""

    vector_store_id: Id = _STORE_ID
    chunks: Annotated[Items[InsertedChunk], Field(min_length=1, max_length=MAX_CHUNKS)]
    ttl_seconds: None = None


class InsertResponse(WireModel):
    """What was stored: chunks, each id once."""

    inserted: int


class Ranker(StoreRequest):
    """How the lists of a hybrid search are joined, or `neural`: a model that reads query and text."""

    type: Literal["rrf", "weighted", "neural"]
    impact_factor: Impact | None = None
    alpha: Share | None = None
    model: Id | None = None

    @field_validator("impact_factor", "alpha", "model")
    @classmethod
    def _belongs(cls, value: T, info: ValidationInfo) -> T:
        return _taken(value, info, info.data.get("type"))


class QueryParams(StoreRequest):
    """max_chunks: how many to find. include_embeddings: whether answers hold the vectors."""

    mode: SearchMode | None = None
    max_chunks: Annotated[int, Field(ge=1, le=MAX_FOUND)] = 5
    score_threshold: float | None = None
    ranker: Ranker | None = None
    filters: Filters | None = None
    include_embeddings: bool = False


class QueryRequest(StoreRequest):
    """What to look for: a text, its embedding, or both, where the embedding is the caller's own."""

    vector_store_id: Id = _STORE_ID
    query: SomeText | None = None
    embedding: Numbers | None = None
    params: QueryParams | None = None

    @model_validator(mode="after")
    def _asks_something(self) -> QueryRequest:
        if self.query is None and self.embedding is None:
            raise PydanticCustomError("no_query", "it needs `query` or `embedding`")
        return self


class FoundChunk(WireModel):
    """A chunk as it was stored; embedding only where it was asked for."""

    chunk_id: str
    content: str
    metadata: dict[str, Attribute]
    chunk_metadata: dict[str, Any]
    embedding: list[float] | None = None
    embedding_model: str
    embedding_dimension: int


class QueryChunksResponse(WireModel):
    """Chunks, best first; `scores[i]` belongs to `chunks[i]`."""

    chunks: list[FoundChunk]
    scores: list[float]
