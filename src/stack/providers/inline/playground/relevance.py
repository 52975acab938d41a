"""Which sentence of a context speaks of a question: Okapi BM25 over sentences.

Source: Robertson, Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond".
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stack.providers.inline.playground.text import terms

_K1 = 1.2
_B = 0.5
# A sentence is relevant when it holds this share of what the question is about, rare terms counting more.
_COVERAGE = 0.2


@dataclass(frozen=True, slots=True)
class Passage:
    """A sentence that could be quoted. weight: how much its source is trusted to hold the answer."""

    text: str
    weight: float = 1.0


def rank(question: Mapping[str, float], passages: Sequence[Passage]) -> list[Passage]:
    """The passages that speak of the question, most relevant first; equals stay in the given order.

    question: terms with their weights; a passage must hold one of weight 1.
    """
    bags = [Counter(terms(passage.text)) for passage in passages]
    frequency = Counter(term for bag in bags for term in bag if term in question)
    rarity = {term: weight * _rarity(frequency[term], len(bags)) for term, weight in question.items()}
    needed = _COVERAGE * sum(rarity[term] for term, weight in question.items() if weight >= 1)
    mean = sum(map(len, bags)) / len(bags) if bags else 0.0
    scored: list[tuple[float, int]] = []
    for index, (passage, bag) in enumerate(zip(passages, bags, strict=True)):
        held = [term for term in bag if term in rarity]
        if any(question[term] >= 1 for term in held) and sum(rarity[term] for term in held) >= needed:
            score = passage.weight * sum(rarity[term] * _saturation(bag[term], len(bag), mean) for term in held)
            # Rounded, so that no last bit of a logarithm decides.
            scored.append((-round(score, 6), index))
    return [passages[index] for _, index in sorted(scored)]


def relevance(query: str, documents: Sequence[str]) -> list[float]:
    """How well each document speaks of the query, in [0, 1): which of its terms it holds, rare ones counting more."""
    bags = [Counter(terms(document)) for document in documents]
    wanted = dict.fromkeys(terms(query))
    frequency = Counter(term for bag in bags for term in bag if term in wanted)
    rarity = {term: _rarity(frequency[term], len(bags)) for term in wanted}
    most = sum(rarity.values()) * (_K1 + 1) or 1.0
    mean = sum(map(len, bags)) / len(bags)
    held = (
        sum(rarity[term] * _saturation(count, len(bag), mean) for term, count in bag.items() if term in rarity)
        for bag in bags
    )
    return [round(score / most, 6) for score in held]


def _rarity(frequency: int, count: int) -> float:
    return math.log(1 + (count - frequency + 0.5) / (frequency + 0.5))


def _saturation(frequency: int, length: int, mean: float) -> float:
    return frequency * (_K1 + 1) / (frequency + _K1 * (1 - _B + _B * length / mean))
