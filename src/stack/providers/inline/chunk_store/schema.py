"""The tables of vector stores in one SQLite file; the database is the truth, and indexes in memory follow it.

Each store has tables of its own, so that words of one say nothing of another and a store goes at once. Their names end
in the store's number; nothing of a caller's ever becomes part of SQL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from stack.apis.vector_io import Metric, VectorStoreSpec

if TYPE_CHECKING:
    from apsw import Connection

# `number` is never used twice. `generation` counts the changes of a store, `next_row` the rows it ever had.
# `removed` tells in which generation rows went, back to `removed_since`; `snapshots` which file of an index is good.
MIGRATIONS = (
    """
    CREATE TABLE stores (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        vector_store_id TEXT NOT NULL UNIQUE,
        dimension INTEGER NOT NULL,
        metric TEXT NOT NULL,
        provider_vector_store_id TEXT NOT NULL,
        params TEXT NOT NULL,
        count INTEGER NOT NULL DEFAULT 0,
        next_row INTEGER NOT NULL DEFAULT 1,
        generation INTEGER NOT NULL DEFAULT 0,
        removed_since INTEGER NOT NULL DEFAULT 0
    ) STRICT;
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
    """,
)
PLAIN_VECTORS = "CREATE TABLE vectors_{number} (row INTEGER PRIMARY KEY, embedding BLOB NOT NULL) STRICT"

# Attributes keep their types: a truth value is a BLOB of one byte, which compares with no number and no text.
_TABLES = """
CREATE TABLE chunks_{number} (
    row INTEGER PRIMARY KEY,
    chunk_id TEXT NOT NULL UNIQUE,
    content TEXT NOT NULL,
    metadata TEXT NOT NULL,
    chunk_metadata TEXT NOT NULL
) STRICT;
CREATE TABLE attributes_{number} (
    key TEXT NOT NULL,
    value ANY NOT NULL,
    row INTEGER NOT NULL,
    PRIMARY KEY (key, value, row)
) STRICT, WITHOUT ROWID;
CREATE VIRTUAL TABLE words_{number} USING fts5(
    content, content='', contentless_delete=1, tokenize='porter unicode61 remove_diacritics 2'
);
"""
_COLUMNS = (
    "number, vector_store_id, dimension, metric, provider_vector_store_id, params,"
    " count, next_row, generation, removed_since"
)


@dataclass(frozen=True, slots=True)
class StoreRow:
    """A store as the database has it at one moment; see `MIGRATIONS` for the numbers."""

    number: int
    spec: VectorStoreSpec
    count: int
    next_row: int
    generation: int
    removed_since: int


def read_store(connection: Connection, vector_store_id: str) -> StoreRow | None:
    """A store by its id."""
    found = connection.execute(f"SELECT {_COLUMNS} FROM stores WHERE vector_store_id = ?", (vector_store_id,))
    return next(map(_store_row, found), None)


def read_stores(connection: Connection) -> list[StoreRow]:
    """Every store, the oldest first."""
    return list(map(_store_row, connection.execute(f"SELECT {_COLUMNS} FROM stores ORDER BY number")))


def make_store(connection: Connection, spec: VectorStoreSpec, vectors_table: str) -> None:
    """Add a store and its tables. vectors_table: SQL that makes `vectors_{number}` with `rowid` and `embedding`."""
    connection.execute(
        "INSERT INTO stores (vector_store_id, dimension, metric, provider_vector_store_id, params)"
        " VALUES (?, ?, ?, ?, ?)",
        (
            spec.vector_store_id,
            spec.dimension,
            spec.metric,
            spec.provider_vector_store_id,
            msgspec.json.encode(spec.params).decode(),
        ),
    )
    number = connection.last_insert_rowid()
    connection.execute(_TABLES.format(number=number))
    connection.execute(vectors_table.format(number=number))


def drop_store(connection: Connection, store: StoreRow) -> None:
    """Remove a store with everything it holds."""
    for table in ("chunks", "attributes", "words", "vectors"):
        connection.execute(f"DROP TABLE {table}_{store.number}")
    connection.execute("DELETE FROM stores WHERE number = ?", (store.number,))


def _store_row(row: tuple[Any, ...]) -> StoreRow:
    number, vector_store_id, dimension, metric, provider_vector_store_id, params, *numbers = row
    kind: Metric = metric
    spec = VectorStoreSpec(vector_store_id, dimension, kind, provider_vector_store_id, msgspec.json.decode(params))
    return StoreRow(number, spec, *numbers)
