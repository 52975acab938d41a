"""Which kind of index a store has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from stack.apis.vector_io import VectorStoreSpec
from stack.errors import InvalidRequest

Kind = Literal["auto", "flat", "fp16", "int8", "hnsw"]
ScanKind = Literal["flat", "fp16", "int8"]

# `auto`: to here a scan of vectors as they are takes less than a millisecond; then of one byte for each number, whose
# best are compared as they are; then, where that takes some milliseconds too, a graph.
INT8_FROM = 10_000
GRAPH_FROM = {"cosine": 500_000, "l2": 200_000}
# Below, there is nothing to win, and the scale of bytes is taken from at least so many vectors.
LEAST_INT8 = 1_000


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """m, ef_construction, ef_search: of HNSW; edges of a node, and how many are looked at to add and to find one."""

    kind: Kind = "auto"
    m: int = 16
    ef_construction: int = 100
    ef_search: int = 64

    def scan_kind(self, spec: VectorStoreSpec, count: int) -> ScanKind:
        """How `count` vectors are kept that are scanned; only those of length 1 are made smaller."""
        if spec.metric != "cosine" or self.kind == "flat":
            return "flat"
        if self.kind == "fp16":
            return "fp16"
        return "int8" if count > (LEAST_INT8 if self.kind == "int8" else INT8_FROM) else "flat"

    def may_be(self, spec: VectorStoreSpec, kind: ScanKind, has_graph: bool) -> bool:
        """Whether an index that was saved is of a kind that could have come about under these settings."""
        if has_graph and not (self.kind in ("auto", "hnsw") and spec.metric in GRAPH_FROM):
            return False
        if spec.metric != "cosine" or self.kind == "flat":
            return kind == "flat"
        return kind == "fp16" if self.kind == "fp16" else kind != "fp16"

    def wants_graph(self, spec: VectorStoreSpec, count: int) -> bool:
        """Whether so many vectors are worth a graph. Under the inner product a graph finds too little."""
        if spec.metric not in GRAPH_FROM:
            return False
        return count > 0 if self.kind == "hnsw" else self.kind == "auto" and count > GRAPH_FROM[spec.metric]


_BOUNDS = {"m": range(4, 129), "ef_construction": range(8, 2049), "ef_search": range(8, 2049)}


def settings_of(spec: VectorStoreSpec, default: IndexSettings) -> IndexSettings:
    """What `params` of a store say, on top of the provider's own. Raises: InvalidRequest naming the parameter."""
    given = {"kind" if name == "index" else name: value for name, value in spec.params.items()}
    for name, value in given.items():
        _check(name, value, spec)
    kind: Kind = given.get("kind", default.kind)
    m, construction, search = (int(given.get(name, vars_of(default)[name])) for name in _BOUNDS)
    return IndexSettings(kind, m, construction, search)


def vars_of(settings: IndexSettings) -> dict[str, int]:
    """The numbers among the settings, by name."""
    return {"m": settings.m, "ef_construction": settings.ef_construction, "ef_search": settings.ef_search}


def _check(name: str, value: Any, spec: VectorStoreSpec) -> None:
    if name == "kind":
        if value not in get_args(Kind):
            raise InvalidRequest(
                "`params.index` must be `auto`, `flat`, `fp16`, `int8` or `hnsw`", param="params.index"
            )
        if (value in ("fp16", "int8") and spec.metric != "cosine") or (
            value == "hnsw" and spec.metric == "inner_product"
        ):
            message = f"`params.index` is `{value}`, which is not for the metric `{spec.metric}`: leave it out"
            raise InvalidRequest(message, param="params.index")
    elif (bounds := _BOUNDS.get(name)) is None:
        raise InvalidRequest(f"`params.{name}` is no setting of this index", param=f"params.{name}")
    elif isinstance(value, bool) or not isinstance(value, int) or value not in bounds:
        message = f"`params.{name}` must be an integer from {bounds.start} to {bounds.stop - 1}"
        raise InvalidRequest(message, param=f"params.{name}")
