"""The tables of vector stores in one SQLite file; the database is the truth, and indexes in memory follow it.

All stores share tables, since a schema of thousands would have to be read again by every connection after each change.
The rows of a store lie together: their numbers begin with the store's. Nothing of a caller's becomes part of SQL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from stack.apis.vector_io import Metric, VectorStoreSpec

if TYPE_CHECKING:
    from apsw import Connection

ROW_BITS = 32  # of a row within its store
PLAIN_VECTORS = "vectors"

# stores: `number` is never used twice; `generation` counts the changes, `next_row` is above all rows it ever had;
# `vectors` names the table of its embeddings. removed: in which generation rows went, back to `removed_since`.
# snapshots: which file of an index is good. leaving: stores that were deleted, while their rows are being removed.
# Attributes keep their types: a truth value is a BLOB of one byte, which compares with no number and no text.
MIGRATIONS = (
    """
    CREATE TABLE stores (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        vector_store_id TEXT NOT NULL UNIQUE,
        dimension INTEGER NOT NULL,
        metric TEXT NOT NULL,
        provider_vector_store_id TEXT NOT NULL,
        params TEXT NOT NULL,
        vectors TEXT NOT NULL,
        count INTEGER NOT NULL DEFAULT 0,
        next_row INTEGER NOT NULL DEFAULT 0,
        generation INTEGER NOT NULL DEFAULT 0,
        removed_since INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE leaving (store INTEGER PRIMARY KEY, vectors TEXT NOT NULL) STRICT;
    CREATE TABLE removed (
        store INTEGER NOT NULL REFERENCES stores ON DELETE CASCADE,
        generation INTEGER NOT NULL,
        row INTEGER NOT NULL,
        PRIMARY KEY (store, generation, row)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE snapshots (
        store INTEGER PRIMARY KEY REFERENCES stores ON DELETE CASCADE,
        sha256 TEXT NOT NULL
    ) STRICT;
    CREATE TABLE chunks (
        row INTEGER PRIMARY KEY,
        store INTEGER NOT NULL,
        chunk_id TEXT NOT NULL,
        content TEXT NOT NULL,
        metadata TEXT NOT NULL,
        chunk_metadata TEXT NOT NULL,
        UNIQUE (store, chunk_id)
    ) STRICT;
    CREATE TABLE vectors (row INTEGER PRIMARY KEY, embedding BLOB NOT NULL) STRICT;
    CREATE TABLE attributes (
        store INTEGER NOT NULL,
        key TEXT NOT NULL,
        value ANY NOT NULL,
        row INTEGER NOT NULL,
        PRIMARY KEY (store, key, value, row)
    ) STRICT, WITHOUT ROWID;
    CREATE VIRTUAL TABLE words USING fts5(
        content, content='', contentless_delete=1, tokenize='porter unicode61 remove_diacritics 2'
    );
    """,
)

_COLUMNS = (
    "number, vector_store_id, dimension, metric, provider_vector_store_id, params,"
    " vectors, count, next_row, generation, removed_since"
)


@dataclass(frozen=True, slots=True)
class StoreRow:
    """A store as the database has it at one moment; see `MIGRATIONS` for the numbers."""

    number: int
    spec: VectorStoreSpec
    vectors: str
    count: int
    next_row: int
    generation: int
    removed_since: int

    @property
    def rows(self) -> tuple[int, int]:
        """The least row that it may have, and the least that is of the next store."""
        return self.number << ROW_BITS, (self.number + 1) << ROW_BITS


def read_store(connection: Connection, vector_store_id: str) -> StoreRow | None:
    """A store by its id."""
    found = connection.execute(f"SELECT {_COLUMNS} FROM stores WHERE vector_store_id = ?", (vector_store_id,))
    return next(map(_store_row, found), None)


def read_stores(connection: Connection) -> list[StoreRow]:
    """Every store, the oldest first."""
    return list(map(_store_row, connection.execute(f"SELECT {_COLUMNS} FROM stores ORDER BY number")))


def make_store(connection: Connection, spec: VectorStoreSpec, vectors_table: str | None) -> None:
    """Add a store. vectors_table: SQL that makes `vectors_{number}` of `rowid` and `embedding`; None: shared ones."""
    connection.execute(
        "INSERT INTO stores (vector_store_id, dimension, metric, provider_vector_store_id, params, vectors)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            spec.vector_store_id,
            spec.dimension,
            spec.metric,
            spec.provider_vector_store_id,
            msgspec.json.encode(spec.params).decode(),
            PLAIN_VECTORS,
        ),
    )
    number = connection.last_insert_rowid()
    name = PLAIN_VECTORS
    if vectors_table is not None:
        name = f"{PLAIN_VECTORS}_{number}"
        connection.execute(vectors_table.format(number=number))
    connection.execute(
        "UPDATE stores SET vectors = ?, next_row = ? WHERE number = ?", (name, number << ROW_BITS, number)
    )


def drop_store(connection: Connection, store: StoreRow) -> None:
    """Remove a store; its rows, which nothing finds any more, are left to `remove_leaving`."""
    connection.execute("DELETE FROM stores WHERE number = ?", (store.number,))
    if store.vectors != PLAIN_VECTORS:
        connection.execute(f"DROP TABLE {store.vectors}")
    connection.execute("INSERT INTO leaving VALUES (?, ?)", (store.number, store.vectors))


def remove_leaving(connection: Connection, most: int) -> bool:
    """Remove up to so many rows of stores that were deleted; False if there are none left."""
    found = connection.execute("SELECT store, vectors FROM leaving LIMIT 1").get
    if found is None:
        return False
    number, vectors = found
    bounds = (number << ROW_BITS, (number + 1) << ROW_BITS, most)
    tables = [("words", "rowid"), ("chunks", "row"), *([("vectors", "row")] if vectors == PLAIN_VECTORS else [])]
    rows = connection.execute("SELECT row FROM chunks WHERE row >= ? AND row < ? LIMIT ?", bounds).fetchall()
    for table, key in tables:
        connection.executemany(f"DELETE FROM {table} WHERE {key} = ?", rows)
    attributes = connection.execute(
        "SELECT store, key, value, row FROM attributes WHERE store = ? LIMIT ?", (number, most)
    )
    keys = attributes.fetchall()
    connection.executemany("DELETE FROM attributes WHERE store = ? AND key = ? AND value = ? AND row = ?", keys)
    if not rows and not keys:
        connection.execute("DELETE FROM leaving WHERE store = ?", (number,))
    return True


def _store_row(row: tuple[Any, ...]) -> StoreRow:
    number, vector_store_id, dimension, metric, provider_vector_store_id, params, *numbers = row
    kind: Metric = metric
    spec = VectorStoreSpec(vector_store_id, dimension, kind, provider_vector_store_id, msgspec.json.decode(params))
    return StoreRow(number, spec, *numbers)
