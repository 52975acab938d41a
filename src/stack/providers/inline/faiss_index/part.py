"""A faiss index with the rows of its vectors; `VectorIndex` is made of one or two of them.

Source: https://github.com/facebookresearch/faiss/wiki
"""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from stack.providers.inline.faiss_index.passing import Mask, Passing, places_of

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]
Found = tuple[Rows, Floats]
"""Rows and what faiss thinks of them: a product, or a squared distance."""

# So many vectors that are gone may lie in an index: a search asks for as many more, which costs next to nothing.
MOST_DEAD = 64
# A graph is searched under a filter that at least this part passes; for fewer, a scan of them is as fast, and exact.
LEAST_PASSING = 0.3
LARGEST_CODE = 127


class Part:
    """`rows` ascend, and `index` holds the vector of `rows[i]` at position i; `dead` are positions of what is gone.

    scale: where numbers are kept as one byte each, what they are multiplied with for that; 0 elsewhere.
    """

    def __init__(self, index: Any, rows: Rows | None = None, scale: float = 0.0) -> None:
        self.index = index
        self.rows = np.empty(0, np.int64) if rows is None else rows
        self.scale = scale
        self.dead: set[int] = set()

    def __len__(self) -> int:
        return len(self.rows) - len(self.dead)

    def add(self, rows: Rows, vectors: Floats) -> None:
        """Append vectors, of rows above all that are there."""
        self.index.add(np.rint(vectors * self.scale) if self.scale else vectors)
        self.rows = np.concatenate([self.rows, rows])

    def vectors(self, start: int, count: int) -> Floats:
        """Vectors from a position on, as exact as they are kept."""
        kept: Floats = self.index.reconstruct_n(start, min(count, len(self.rows) - start))
        return kept / np.float32(self.scale) if self.scale else kept

    def remove(self, rows: Rows) -> None:
        """Take note that rows are gone; those that are not here are no error."""
        places = places_of(rows, self.rows)
        self.dead.update(places[places >= 0].tolist())

    def compact(self) -> None:
        """Take the dead out of an index that is scanned."""
        places = np.array(sorted(self.dead), np.int64)
        self.index.remove_ids(faiss.IDSelectorBatch(places))
        self.rows = np.delete(self.rows, places)
        self.dead = set()

    def living(self) -> Mask:
        """Which positions are not dead."""
        mask = np.ones(len(self.rows), bool)
        mask[list(self.dead)] = False
        return mask

    def search(self, query: Floats, k: int, passing: Passing | None, ef_search: int) -> Found:
        """The `k` nearest of those that live and pass; fewer if there are no more."""
        if passing is None and len(self.dead) <= MOST_DEAD:
            places, values = self._search(query, k + len(self.dead), None, len(self.rows), ef_search)
            living = [at for at, place in enumerate(places.tolist()) if place not in self.dead][:k]
            return self.rows[places[living]], values[living]
        mask = self.living() if passing is None else self.living() & passing.mask(self.rows)
        places, values = self._search(query, k, mask, int(mask.sum()), ef_search)
        return self.rows[places], values

    def _search(self, query: Floats, k: int, mask: Mask | None, count: int, ef_search: int) -> Found:
        """Positions and values. mask: which positions may be found, `count` of them."""
        k = min(k, count)
        if not k:
            return self.rows[:0], np.empty(0, np.float32)
        bits = None if mask is None else np.packbits(mask, bitorder="little")
        selector = None if bits is None else faiss.IDSelectorBitmap(bits)
        index, parameters = self.index, faiss.SearchParameters(sel=selector)
        if isinstance(index, faiss.IndexHNSW):
            part = count / len(self.rows)
            if part >= LEAST_PASSING and k <= count // 4:
                parameters = faiss.SearchParametersHNSW(sel=selector, efSearch=round(max(ef_search, 2 * k) / part))
            else:
                index = faiss.downcast_index(index.storage)
        factor = LARGEST_CODE / float(np.abs(query).max()) if self.scale else 1.0
        asked = np.rint(query * np.float32(factor)) if self.scale else query
        faiss.omp_set_num_threads(1)  # of this thread: more would only wait for each other, and spin meanwhile
        values, places = index.search(asked.reshape(1, -1), k, params=parameters)
        found = places[0] >= 0
        return places[0][found], values[0][found] / np.float32(factor * (self.scale or 1))
