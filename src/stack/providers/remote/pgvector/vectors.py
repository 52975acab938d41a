"""Vectors as pgvector sends and receives them: two 16-bit integers (dimension, 0), then float32, all big-endian.

Source: `vector_send` and `vector_recv`, https://github.com/pgvector/pgvector/blob/master/src/vector.c
"""

from __future__ import annotations

import sys
from array import array

_HEADER_BYTES = 4


def to_wire(embedding: array[float]) -> bytes:
    """(d,) float32 in this machine's order -> what Postgres reads."""
    numbers = array("f", embedding)
    if sys.byteorder == "little":
        numbers.byteswap()
    return len(numbers).to_bytes(2, "big") + b"\0\0" + numbers.tobytes()


def from_wire(data: bytes) -> array[float]:
    """What Postgres sends -> (d,) float32 in this machine's order."""
    numbers = array("f", data[_HEADER_BYTES:])
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers
