"""What the answers must be, computed one vector after the other in double precision, without any engine or numpy."""

from __future__ import annotations

import itertools
import math
import random
from array import array
from collections.abc import Iterable, Sequence
from typing import Any

from stack.apis.vector_io import EmbeddedChunk, Metric, ScoredChunk


def vector(*numbers: float) -> array[float]:
    """An embedding of these numbers."""
    return array("f", numbers)


def chunk(chunk_id: str, embedding: Iterable[float] = (1, 0, 0), content: str = "", **metadata: Any) -> EmbeddedChunk:
    """A chunk with attributes `metadata`."""
    return EmbeddedChunk(chunk_id, content or f"text of {chunk_id}", array("f", embedding), metadata)


def attributed(chunk_id: str, metadata: dict[str, Any]) -> EmbeddedChunk:
    """A chunk with attributes of any name."""
    return EmbeddedChunk(chunk_id, f"text of {chunk_id}", vector(1, 0, 0), metadata)


def random_chunks(count: int, dimension: int, seed: int = 1) -> list[EmbeddedChunk]:
    """Chunks `c0`, `c1`, ... around a few centres, as embeddings of texts lie."""
    source = random.Random(seed)  # noqa: S311 - the same in every run, and no secret
    centres = [[source.gauss(0, 1) for _ in range(dimension)] for _ in range(max(1, count // 20))]
    return [
        chunk(f"c{index}", [x + source.gauss(0, 0.5) for x in source.choice(centres)], number=index)
        for index in range(count)
    ]


def score(metric: Metric, one: Sequence[float], other: Sequence[float]) -> float:
    """Likeness of two vectors as the metric has it: higher is more alike."""
    if metric == "l2":
        return 1 / (1 + math.dist(one, other))
    product = math.fsum(a * b for a, b in zip(one, other, strict=True))
    return product / (math.hypot(*one) * math.hypot(*other)) if metric == "cosine" else product


def assert_best(
    found: Sequence[ScoredChunk],
    chunks: Sequence[EmbeddedChunk],
    query: Sequence[float],
    metric: Metric,
    top_k: int,
    tolerance: float,
) -> None:
    """Whether `found` are `top_k` best of `chunks`, best first, with their scores; equals may come in any order."""
    scores = {each.chunk_id: score(metric, each.embedding, query) for each in chunks}
    ids = [one.chunk.chunk_id for one in found]
    assert len(ids) == len(set(ids)) == min(top_k, len(chunks))
    assert set(ids) <= scores.keys()
    for one in found:
        assert math.isclose(one.score, scores[one.chunk.chunk_id], rel_tol=tolerance, abs_tol=tolerance), one
    assert_descending(found, tolerance)
    best = sorted(scores.values(), reverse=True)[: len(found)]
    worst_found = min((scores[each] for each in ids), default=math.inf)
    assert not best or worst_found >= best[-1] - tolerance * max(1, abs(best[-1]))


def assert_descending(found: Sequence[ScoredChunk], tolerance: float = 0.0) -> None:
    """Whether the best comes first."""
    for earlier, later in itertools.pairwise(found):
        assert earlier.score >= later.score - tolerance * max(1, abs(later.score))


def ids(found: Sequence[ScoredChunk] | Sequence[EmbeddedChunk]) -> list[str]:
    """Ids in the order of the answer."""
    return [one.chunk.chunk_id if isinstance(one, ScoredChunk) else one.chunk_id for one in found]
