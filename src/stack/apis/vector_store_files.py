"""Files of vector stores, one by one and in batches.

Source: https://platform.openai.com/docs/api-reference/vector-stores-files
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from stack.apis.chunking import ChunkingStrategy, StaticChunking
from stack.apis.filters import Attribute
from stack.apis.shapes import Items
from stack.apis.vector_stores import (
    MAX_FILES,
    Attributes,
    FileCounts,
    Id,
    ListRequest,
    Page,
    StoreRequest,
    each_once,
)
from stack.apis.wire import WireModel

FileStatus = Literal["in_progress", "completed", "cancelled", "failed"]
ErrorCode = Literal["server_error", "unsupported_file", "invalid_file"]


class FileAttachRequest(StoreRequest):
    """A file to add to a store. attributes: what filters of a search see.

    Source: https://platform.openai.com/docs/api-reference/vector-stores-files/createFile
    """

    file_id: Id
    attributes: Attributes | None = None
    chunking_strategy: ChunkingStrategy | None = None


class FileUpdateRequest(StoreRequest):
    """New attributes in place of all old ones; null for none."""

    attributes: Attributes | None


class FileListRequest(ListRequest):
    """Which part of a list of files; filter: of one status only."""

    filter: FileStatus | None = None


class LastError(WireModel):
    """Why a file could not be added."""

    code: ErrorCode
    message: str


class ChunkingUsed(WireModel):
    """The strategy that a file was cut by, with its numbers."""

    type: Literal["static"] = "static"
    static: StaticChunking


class VectorStoreFile(WireModel):
    """A file in a store. Its id is the file's own. Times are Unix seconds.

    usage_bytes: of text and vectors, 0 until it is completed. Ours: chunks_total, None until the file is cut, and
    chunks_done, which have been embedded; chunks_truncated, whose end the embedding model does not read, so that no
    vector tells of it; filename; attempts, how often its work was begun.
    Source: https://platform.openai.com/docs/api-reference/vector-stores-files/file-object
    """

    id: str
    object: Literal["vector_store.file"] = "vector_store.file"
    created_at: int
    vector_store_id: str
    status: FileStatus
    usage_bytes: int
    last_error: LastError | None = None
    attributes: dict[str, Attribute] | None = None
    chunking_strategy: ChunkingUsed | None = None
    filename: str | None = None
    chunks_total: int | None = None
    chunks_done: int | None = None
    chunks_truncated: int | None = None
    attempts: int | None = None


class VectorStoreFilePage(Page[VectorStoreFile]):
    """A part of the list of files."""


class VectorStoreFileDeleted(WireModel):
    """A file that is no longer in a store; the file itself stays."""

    id: str
    object: Literal["vector_store.file.deleted"] = "vector_store.file.deleted"
    deleted: bool = True


class FileContent(WireModel):
    """Text of one chunk of a file, in the order of the file. Ours: where it stands in the file's text."""

    type: Literal["text"] = "text"
    text: str
    chunk_id: str | None = None
    start: int | None = None
    end: int | None = None


class FileContentPage(WireModel):
    """All text of a file that was added to a store, as it was cut: neighbours share their ends."""

    object: Literal["vector_store.file_content.page"] = "vector_store.file_content.page"
    data: list[FileContent]
    has_more: bool = False
    next_page: str | None = None


class FileBatchRequest(StoreRequest):
    """Files to add together: `file_ids`, which share attributes and chunking, or `files`, each with its own.

    Source: https://platform.openai.com/docs/api-reference/vector-stores-file-batches/createBatch
    """

    file_ids: Annotated[Items[Id], Field(min_length=1, max_length=MAX_FILES)] | None = None
    files: Annotated[Items[FileAttachRequest], Field(min_length=1, max_length=MAX_FILES)] | None = None
    attributes: Attributes | None = None
    chunking_strategy: ChunkingStrategy | None = None

    @field_validator("file_ids")
    @classmethod
    def _ids_once(cls, file_ids: list[str] | None) -> list[str] | None:
        return each_once(file_ids)

    @field_validator("files")
    @classmethod
    def _files_once(cls, files: list[FileAttachRequest] | None) -> list[FileAttachRequest] | None:
        each_once([file.file_id for file in files or ()])
        return files

    @model_validator(mode="after")
    def _one_way(self) -> FileBatchRequest:
        if (self.file_ids is None) == (self.files is None):
            raise PydanticCustomError("batch_files", "it needs either `file_ids` or `files`")
        if self.files is not None and (self.attributes is not None or self.chunking_strategy is not None):
            raise PydanticCustomError("batch_files", "with `files`, each file has its own attributes and chunking")
        return self

    def each(self) -> list[FileAttachRequest]:
        """Every file with what belongs to it."""
        if self.files is not None:
            return self.files
        return [
            FileAttachRequest(file_id=file_id, attributes=self.attributes, chunking_strategy=self.chunking_strategy)
            for file_id in self.file_ids or ()
        ]


class VectorStoreFileBatch(WireModel):
    """A batch. file_counts: always the sum of its files as they are now.

    status: `in_progress` while a file is; `failed` if every file failed; `cancelled` once it was.
    """

    id: str
    object: Literal["vector_store.files_batch"] = "vector_store.files_batch"
    created_at: int
    vector_store_id: str
    status: FileStatus
    file_counts: FileCounts
