"""Rows of files in stores: added, read, listed, settled, each within somebody's transaction."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from stack.apis.chunking import StaticChunking
from stack.apis.files import FileObject
from stack.apis.vector_store_files import FileListRequest
from stack.errors import NotFound, shortened
from stack.services.vector_stores.pages import Listing, page, remember_place
from stack.services.vector_stores.records import FILE_COLUMNS, FileRecord
from stack.services.vector_stores.work import owe, owed

if TYPE_CHECKING:
    from apsw import Connection

    from stack.apis.filters import Attribute

_FIND = f"SELECT {FILE_COLUMNS} FROM files WHERE store_id = ? AND file_id = ?"  # noqa: S608
_STORES = "SELECT store_id FROM files WHERE file_id = ? ORDER BY seq"
_ADD = """
INSERT INTO files (store_id, file_id, filename, created_at, status, attributes, chunk_size, chunk_overlap)
VALUES (?, ?, ?, ?, 'in_progress', ?, ?, ?)
ON CONFLICT DO UPDATE SET status = 'in_progress', usage_bytes = 0, attributes = excluded.attributes,
    chunk_size = excluded.chunk_size, chunk_overlap = excluded.chunk_overlap, error_code = NULL, error_message = NULL,
    chunks_total = NULL, chunks_done = 0, chunks_truncated = 0, attempts = 0
"""


def find_file(connection: Connection, store_id: str, file_id: str) -> FileRecord | None:
    """A file of a store."""
    row = connection.execute(_FIND, (store_id, file_id)).fetchone()
    return FileRecord(*row) if row is not None else None


def stores_of(connection: Connection, file_id: str) -> list[str]:
    """The ids of the stores that a file is in."""
    return [store_id for (store_id,) in connection.execute(_STORES, (file_id,))]


def get_file(connection: Connection, store_id: str, file_id: str) -> FileRecord:
    """A file of a store. Raises: NotFound."""
    if (found := find_file(connection, store_id, file_id)) is None:
        message = f"vector store `{shortened(store_id)}` has no file `{shortened(file_id)}`"
        raise NotFound(message, param="file_id", code="vector_store_file_not_found")
    return found


def add_file(
    connection: Connection,
    store_id: str,
    file: FileObject,
    attributes: dict[str, Attribute] | None,
    sizes: StaticChunking,
    now: float,
) -> FileRecord:
    """Add a file and note its work; one that is there, or on its way, with the same settings stays as it is.

    One that is about to be taken out is added anew.
    """
    written = json.dumps(attributes or {}, sort_keys=True)
    known = find_file(connection, store_id, file.id)
    if known is not None and known.status in ("completed", "in_progress"):
        same = (known.attributes, known.chunk_size, known.chunk_overlap)
        is_same = same == (written, sizes.max_chunk_size_tokens, sizes.chunk_overlap_tokens)
        if is_same and owed(connection, store_id, file.id) != "delete":
            return known
    values = (store_id, file.id, file.filename, int(now), written, sizes.max_chunk_size_tokens)
    connection.execute(_ADD, (*values, sizes.chunk_overlap_tokens))
    owe(connection, "ingest", store_id, file.id)
    return get_file(connection, store_id, file.id)


def page_of_files(
    connection: Connection, store_id: str, asked: FileListRequest, batch_id: str | None = None
) -> tuple[list[FileRecord], bool]:
    """A page of a store's files, or of a batch's. Raises: InvalidRequest."""
    where, values = "files.store_id = ?", [store_id]
    if batch_id is not None:
        where += " AND files.seq IN (SELECT file_seq FROM batch_files WHERE batch_id = ?)"
        values.append(batch_id)
    only, only_values = ("status = ?", (asked.filter,)) if asked.filter else ("TRUE", ())
    listing = Listing(_list_of(store_id), "files", "file_id", FILE_COLUMNS, where, tuple(values), only, only_values)
    rows, has_more = page(connection, listing, asked)
    return [FileRecord(*row) for row in rows], has_more


def remove_file(connection: Connection, file: FileRecord, now: float) -> None:
    """Remove a file from a store."""
    connection.execute("DELETE FROM files WHERE seq = ?", (file.seq,))
    remember_place(connection, _list_of(file.store_id), file.file_id, file.seq, now)


def set_file(connection: Connection, file: FileRecord, **values: str | int | None) -> None:
    """Set columns of a file; their names are ours."""
    columns = ", ".join(f"{name} = ?" for name in values)
    connection.execute(f"UPDATE files SET {columns} WHERE seq = ?", (*values.values(), file.seq))  # noqa: S608


def _list_of(store_id: str) -> str:
    return f"files of {store_id}"
