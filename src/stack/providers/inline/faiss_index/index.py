"""The index of one store in memory: what is scanned, and beside it a graph once there is much.

It is a cache of the database: `generation` and `last_row` tell how much of it has been seen. Whoever searches holds
`lock` shared, whoever changes something holds it alone.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import faiss
import numpy as np

from stack.apis.vector_io import VectorStoreSpec
from stack.providers.inline.faiss_index.locks import SharedLock
from stack.providers.inline.faiss_index.part import MOST_DEAD, Floats, Part, Rows
from stack.providers.inline.faiss_index.settings import IndexSettings, ScanKind

CONVERTED_AT_ONCE = 10_000


class VectorIndex:
    """number: of the store in the database, 0 before anything was read. changed: rows since the last snapshot."""

    def __init__(self) -> None:
        self.lock = SharedLock()
        self.number = self.generation = self.last_row = self.changed = 0
        self.is_building = False

    def reset(self, number: int, spec: VectorStoreSpec, settings: IndexSettings) -> None:
        """Begin anew, empty, for a store."""
        self.number, self.generation, self.last_row, self.changed = number, 0, 0, 0
        self.spec, self.settings = spec, settings
        self.kind = settings.scan_kind(spec, 0)
        self.scanned = Part(scanned_index(spec, self.kind))
        self.graph: Part | None = None

    def __len__(self) -> int:
        return len(self.scanned) + (len(self.graph) if self.graph is not None else 0)

    def add(self, rows: Rows, vectors: Floats) -> None:
        """Take up vectors as they were stored, (n, dimension) float32, of rows above `last_row`."""
        self.scanned.add(rows, prepared(self.spec, vectors))
        self.last_row = int(rows[-1])
        self.changed += len(rows)
        if (kind := self.settings.scan_kind(self.spec, len(self))) != self.kind:
            self._convert(kind)

    def remove(self, rows: Rows) -> None:
        """Forget rows; those that are not here are no error."""
        self.changed += len(rows)
        self.scanned.remove(rows)
        if len(self.scanned.dead) > MOST_DEAD:
            self.scanned.compact()
        if self.graph is not None:
            self.graph.remove(rows)

    def candidates(self, query: Floats, k: int, passing: Rows | None) -> list[int]:
        """Rows that hold the `k` nearest, and some more, for scores are not exact in half precision."""
        wanted = k if self.kind == "flat" else k + max(10, k // 2)
        query = prepared(self.spec, query.reshape(1, -1))[0]
        parts = [part for part in (self.scanned, self.graph) if part is not None]
        found = [part.search(query, wanted, passing, self.settings.ef_search) for part in parts]
        rows = np.concatenate([rows for rows, _ in found])
        values = np.concatenate([values for _, values in found])
        best = np.argsort(values if self.spec.metric == "l2" else -values, kind="stable")[:wanted]
        return [int(row) for row in rows[best]]

    def _convert(self, kind: ScanKind) -> None:
        old = self.scanned
        new = scanned_index(self.spec, kind)
        for start in range(0, len(old.rows), CONVERTED_AT_ONCE):
            new.add(old.index.reconstruct_n(start, min(CONVERTED_AT_ONCE, len(old.rows) - start)))
        self.kind, self.scanned = kind, Part(new, old.rows, old.dead)


def scanned_index(spec: VectorStoreSpec, kind: ScanKind) -> Any:
    """An empty index whose every vector is looked at."""
    metric = faiss_metric(spec)
    if kind == "fp16":
        return faiss.IndexScalarQuantizer(spec.dimension, faiss.ScalarQuantizer.QT_fp16, metric)
    return faiss.IndexFlat(spec.dimension, metric)


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


def lengths(vectors: Floats) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Euclidean lengths of rows, in double precision; NaN or infinite where a number is."""
    squares: np.ndarray[Any, np.dtype[np.float64]] = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
    return np.sqrt(squares)


def exact_scores(spec: VectorStoreSpec, query: Floats, vectors: Floats) -> list[float]:
    """Scores as the protocol has them, in double precision. vectors: (n, dimension) as they were stored."""
    one, many = query.astype(np.float64), vectors.astype(np.float64)
    if spec.metric == "l2":
        scores = 1 / (1 + np.linalg.norm(many - one, axis=1))
    else:
        scores = many @ one
        if spec.metric == "cosine":
            scores = np.clip(scores / (np.linalg.norm(many, axis=1) * np.linalg.norm(one)), -1, 1)
    return [float(score) for score in scores]


def lengths_of(embeddings: Sequence[array[float]]) -> list[float]:
    """Euclidean lengths of embeddings of one dimension."""
    found: list[float] = lengths(np.frombuffer(b"".join(embeddings), "<f4").reshape(len(embeddings), -1)).tolist()
    return found
