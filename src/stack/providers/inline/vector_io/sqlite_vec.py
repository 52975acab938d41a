"""Vectors in SQLite, found by scanning: a table of sqlite-vec for each store, beside text and attributes in one file.

Exact and small, for some dozens of stores; a query takes as long as reading all vectors of its store, about a
millisecond for each thousand of 384 numbers. Source: https://github.com/asg017/sqlite-vec
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from stack.apis.vector_io import VectorQuery, VectorStoreSpec
from stack.errors import InvalidRequest
from stack.importing import one_at_a_time
from stack.providers.inline.chunk_store.provider import ChunkStore, Ranked, passing
from stack.providers.inline.chunk_store.schema import StoreRow
from stack.registry.spec import ProviderConfig

if TYPE_CHECKING:
    from apsw import Connection

MAX_DIMENSION = 8192  # of vec0
MAX_K = 4096  # of vec0's own search; where more are wanted, all are sorted
# Vectors in one BLOB: SQLite walks it from its start for each insert, so that its own 1024 make inserts slower.
CHUNK_SIZE = 128
_VEC0_METRICS = {"cosine": "cosine", "l2": "l2", "inner_product": "l2"}
_DISTANCES = {
    "cosine": "vec_distance_cosine(embedding, ?1)",
    "l2": "vec_distance_l2(embedding, ?1)",
    # There is no product of vectors, but |x - q|^2 = |x|^2 + |q|^2 - 2 x.q; the least is the best.
    "inner_product": "(pow(vec_distance_l2(embedding, ?1), 2) - pow(vec_distance_l2(embedding, ?2), 2)"
    " - pow(vec_distance_l2(?1, ?2), 2)) / 2",
}


class Config(ProviderConfig):
    pass


class SqliteVec(ChunkStore):
    config: Config
    has_tables = True

    def set_up(self, connection: Connection) -> None:
        """Load the extension, and leave loading closed to SQL."""
        with one_at_a_time:
            import sqlite_vec

        connection.enable_load_extension(True)
        connection.load_extension(sqlite_vec.loadable_path())
        connection.enable_load_extension(False)

    def vectors_table(self, spec: VectorStoreSpec) -> str:
        if spec.dimension > MAX_DIMENSION:
            message = f"`dimension` is {spec.dimension}: sqlite-vec takes up to {MAX_DIMENSION}"
            raise InvalidRequest(message, param="dimension")
        if spec.params:
            raise InvalidRequest(
                f"`params.{min(spec.params)}` is no setting of sqlite-vec: leave it out", param="params"
            )
        column = f"embedding float[{spec.dimension}] distance_metric={_VEC0_METRICS[spec.metric]}"
        return f"CREATE VIRTUAL TABLE vectors_{{number}} USING vec0({column}, chunk_size={CHUNK_SIZE})"

    def nearest(self, connection: Connection, store: StoreRow, query: VectorQuery) -> Ranked:
        metric = store.spec.metric
        clause, parameters = passing(query, store)
        if metric != "inner_product" and query.top_k <= MAX_K:
            found = connection.execute(
                f"SELECT rowid, distance FROM {store.vectors} WHERE embedding MATCH ? AND k = ?{clause} ORDER BY 2",
                (query.embedding, query.top_k, *parameters),
            )
        else:
            found = connection.execute(
                f"SELECT rowid, {_DISTANCES[metric]} FROM {store.vectors}"
                f" WHERE ?2 IS NOT NULL{clause} ORDER BY 2 LIMIT ?",
                (query.embedding, array("f", bytes(4 * store.spec.dimension)), *parameters, query.top_k),
            )
        return [(row, _score(metric, distance)) for row, distance in found]


def _score(metric: str, distance: float) -> float:
    if metric == "l2":
        return 1 / (1 + distance)
    return -distance if metric == "inner_product" else max(-1.0, min(1.0, 1 - distance))
