"""Lexical embedding: texts that share words, word forms or spelling lie close together. No model, no download.

Every word gives signed, hashed features: itself, its stem and its character trigrams (feature hashing: Weinberger
et al. 2009, https://arxiv.org/abs/0902.2206). Only correctly rounded arithmetic is used: all machines agree.
"""

from __future__ import annotations

import base64
import math
import sys
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b

from stack.providers.inline.playground.text import terms, words

DEFAULT_DIMENSIONS = 384
MAX_DIMENSIONS = 4096

_WORD_WEIGHT = 0.4
_TERM_WEIGHT = 1.0
_TRIGRAM_WEIGHT = 0.3
# A word that carries no meaning still tells two texts apart, a little.
_STOP_WORD_WEIGHT = 0.15


def embed(text: str, dimensions: int = DEFAULT_DIMENSIONS) -> array[float]:
    """The unit vector of a text: (dimensions,) float32. A text without words has a direction of its own."""
    return _project(Counter(words(text)), dimensions)


def embed_tokens(token_ids: Sequence[int], dimensions: int = DEFAULT_DIMENSIONS) -> array[float]:
    """The unit vector of a text given as token ids, which are compared as they are: nothing here decodes them."""
    return _project(Counter(f"#{token}" for token in token_ids), dimensions)


def as_base64(vector: array[float]) -> str:
    """A vector as base64 of little-endian float32."""
    if sys.byteorder == "big":
        vector = array("f", vector)
        vector.byteswap()
    return base64.b64encode(vector.tobytes()).decode()


def _project(counts: Mapping[str, int], dimensions: int) -> array[float]:
    sums = [0.0] * dimensions
    for word, count in counts.items():
        # Sublinear in the count. A square root is rounded alike everywhere, a logarithm is not.
        weight = math.sqrt(count)
        for feature, value in _features(word):
            sums[feature % dimensions] += weight * value
    norm = math.sqrt(math.fsum(value * value for value in sums))
    if norm == 0.0:
        sums[0] = norm = 1.0
    return array("f", [value / norm for value in sums])


@lru_cache(maxsize=65536)
def _features(word: str) -> tuple[tuple[int, float], ...]:
    """The hashed features of one word, each with its signed weight."""
    kept = terms(word)
    if not kept:
        return (_signed(f"w:{word}", _STOP_WORD_WEIGHT),)
    framed = f"<{word}>"
    trigrams = [framed[i : i + 3] for i in range(len(framed) - 2)] if word[0] != "#" else []
    return (
        _signed(f"w:{word}", _WORD_WEIGHT),
        *(_signed(f"t:{term}", _TERM_WEIGHT) for term in kept),
        *(_signed(f"c:{trigram}", _TRIGRAM_WEIGHT) for trigram in trigrams),
    )


def _signed(feature: str, weight: float) -> tuple[int, float]:
    number = int.from_bytes(blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
    return number >> 1, weight if number & 1 else -weight
