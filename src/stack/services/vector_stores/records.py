"""Rows of the database as values, and as the objects that callers see."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from stack.apis.chunking import ChunkingStrategy, StaticChunking
from stack.apis.filters import Attribute
from stack.apis.vector_io import Metric, VectorStoreSpec
from stack.apis.vector_store_files import ChunkingUsed, LastError, VectorStoreFile
from stack.apis.vector_stores import ExpiresAfter, FileCounts, VectorStore

DAY_S = 24 * 3600
Phase = Literal["creating", "live", "expired"]

STORE_COLUMNS = (
    "stores.id, phase, name, description, metadata, created_at, last_active_at, expires_days, provider_id,"
    " provider_vector_store_id, embedding_model, asks_dimension, dimension, metric, params"
)
FILE_COLUMNS = (
    "files.seq, files.store_id, files.file_id, filename, files.created_at, status, usage_bytes, attributes, chunk_size,"
    " chunk_overlap, error_code, error_message, chunks_total, chunks_done, chunks_stored, files.attempts,"
    " chunks_truncated"
)


@dataclass(frozen=True, slots=True)
class StoreRecord:
    """A store. last_active_at is at most a minute old; asks_dimension: its model shortens vectors to `dimension`."""

    id: str
    phase: Phase
    name: str
    description: str | None
    metadata: dict[str, str] | None
    created_at: int
    last_active_at: int
    expires_days: int | None
    provider_id: str
    provider_vector_store_id: str
    embedding_model: str
    asks_dimension: bool
    dimension: int
    metric: Metric
    params: dict[str, Any]

    @classmethod
    def of(cls, row: Sequence[Any]) -> StoreRecord:
        values = list(row)
        values[4] = None if values[4] is None else json.loads(values[4])
        values[11], values[14] = bool(values[11]), json.loads(values[14])
        return cls(*values)

    def row(self) -> tuple[Any, ...]:
        """The values of STORE_COLUMNS."""
        metadata = None if self.metadata is None else json.dumps(self.metadata)
        return (
            *(self.id, self.phase, self.name, self.description, metadata, self.created_at, self.last_active_at),
            *(self.expires_days, self.provider_id, self.provider_vector_store_id, self.embedding_model),
            *(int(self.asks_dimension), self.dimension, self.metric, json.dumps(self.params)),
        )

    @property
    def spec(self) -> VectorStoreSpec:
        """The store as its provider makes it."""
        return VectorStoreSpec(self.id, self.dimension, self.metric, self.provider_vector_store_id, self.params)

    @property
    def expires_at(self) -> int | None:
        return None if self.expires_days is None else self.last_active_at + self.expires_days * DAY_S

    def shown(self, counts: FileCounts, usage_bytes: int) -> VectorStore:
        """The store as callers see it."""
        status: Literal["expired", "in_progress", "completed"] = "in_progress" if counts.in_progress else "completed"
        days = self.expires_days
        return VectorStore(
            id=self.id,
            created_at=self.created_at,
            name=self.name,
            status="expired" if self.phase == "expired" else status,
            usage_bytes=usage_bytes,
            file_counts=counts,
            last_active_at=self.last_active_at,
            metadata=self.metadata or {},
            expires_after=None if days is None else ExpiresAfter(anchor="last_active_at", days=days),
            expires_at=self.expires_at,
            description=self.description,
            embedding_model=self.embedding_model,
            embedding_dimension=self.dimension,
            metric=self.metric,
            provider_id=self.provider_id,
        )


class FileRecord(NamedTuple):
    """A file in a store. attributes: JSON; chunks_stored: chunks of higher numbers are not in the engine."""

    seq: int
    store_id: str
    file_id: str
    filename: str
    created_at: int
    status: Literal["in_progress", "completed", "cancelled", "failed"]
    usage_bytes: int
    attributes: str
    chunk_size: int
    chunk_overlap: int
    error_code: Literal["server_error", "unsupported_file", "invalid_file"] | None
    error_message: str | None
    chunks_total: int | None
    chunks_done: int
    chunks_stored: int
    attempts: int
    chunks_truncated: int

    @property
    def strategy(self) -> ChunkingStrategy:
        return ChunkingStrategy(type="static", static=self._sizes)

    @property
    def _sizes(self) -> StaticChunking:
        return StaticChunking(max_chunk_size_tokens=self.chunk_size, chunk_overlap_tokens=self.chunk_overlap)

    def filterable(self) -> dict[str, Attribute]:
        """The attributes that searches filter by."""
        found: dict[str, Attribute] = json.loads(self.attributes)
        return found

    def chunk_ids(self, first: int = 0) -> list[str]:
        """The ids of the chunks from this number on that may be in the engine."""
        return [chunk_id(self.file_id, number) for number in range(first, self.chunks_stored)]

    def shown(self) -> VectorStoreFile:
        """The file as callers see it."""
        error = None
        if self.error_code is not None:
            error = LastError(code=self.error_code, message=self.error_message or "")
        return VectorStoreFile(
            id=self.file_id,
            created_at=self.created_at,
            vector_store_id=self.store_id,
            status=self.status,
            usage_bytes=self.usage_bytes,
            last_error=error,
            attributes=self.filterable(),
            chunking_strategy=ChunkingUsed(static=self._sizes),
            filename=self.filename,
            chunks_total=self.chunks_total,
            chunks_done=self.chunks_done,
            chunks_truncated=self.chunks_truncated,
            attempts=self.attempts,
        )


def chunk_id(file_id: str, number: int) -> str:
    """The id of a chunk of a file: the same at every run, so that a run replaces what one before it stored."""
    return f"{file_id}-{number:06d}"
