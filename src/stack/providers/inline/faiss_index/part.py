"""A faiss index with the rows of its vectors; `VectorIndex` is made of one or two of them.

Source: https://github.com/facebookresearch/faiss/wiki
"""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]
Found = tuple[Rows, Floats]
"""Rows and what faiss thinks of them: a product, or a squared distance."""

# So many vectors that are gone may lie in an index: a search asks for as many more, which costs next to nothing.
MOST_DEAD = 64
# A graph is searched under a filter that at least this part passes; for fewer, a scan of them is as fast, and exact.
LEAST_PASSING = 0.3


class Part:
    """`rows` ascend, and `index` holds the vector of `rows[i]` at position i; `dead` are those that are gone."""

    def __init__(self, index: Any, rows: Rows | None = None, dead: set[int] | None = None) -> None:
        self.index = index
        self.rows = np.empty(0, np.int64) if rows is None else rows
        self.dead = dead or set()
        self._alive: tuple[int, NDArray[np.uint8]] | None = None

    def __len__(self) -> int:
        return len(self.rows) - len(self.dead)

    def add(self, rows: Rows, vectors: Floats) -> None:
        """Append vectors, of rows above all that are there."""
        self.index.add(vectors)
        self.rows = np.concatenate([self.rows, rows])

    def remove(self, rows: Rows) -> None:
        """Take note that rows are gone; those that are not here are no error."""
        self.dead.update(rows[self._holds(rows)].tolist())

    def compact(self) -> None:
        """Take the dead out of an index that is scanned."""
        positions = np.searchsorted(self.rows, np.array(sorted(self.dead), np.int64))
        self.index.remove_ids(faiss.IDSelectorBatch(positions))
        self.rows = np.delete(self.rows, positions)
        self.dead = set()

    def search(self, query: Floats, k: int, passing: Rows | None, ef_search: int) -> Found:
        """The `k` nearest among those that live, or among `passing`, which all live; fewer if there are no more."""
        if not len(self):
            return self.rows[:0], np.empty(0, np.float32)
        if passing is not None:
            return self._among(query, k, passing, ef_search)
        if len(self.dead) > MOST_DEAD:
            return self._search(query, k, self._living(), len(self), ef_search)
        rows, values = self._search(query, k + len(self.dead), None, len(self.rows), ef_search)
        living = np.fromiter((row not in self.dead for row in rows.tolist()), bool, len(rows))
        return rows[living][:k], values[living][:k]

    def _among(self, query: Floats, k: int, passing: Rows, ef_search: int) -> Found:
        inside = passing[self._holds(passing)]
        mask = np.zeros(len(self.rows), bool)
        mask[np.searchsorted(self.rows, inside)] = True
        return self._search(query, k, np.packbits(mask, bitorder="little"), len(inside), ef_search)

    def _search(self, query: Floats, k: int, bits: NDArray[np.uint8] | None, count: int, ef_search: int) -> Found:
        """bits: which positions may be found, `count` of them."""
        k = min(k, count)
        if not k:
            return self.rows[:0], np.empty(0, np.float32)
        selector = None if bits is None else faiss.IDSelectorBitmap(bits)
        index, parameters = self.index, faiss.SearchParameters(sel=selector)
        if isinstance(index, faiss.IndexHNSW):
            part = count / len(self.rows)
            if part < LEAST_PASSING or k > count // 2:
                index = faiss.downcast_index(index.storage)
            else:
                breadth = round(max(ef_search, 2 * k) / part)
                parameters = faiss.SearchParametersHNSW(sel=selector, efSearch=breadth)
        values, positions = index.search(query.reshape(1, -1), k, params=parameters)
        found = positions[0] >= 0
        return self.rows[positions[0][found]], values[0][found]

    def _holds(self, rows: Rows) -> NDArray[np.bool_]:
        """Which of these rows are here."""
        if not len(self.rows):
            return np.zeros(len(rows), bool)
        places = np.searchsorted(self.rows, rows)
        held: NDArray[np.bool_] = self.rows[np.minimum(places, len(self.rows) - 1)] == rows
        return held

    def _living(self) -> NDArray[np.uint8]:
        if self._alive is None or self._alive[0] != len(self.dead):
            mask = np.ones(len(self.rows), bool)
            mask[np.searchsorted(self.rows, np.array(sorted(self.dead), np.int64))] = False
            self._alive = len(self.dead), np.packbits(mask, bitorder="little")
        return self._alive[1]
