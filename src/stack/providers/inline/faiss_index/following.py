"""Bringing an index up to what the database holds, within the read that asks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from stack.providers.inline.chunk_store import rows
from stack.providers.inline.chunk_store.schema import StoreRow
from stack.providers.inline.faiss_index.index import VectorIndex
from stack.providers.inline.faiss_index.part import Floats, Rows

if TYPE_CHECKING:
    from apsw import Connection

READ_AT_ONCE = 4_096


def is_current(index: VectorIndex, store: StoreRow) -> bool:
    """Whether an index holds what the database does."""
    return (index.number, index.generation) == (store.number, store.generation)


def is_behind(index: VectorIndex, store: StoreRow) -> bool:
    """Whether the database can tell an index what has changed; if not, all is read anew."""
    return index.number == store.number and store.removed_since <= index.generation < store.generation


def follow(connection: Connection, store: StoreRow, index: VectorIndex) -> None:
    """Take out what has gone and take up what has come; it may break off anywhere, and goes on from there."""
    gone = rows.removed_after(connection, store, index.generation)
    if gone:
        index.remove(np.array(gone, np.int64))
    for numbers, vectors in blocks_after(connection, store, index.last_row):
        index.add(numbers, vectors)
    index.generation = store.generation


def blocks_after(connection: Connection, store: StoreRow, row: int) -> Iterator[tuple[Rows, Floats]]:
    """Rows above `row`, ascending, with their vectors as they were stored."""
    found = rows.vectors_after(connection, store, row)
    while block := list(islice(found, READ_AT_ONCE)):
        yield np.array([number for number, _ in block], np.int64), stacked(store, [blob for _, blob in block])


def stacked(store: StoreRow, blobs: list[bytes]) -> Floats:
    """(n, dimension) float32 of embeddings as the database keeps them."""
    return np.frombuffer(b"".join(blobs), "<f4").reshape(len(blobs), store.spec.dimension)
