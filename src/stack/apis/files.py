"""FileStore: where the bytes of files lie; names, purposes, lists and expiry are written once, above."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from stack.errors import Unsupported

__all__ = ["FileStore", "StoredFile"]


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
