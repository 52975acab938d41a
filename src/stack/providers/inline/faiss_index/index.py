"""The index of one store in memory: what is scanned, and beside it a graph once there is much.

It is a cache of the database: `generation` and `last_row` tell how much of it has been seen. Whoever searches holds
`lock` shared, whoever changes something holds it alone.
"""

from __future__ import annotations

import math
from typing import Any

import faiss
import numpy as np

from stack.apis.vector_io import VectorStoreSpec
from stack.providers.inline.chunk_store.lengths import lengths
from stack.providers.inline.faiss_index.locks import SharedLock
from stack.providers.inline.faiss_index.part import LARGEST_CODE, MOST_DEAD, Floats, Found, Part, Rows
from stack.providers.inline.faiss_index.passing import Passing
from stack.providers.inline.faiss_index.settings import IndexSettings, ScanKind

CONVERTED_AT_ONCE = 10_000
LEAST_SCANNED = 1_000  # so many are scanned before a graph is worth it,
UNBUILT = 0.25  # or this part of what the graph holds already
DEAD = 0.2  # part of a graph that may be gone before it is built anew
SPARE = 30  # candidates beyond twice what is asked for, so that one search is nearly always enough
MOST_SPARE = 2_000  # what lies closer together than this many can be told apart is not told apart
DEVIATIONS = 6.0  # of the difference of two products
HALF_PRECISION = 1e-3  # twice what a product of two vectors of length 1 may lose
HEADROOM = 1.25  # for numbers to come that are larger than those that are there


class VectorIndex:
    """number: of the store in the database, 0 before anything was read. changed: rows since the last snapshot.

    epoch: how often it was begun anew, for whoever works on it without the lock.
    """

    def __init__(self) -> None:
        self.lock = SharedLock()
        self.number = self.generation = self.last_row = self.changed = self.epoch = 0

    def reset(self, number: int, spec: VectorStoreSpec, settings: IndexSettings) -> None:
        """Begin anew, empty, for a store."""
        self.number, self.generation, self.last_row, self.changed = number, 0, 0, 0
        self.epoch += 1
        self.spec, self.settings = spec, settings
        self.kind = settings.scan_kind(spec, 0)
        self.scanned = Part(scanned_index(spec, self.kind))
        self.graph: Part | None = None

    def __len__(self) -> int:
        return len(self.scanned) + (len(self.graph) if self.graph is not None else 0)

    def add(self, rows: Rows, vectors: Floats) -> None:
        """Take up vectors as they were stored, (n, dimension) float32, of rows above `last_row`."""
        vectors = prepared(self.spec, vectors)
        largest = float(np.abs(vectors).max())
        if self.kind == "flat" and (kind := self._kind_of(len(rows))) != "flat":  # what was made small stays so
            self._convert(kind, largest)
        elif largest * self.scanned.scale > LARGEST_CODE + 0.5:
            self._convert(self.kind, largest)
        self.scanned.add(rows, vectors)
        self.last_row = int(rows[-1])
        self.changed += len(rows)

    def remove(self, rows: Rows) -> None:
        """Forget rows; those that are not here are no error."""
        self.changed += len(rows)
        self.scanned.remove(rows)
        if len(self.scanned.dead) > MOST_DEAD:
            self.scanned.compact()
        if self.graph is not None:
            self.graph.remove(rows)

    def candidates(self, query: Floats, k: int, passing: Passing | None) -> list[int]:
        """Rows among which are the `k` nearest: those that might be, for all that is lost by keeping them small."""
        query = prepared(self.spec, query.reshape(1, -1))[0]
        margin = self._margin(query)
        wanted = 2 * k + SPARE if margin else k
        while True:
            rows, values = self._nearest(query, wanted, passing)
            if not margin or len(rows) <= k:
                return [int(row) for row in rows]
            near = int(np.count_nonzero(values >= values[k - 1] - margin))
            if near < wanted or wanted > 4 * k + MOST_SPARE:
                return [int(row) for row in rows[:near]]
            wanted *= 4

    def _nearest(self, query: Floats, k: int, passing: Passing | None) -> Found:
        """The `k` nearest of all parts, best first."""
        parts = [part for part in (self.scanned, self.graph) if part is not None]
        found = [part.search(query, k, passing, self.settings.ef_search) for part in parts]
        rows = np.concatenate([rows for rows, _ in found])
        values = np.concatenate([values for _, values in found])
        best = np.argsort(values if self.spec.metric == "l2" else -values, kind="stable")[:k]
        return rows[best], values[best]

    def _margin(self, query: Floats) -> float:
        """How much more a vector's product may be than that of one that seems better; 0 where they are exact.

        Rounding to a step s errs by s / sqrt(12) on average, independently in each number of a vector of length 1.
        """
        margin = 0.0 if self.kind == "flat" and self.graph is None else HALF_PRECISION
        if self.kind != "int8":
            return margin if self.spec.metric == "cosine" else 0.0
        steps = 1 / self.scanned.scale, float(np.abs(query).max()) / LARGEST_CODE
        return DEVIATIONS * math.hypot(*steps) / math.sqrt(12)

    def lacks_graph(self) -> bool:
        """Whether a graph should be built, of all that is there or once more."""
        if not self.settings.wants_graph(self.spec, len(self)):
            return False
        built = len(self.graph.rows) if self.graph is not None else 0
        return len(self.scanned) > max(LEAST_SCANNED, built * UNBUILT) or self.is_worn()

    def is_worn(self) -> bool:
        """Whether so much of the graph has gone that the next one is built from nothing."""
        return self.graph is not None and len(self.graph.dead) > len(self.graph.rows) * DEAD

    def take_graph(self, graph: Part) -> None:
        """Search a graph from now on, of all rows to the last of its own, and scan only what came after them."""
        known = [part.rows[part.living()] for part in (self.scanned, self.graph) if part is not None]
        gone = ~np.isin(graph.rows, np.concatenate(known))
        graph.dead = set(np.flatnonzero(gone).tolist())
        self.graph = graph
        self.scanned.dead |= set(range(int(np.searchsorted(self.scanned.rows, graph.rows[-1], "right"))))
        self.scanned.compact()

    def _kind_of(self, more: int) -> ScanKind:
        return self.settings.scan_kind(self.spec, len(self.scanned) + more)

    def _convert(self, kind: ScanKind, largest: float) -> None:
        """Keep what is scanned in another way. largest: number, as to its size, that is about to come."""
        old = self.scanned
        blocks = range(0, len(old.rows), CONVERTED_AT_ONCE)
        scale = 0.0
        if kind == "int8":
            largest = max([largest, *(float(np.abs(old.vectors(at, CONVERTED_AT_ONCE)).max()) for at in blocks)])
            scale = LARGEST_CODE / min(1.0, largest * HEADROOM)
        self.kind, self.scanned = kind, Part(scanned_index(self.spec, kind), scale=scale)
        for at in blocks:
            self.scanned.add(old.rows[at : at + CONVERTED_AT_ONCE], old.vectors(at, CONVERTED_AT_ONCE))
        self.scanned.dead = old.dead


def scanned_index(spec: VectorStoreSpec, kind: ScanKind) -> Any:
    """An empty index whose every vector is looked at."""
    metric = faiss_metric(spec)
    if kind == "flat":
        return faiss.IndexFlat(spec.dimension, metric)
    quantizer = faiss.ScalarQuantizer
    return faiss.IndexScalarQuantizer(
        spec.dimension, quantizer.QT_fp16 if kind == "fp16" else quantizer.QT_8bit_direct_signed, metric
    )


def graph_index(spec: VectorStoreSpec, settings: IndexSettings) -> Any:
    """An empty graph (HNSW), in half precision where vectors have length 1."""
    metric = faiss_metric(spec)
    if spec.metric == "cosine":
        index = faiss.IndexHNSWSQ(spec.dimension, faiss.ScalarQuantizer.QT_fp16, settings.m, metric)
        index.is_trained = True  # half precision has nothing to learn
    else:
        index = faiss.IndexHNSWFlat(spec.dimension, settings.m, metric)
    index.hnsw.efConstruction = settings.ef_construction
    return index


def faiss_metric(spec: VectorStoreSpec) -> int:
    """Cosine is the product of vectors of length 1."""
    return int(faiss.METRIC_L2 if spec.metric == "l2" else faiss.METRIC_INNER_PRODUCT)


def prepared(spec: VectorStoreSpec, vectors: Floats) -> Floats:
    """(n, dimension) float32 as an index takes them: scaled to length 1 under cosine."""
    if spec.metric != "cosine":
        return np.ascontiguousarray(vectors)
    return np.ascontiguousarray(vectors / lengths(vectors).astype(np.float32)[:, None])


def exact_scores(spec: VectorStoreSpec, query: Floats, vectors: Floats) -> list[float]:
    """Scores as the protocol has them, in double precision. vectors: (n, dimension) as they were stored."""
    one, many = query.astype(np.float64), vectors.astype(np.float64)
    if spec.metric == "l2":
        scores = 1 / (1 + np.linalg.norm(many - one, axis=1))
    else:
        scores = many @ one
        if spec.metric == "cosine":
            scores = np.clip(scores / (lengths(vectors) * np.linalg.norm(one)), -1, 1)
    found: list[float] = scores.tolist()
    return found
