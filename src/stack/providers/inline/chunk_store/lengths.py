"""Euclidean lengths of many embeddings at once, several times faster than one after the other."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def lengths(vectors: NDArray[np.float32]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Lengths of rows, in double precision; NaN or infinite where a number is."""
    squares: np.ndarray[Any, np.dtype[np.float64]] = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
    roots: np.ndarray[Any, np.dtype[np.float64]] = np.sqrt(squares)
    return roots


def lengths_of(embeddings: Sequence[array[float]], dimension: int) -> list[float] | None:
    """Lengths of embeddings; None where they have not all that dimension."""
    if any(len(embedding) != dimension for embedding in embeddings):
        return None
    stacked = np.frombuffer(b"".join(embeddings), "<f4").reshape(len(embeddings), dimension)
    found: list[float] = lengths(stacked).tolist()
    return found
