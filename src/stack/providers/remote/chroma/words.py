"""Keyword search: Chroma finds the chunks that may hold a word, and they are ranked here.

Its index of documents finds parts of text and has no score. What it found is cut into words: those chunks count that
hold one, and their scores are BM25's without a norm of lengths, over the whole store.
Source: Robertson and Zaragoza 2009, with k1 = 1.2 and b = 0; 1 is added within the logarithm, so none is negative.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

from stack.providers.remote.words import words_of

_K1 = 1.2
_ALTERNATIVES = 100  # words in one regular expression


def where_document(words: Iterable[str]) -> dict[str, Any]:
    """Documents that hold one of the words, or a longer word that it is a part of; words need no escaping."""
    ordered = sorted(words)
    groups = [ordered[start : start + _ALTERNATIVES] for start in range(0, len(ordered), _ALTERNATIVES)]
    patterns = [{"$regex": f"(?i){'|'.join(group)}"} for group in groups]
    return patterns[0] if len(patterns) == 1 else {"$or": patterns}


class Ranking:
    """Counts of the words in each chunk; no text is held on to."""

    def __init__(self, words: set[str]) -> None:
        self._words = words
        self._counts: dict[str, dict[str, int]] = {}

    def add(self, chunk_ids: Iterable[str], documents: Iterable[str | None]) -> None:
        for chunk_id, document in zip(chunk_ids, documents, strict=True):
            counts = {word: n for word, n in Counter(words_of(document or "")).items() if word in self._words}
            if counts:
                self._counts[chunk_id] = counts

    def best(self, top_k: int, chunks: int, least: float | None) -> list[tuple[str, float]]:
        """Ids and scores, best first. chunks: how many the store holds."""
        holding = Counter(word for counts in self._counts.values() for word in counts)
        total = max(chunks, len(self._counts))
        weights = {word: math.log(1 + (total - n + 0.5) / (n + 0.5)) for word, n in holding.items()}
        scores = (
            (chunk_id, sum(weights[word] * n * (_K1 + 1) / (n + _K1) for word, n in counts.items()))
            for chunk_id, counts in self._counts.items()
        )
        kept = ((chunk_id, score) for chunk_id, score in scores if least is None or score >= least)
        return heapq.nsmallest(top_k, kept, key=lambda one: (-one[1], one[0]))
