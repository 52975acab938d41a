"""Files: what callers know of them, in OpenAI's words, and `FileStore`, where their bytes lie.

Source: the Files API of OpenAI, https://platform.openai.com/docs/api-reference/files
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from stack.errors import Unsupported

__all__ = ["ExpiresAfter", "FileDeleted", "FileList", "FileObject", "FileStore", "Purpose", "StoredFile"]

# What a caller may say. Unlike an enumeration of a provider's request, it is ours to judge.
Purpose = Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]
AnyPurpose = Purpose | Literal["assistants_output", "batch_output", "fine-tune-results"]


class FileObject(BaseModel):
    """A file that was uploaded. created_at, expires_at: Unix seconds; sha256: hex, an addition of ours."""

    id: str
    object: Literal["file"] = "file"
    bytes: int
    created_at: int
    filename: str
    purpose: AnyPurpose
    status: Literal["uploaded", "processed", "error"] = "uploaded"
    expires_at: int | None = None
    status_details: str | None = None
    sha256: str | None = None


class FileList(BaseModel):
    """A page of files."""

    object: Literal["list"] = "list"
    data: list[FileObject]
    first_id: str | None = None
    last_id: str | None = None
    has_more: bool = False


class FileDeleted(BaseModel):
    """What is left of a file."""

    id: str
    object: Literal["file"] = "file"
    deleted: Literal[True] = True


class ExpiresAfter(BaseModel):
    """When a file goes by itself: from one hour to thirty days after it came."""

    model_config = ConfigDict(extra="forbid")

    anchor: Literal["created_at"]
    seconds: int = Field(ge=3600, le=2_592_000)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Bytes that were stored. modified_at: Unix seconds. sha256: hex, empty where a list does not tell."""

    file_id: str
    bytes: int
    modified_at: float
    sha256: str = ""


class FileStore(Protocol):
    """Bytes by id; the ids are the stack's own (`file-` and 32 hex digits), never a caller's text."""

    async def write(self, file_id: str, content: AsyncIterator[bytes]) -> StoredFile:
        """Store bytes as they arrive; durable when it returns, and nothing is left behind where it raises."""
        raise Unsupported("writing files is not supported by this provider")

    async def read(self, file_id: str, start: int, end: int | None) -> AsyncIterator[bytes]:
        """The bytes from `start` up to `end` (not included; None: to the last), in parts. Raises: NotFound."""
        raise Unsupported("reading files is not supported by this provider")

    async def delete(self, file_id: str) -> None:
        """Remove the bytes; those that are not there are no error."""
        raise Unsupported("deleting files is not supported by this provider")

    async def list_files(self) -> list[StoredFile]:
        """Everything that is stored, for the sweeper of orphans."""
        raise Unsupported("listing files is not supported by this provider")
