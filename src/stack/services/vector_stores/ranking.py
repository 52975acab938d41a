"""Lists of found chunks, joined into one: pure functions of ranks and scores."""

from __future__ import annotations

from collections.abc import Sequence

from stack.apis.vector_io import ScoredChunk

Found = Sequence[ScoredChunk]


def best_of(lists: Sequence[Found]) -> list[ScoredChunk]:
    """Each chunk once, with its best score, best first; of equal ones that which came first."""
    if len(lists) == 1:
        return list(lists[0])
    best: dict[str, ScoredChunk] = {}
    for found in (each for one in lists for each in one):
        known = best.get(found.chunk.chunk_id)
        if known is None or found.score > known.score:
            best[found.chunk.chunk_id] = found
    return sorted(best.values(), key=lambda found: -found.score)


def by_rank(lists: Sequence[Found], k: float) -> list[ScoredChunk]:
    """Reciprocal rank fusion: the sum of 1 / (k + rank), with ranks from 1, over what a first place in all would have.

    Scores are in (0, 1]. Source: Cormack, Clarke, Buettcher 2009, "Reciprocal Rank Fusion".
    """
    scores: dict[str, float] = {}
    for found in lists:
        for rank, each in enumerate(found, 1):
            scores[each.chunk.chunk_id] = scores.get(each.chunk.chunk_id, 0.0) + 1 / (k + rank)
    return _scored(lists, scores, len(lists) / (k + 1))


def by_score(vectors: Found, words: Found, alpha: float) -> list[ScoredChunk]:
    """`alpha` times the vectors' score and the rest of the words', each spread over [0, 1] within its list.

    A chunk that one list lacks has 0 there; where all scores of a list are equal, they are 1. Scores are in [0, 1].
    """
    scores: dict[str, float] = {}
    for found, share in ((vectors, alpha), (words, 1 - alpha)):
        for chunk_id, score in _spread(found).items():
            scores[chunk_id] = scores.get(chunk_id, 0.0) + share * score
    return _scored((vectors, words), scores, 1.0)


def _spread(found: Found) -> dict[str, float]:
    if not found:
        return {}
    low, high = min(each.score for each in found), max(each.score for each in found)
    width = high - low
    return {each.chunk.chunk_id: (each.score - low) / width if width else 1.0 for each in found}


def _scored(lists: Sequence[Found], scores: dict[str, float], whole: float) -> list[ScoredChunk]:
    chunks = {each.chunk.chunk_id: each.chunk for found in lists for each in found}
    joined = [ScoredChunk(chunk, scores[chunk_id] / whole) for chunk_id, chunk in chunks.items()]
    return sorted(joined, key=lambda each: -each.score)
