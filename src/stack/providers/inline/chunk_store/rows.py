"""Writing and reading the rows of one store; each function runs inside a transaction of the caller."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from stack.apis.filters import Attribute
from stack.apis.vector_io import EmbeddedChunk
from stack.providers.inline.chunk_store.schema import StoreRow
from stack.providers.inline.chunk_store.words import indexed_text

if TYPE_CHECKING:
    from apsw import Connection

# Removals that are kept for the indexes of other processes; one that has fallen behind further reads all rows anew.
KEPT_REMOVALS = 10_000

_encode = msgspec.json.encode
_decode = msgspec.json.decode


def insert(connection: Connection, store: StoreRow, chunks: Sequence[EmbeddedChunk]) -> None:
    """Add chunks that were checked; those whose ids are there are replaced."""
    n = store.number
    wanted = list({chunk.chunk_id: chunk for chunk in chunks}.values())
    replaced = _remove(connection, store, [chunk.chunk_id for chunk in wanted]) if store.count else 0
    numbered = list(enumerate(wanted, store.next_row))
    connection.executemany(
        "INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?)",
        [(row, n, c.chunk_id, c.content, _text(c.metadata), _text(c.chunk_metadata)) for row, c in numbered],
    )
    connection.executemany(
        f"INSERT INTO {store.vectors} (rowid, embedding) VALUES (?, ?)",
        [(row, c.embedding.tobytes()) for row, c in numbered],
    )
    connection.executemany(
        "INSERT INTO attributes VALUES (?, ?, ?, ?)",
        [(n, key, stored(value), row) for row, c in numbered for key, value in c.metadata.items()],
    )
    connection.executemany(
        "INSERT INTO words (rowid, content) VALUES (?, ?)",
        [(row, indexed_text(c.content)) for row, c in numbered],
    )
    connection.execute(
        "UPDATE stores SET count = count + ?, next_row = next_row + ?, generation = generation + 1 WHERE number = ?",
        (len(wanted) - replaced, len(wanted), n),
    )


def delete(connection: Connection, store: StoreRow, chunk_ids: Sequence[str]) -> None:
    """Remove chunks by their ids."""
    if removed := _remove(connection, store, chunk_ids):
        connection.execute(
            "UPDATE stores SET count = count - ?, generation = generation + 1 WHERE number = ?",
            (removed, store.number),
        )


def _remove(connection: Connection, store: StoreRow, chunk_ids: Sequence[str]) -> int:
    """How many of these there were; `removed` tells them under the generation that the caller makes."""
    n = store.number
    found: list[tuple[int, str]] = list(
        connection.execute(
            "SELECT row, metadata FROM chunks WHERE store = ? AND chunk_id IN (SELECT value FROM json_each(?))",
            (n, _text(list(chunk_ids))),
        )
    )
    if not found:
        return 0
    connection.executemany(
        "DELETE FROM attributes WHERE store = ? AND key = ? AND value = ? AND row = ?",
        [(n, key, stored(value), row) for row, metadata in found for key, value in _decode(metadata).items()],
    )
    rows = [(row,) for row, _ in found]
    for table, key in (("chunks", "row"), (store.vectors, "rowid"), ("words", "rowid")):
        connection.executemany(f"DELETE FROM {table} WHERE {key} = ?", rows)
    _tell_removed(connection, store, [row for row, _ in found])
    return len(found)


def _tell_removed(connection: Connection, store: StoreRow, rows: Sequence[int]) -> None:
    generation = store.generation + 1
    connection.executemany("INSERT INTO removed VALUES (?, ?, ?)", [(store.number, generation, row) for row in rows])
    # The newest generation beyond those that are kept, if there are so many.
    beyond = connection.execute(
        "SELECT generation FROM removed WHERE store = ? ORDER BY generation DESC LIMIT 1 OFFSET ?",
        (store.number, KEPT_REMOVALS),
    ).get
    if beyond is not None:
        connection.execute("DELETE FROM removed WHERE store = ? AND generation <= ?", (store.number, beyond))
        connection.execute("UPDATE stores SET removed_since = ? WHERE number = ?", (beyond, store.number))


def read(
    connection: Connection, store: StoreRow, rows: Sequence[int], *, embeddings: bool = True
) -> dict[int, EmbeddedChunk]:
    """Chunks by their rows; embeddings: whether theirs are read, which takes some engines longer than all the rest."""
    embedding, vectors = "x''", ""
    if embeddings:
        embedding, vectors = "v.embedding", f" CROSS JOIN {store.vectors} AS v ON v.rowid = wanted.value"
    found = connection.execute(
        f"SELECT c.row, c.chunk_id, c.content, {embedding}, c.metadata, c.chunk_metadata"
        f" FROM json_each(?) AS wanted CROSS JOIN chunks AS c ON c.row = wanted.value{vectors}",
        (_text(list(rows)),),
    )
    return {row: _chunk(*columns) for row, *columns in found}


def rows_of(connection: Connection, store: StoreRow, chunk_ids: Sequence[str]) -> list[int]:
    """Rows of those chunks that exist, in the order of their ids."""
    found = connection.execute(
        "SELECT c.row FROM json_each(?) AS wanted CROSS JOIN chunks AS c"
        " ON c.store = ? AND c.chunk_id = wanted.value ORDER BY wanted.key",
        (_text(list(chunk_ids)), store.number),
    )
    return [row for (row,) in found]


def vectors_after(connection: Connection, store: StoreRow, row: int) -> Iterator[tuple[int, bytes]]:
    """Rows above `row` with their embeddings, float32 little-endian, in order."""
    first, end = store.rows
    sql = "SELECT row, embedding FROM vectors WHERE row >= ? AND row < ? ORDER BY row"
    yield from connection.execute(sql, (max(row + 1, first), end))


def vectors_of(connection: Connection, rows: Iterable[int]) -> list[tuple[int, bytes]]:
    """The embeddings of these rows, of those that exist."""
    return list(
        connection.execute(
            "SELECT v.row, v.embedding FROM json_each(?) AS wanted CROSS JOIN vectors AS v ON v.row = wanted.value",
            (_text(list(rows)),),
        )
    )


def removed_after(connection: Connection, store: StoreRow, generation: int) -> list[int]:
    """Rows that went in later generations than this one."""
    sql = "SELECT row FROM removed WHERE store = ? AND generation > ?"
    return [row for (row,) in connection.execute(sql, (store.number, generation))]


def stored(value: Attribute) -> str | float | int | bytes:
    """An attribute's value as its column keeps it."""
    return bytes([value]) if isinstance(value, bool) else value


def _text(value: Any) -> str:
    return _encode(value).decode()


def _chunk(chunk_id: str, content: str, embedding: bytes, metadata: str, chunk_metadata: str) -> EmbeddedChunk:
    numbers = array("f")
    numbers.frombytes(embedding)
    return EmbeddedChunk(chunk_id, content, numbers, _decode(metadata), _decode(chunk_metadata))
