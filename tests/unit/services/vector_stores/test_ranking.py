"""Joining lists: by rank and by score, against the formulas."""

from __future__ import annotations

from array import array

import pytest

from stack.apis.vector_io import EmbeddedChunk, ScoredChunk
from stack.services.vector_stores.ranking import best_of, by_rank, by_score


def found(**scores: float) -> list[ScoredChunk]:
    return [ScoredChunk(EmbeddedChunk(name, name, array("f")), score) for name, score in scores.items()]


def shown(joined: list[ScoredChunk]) -> dict[str, float]:
    return {each.chunk.chunk_id: pytest.approx(each.score) for each in joined}


def test_the_best_score_of_each_chunk_counts():
    joined = best_of([found(a=0.9, b=0.2), found(b=0.5, c=0.5)])
    assert list(shown(joined).items()) == [("a", 0.9), ("b", 0.5), ("c", 0.5)]


def test_ranks_are_added_by_their_reciprocals():
    joined = by_rank([found(a=9, b=8), found(b=0.1, c=0.05)], k=60)
    whole = 2 / 61
    expected = {"b": (1 / 62 + 1 / 61) / whole, "a": 1 / 61 / whole, "c": 1 / 62 / whole}
    assert list(shown(joined)) == ["b", "a", "c"]
    assert shown(joined) == expected


def test_scores_are_spread_and_weighted():
    joined = by_score(found(a=0.9, b=0.5, c=0.1), found(c=7, d=3), alpha=0.75)
    assert list(shown(joined)) == ["a", "b", "c", "d"]
    assert shown(joined) == {"a": 0.75, "b": 0.375, "c": 0.25, "d": 0.0}


@pytest.mark.parametrize(("alpha", "first"), [(1.0, "a"), (0.0, "c")])
def test_the_weight_decides_between_the_lists(alpha, first):
    assert by_score(found(a=0.9, b=0.5), found(c=7, d=3), alpha)[0].chunk.chunk_id == first


def test_equal_scores_are_all_the_best_and_empty_lists_add_nothing():
    assert shown(by_score(found(a=0.5, b=0.5), [], alpha=0.5)) == {"a": 0.5, "b": 0.5}
    assert by_rank([[], []], k=60) == by_score([], [], 0.5) == best_of([[], []]) == []
