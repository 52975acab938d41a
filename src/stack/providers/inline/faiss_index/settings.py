"""Which kind of index a store has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from stack.apis.vector_io import VectorStoreSpec
from stack.errors import InvalidRequest

Kind = Literal["auto", "flat", "fp16", "hnsw"]
ScanKind = Literal["flat", "fp16"]

# `auto`, for 384 numbers on one core: a flat scan takes 1 ms at 20,000 vectors, in half precision 4 ms at 200,000.
FP16_FROM = 20_000
GRAPH_FROM = 200_000


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """m, ef_construction, ef_search: of HNSW; edges of a node, and how many are looked at to add and to find one."""

    kind: Kind = "auto"
    m: int = 16
    ef_construction: int = 100
    ef_search: int = 64

    def scan_kind(self, spec: VectorStoreSpec, count: int) -> ScanKind:
        """How `count` vectors are kept that are scanned; half precision is for vectors of length 1 only."""
        if spec.metric != "cosine" or self.kind == "flat":
            return "flat"
        return "fp16" if self.kind in ("fp16", "hnsw") or count > FP16_FROM else "flat"

    def wants_graph(self, spec: VectorStoreSpec, count: int) -> bool:
        """Whether so many vectors are worth a graph. Under the inner product a graph finds too little."""
        if spec.metric == "inner_product":
            return False
        return count > 0 if self.kind == "hnsw" else self.kind == "auto" and count > GRAPH_FROM


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
            raise InvalidRequest("`params.index` must be `auto`, `flat`, `fp16` or `hnsw`", param="params.index")
        if (value == "fp16" and spec.metric != "cosine") or (value == "hnsw" and spec.metric == "inner_product"):
            message = f"`params.index` is `{value}`, which is not for the metric `{spec.metric}`: leave it out"
            raise InvalidRequest(message, param="params.index")
    elif (bounds := _BOUNDS.get(name)) is None:
        raise InvalidRequest(f"`params.{name}` is no setting of this index", param=f"params.{name}")
    elif isinstance(value, bool) or not isinstance(value, int) or value not in bounds:
        message = f"`params.{name}` must be an integer from {bounds.start} to {bounds.stop - 1}"
        raise InvalidRequest(message, param=f"params.{name}")
