"""Vector stores: collections of files that can be searched.

Source: https://platform.openai.com/docs/api-reference/vector-stores
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, AliasChoices, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from stack.apis.chunking import ChunkingStrategy
from stack.apis.shapes import Items, Map
from stack.apis.vector_io import Metric
from stack.apis.wire import WireModel

T = TypeVar("T")

MAX_FILES = 2000  # in one request
MAX_DIMENSION = 16_384
_ENGINE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"  # it may become the name of a table or a collection


def without_nul(text: str) -> str:
    """A text that any database keeps. Raises: PydanticCustomError."""
    if "\0" in text:
        raise PydanticCustomError("nul_character", "it contains a NUL character")
    return text


def in_64_bits(number: float) -> float:
    """A number that any database keeps. Raises: PydanticCustomError."""
    if isinstance(number, int) and not -(2**63) <= number < 2**63:
        raise PydanticCustomError("integer_size", "it is an integer of more than 64 bits")
    return number


# Databases written in C end a text at a NUL, or refuse it.
Text = Annotated[str, AfterValidator(without_nul)]
Id = Annotated[Text, Field(min_length=1, max_length=256)]
Metadata = Annotated[
    Map[Annotated[Text, Field(max_length=512)]],
    Field(max_length=16),
    AfterValidator(lambda metadata: _with_short_keys(metadata)),
]
# A range on `int` alone would make a rounded float of an integer that is too large.
Number = Annotated[int | float, AfterValidator(in_64_bits)]  # finite, as in all requests here
AttributeValue = Annotated[Text, Field(max_length=512)] | bool | Number
Attributes = Annotated[
    Map[AttributeValue], Field(max_length=16), AfterValidator(lambda attributes: _with_short_keys(attributes))
]


def _with_short_keys(found: dict[str, T]) -> dict[str, T]:
    for key in found:
        if not 1 <= len(without_nul(key)) <= 64:
            raise PydanticCustomError("key_length", "its keys have 1 to 64 characters")
    return found


class StoreRequest(WireModel):
    """A request that nobody is handed on: an unknown field would be lost, so it is refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class ExpiresAfter(StoreRequest):
    """The store expires `days` after it was used last."""

    anchor: Literal["last_active_at"]
    days: Annotated[int, Field(ge=1, le=365)]


class FileCounts(WireModel):
    """Files of a store or a batch by status; `total` is the sum of the others."""

    cancelled: int = 0
    completed: int = 0
    failed: int = 0
    in_progress: int = 0
    total: int = 0


class VectorStoreCreateRequest(StoreRequest):
    """A store to make, of files that are there.

    Ours: embedding_model, embedding_dimension, metric and provider_id, each left out for the configured default;
    provider_vector_store_id: what the engine shall call it; params: the engine's own settings.
    Source: https://platform.openai.com/docs/api-reference/vector-stores/create
    """

    name: Annotated[Text, Field(max_length=256)] | None = None
    description: Annotated[Text, Field(max_length=512)] | None = None
    metadata: Metadata | None = None
    expires_after: ExpiresAfter | None = None
    file_ids: Annotated[Items[Id], Field(max_length=MAX_FILES)] | None = None
    chunking_strategy: ChunkingStrategy | None = None
    embedding_model: Id | None = None
    embedding_dimension: Annotated[int, Field(ge=1, le=MAX_DIMENSION)] | None = None
    metric: Metric | None = None
    provider_id: Id | None = None
    provider_vector_store_id: Annotated[str, Field(pattern=_ENGINE_NAME)] | None = Field(
        None, validation_alias=AliasChoices("provider_vector_store_id", "provider_vector_db_id")
    )
    params: dict[str, Any] | None = None

    @field_validator("file_ids")
    @classmethod
    def _once(cls, file_ids: list[str] | None) -> list[str] | None:
        return each_once(file_ids)


class VectorStoreUpdateRequest(StoreRequest):
    """What changes; a field left out stays, null clears it.

    Source: https://platform.openai.com/docs/api-reference/vector-stores/modify
    """

    name: Annotated[Text, Field(max_length=256)] | None = None
    metadata: Metadata | None = None
    expires_after: ExpiresAfter | None = None


class VectorStore(WireModel):
    """A store. Times are Unix seconds.

    status: `in_progress` while a file of it is. usage_bytes: text and vectors of its files.
    Ours: description, and what it was made with.
    Source: https://platform.openai.com/docs/api-reference/vector-stores/object
    """

    id: str
    object: Literal["vector_store"] = "vector_store"
    created_at: int
    name: str
    status: Literal["expired", "in_progress", "completed"]
    usage_bytes: int
    file_counts: FileCounts
    last_active_at: int | None = None
    metadata: dict[str, str] | None = None
    expires_after: ExpiresAfter | None = None
    expires_at: int | None = None
    description: str | None = None
    embedding_model: str | None = None
    embedding_dimension: int | None = None
    metric: Metric | None = None
    provider_id: str | None = None


class VectorStoreDeleted(WireModel):
    """A store that is gone."""

    id: str
    object: Literal["vector_store.deleted"] = "vector_store.deleted"
    deleted: bool = True


class Page(WireModel, Generic[T]):
    """A part of a list. has_more: whether there is more beyond it in the direction asked for."""

    object: Literal["list"] = "list"
    data: list[T]
    first_id: str | None = None
    last_id: str | None = None
    has_more: bool = False


class VectorStorePage(Page[VectorStore]):
    """A part of the list of stores."""


class ListRequest(StoreRequest):
    """Which part of a list: `limit` items beyond the item `after`, or up to the item `before`, in this order of age."""

    model_config = ConfigDict(strict=False)  # it comes as a query string

    after: Id | None = None
    before: Id | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    order: Literal["asc", "desc"] = "desc"

    @field_validator("before")
    @classmethod
    def _alone(cls, before: str | None, info: ValidationInfo) -> str | None:
        if before is not None and info.data.get("after") is not None:
            raise PydanticCustomError("cursors", "`after` and `before` exclude each other")
        return before


def each_once(file_ids: list[str] | None) -> list[str] | None:
    """Ids that are all different."""
    if file_ids is not None and len(set(file_ids)) != len(file_ids):
        twice = next(file_id for file_id in file_ids if file_ids.count(file_id) > 1)
        raise PydanticCustomError("duplicate_id", "`{file_id}` stands in it twice", {"file_id": twice})
    return file_ids
