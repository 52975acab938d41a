"""ONNX models written as protobuf: the few messages that a graph is made of, so that no `onnx` package is needed.

Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. Encoding:
https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

IR_VERSION = 9
OPSET = 20  # the first with Gelu; onnxruntime has it since 1.17
FLOAT, INT64, FLOAT16, DOUBLE, BFLOAT16 = 1, 7, 10, 11, 16

Attribute = int | float | str | Sequence[int]


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor that lies in a file: `length` bytes from `offset` on, little-endian, of an ONNX data type."""

    file: str
    data_type: int
    shape: tuple[int, ...]
    offset: int
    length: int


def _varint(number: int) -> bytes:
    """A number of up to 64 bits, negative ones as two's complement."""
    number &= (1 << 64) - 1
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _field(number: int, value: int | float | str | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    if isinstance(value, float):
        return _varint(number << 3 | 5) + struct.pack("<f", value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _repeated(number: int, values: Iterable[int | str | bytes]) -> bytes:
    return b"".join(_field(number, value) for value in values)


def node(operator: str, inputs: Sequence[str], output: str, **attributes: Attribute) -> bytes:
    """A NodeProto with one output."""
    encoded = (_attribute(name, value) for name, value in attributes.items())
    return _repeated(1, inputs) + _field(2, output) + _field(4, operator) + _repeated(5, encoded)


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, float):
        return _field(1, name) + _field(2, value) + _field(20, 1)
    if isinstance(value, int):
        return _field(1, name) + _field(3, value) + _field(20, 2)
    if isinstance(value, str):
        return _field(1, name) + _field(4, value) + _field(20, 3)
    return _field(1, name) + _repeated(8, value) + _field(20, 7)


def integers(name: str, values: Sequence[int]) -> bytes:
    """A TensorProto of one dimension that holds its values."""
    return (
        _field(1, len(values))
        + _field(2, INT64)
        + _field(8, name)
        + _field(9, struct.pack(f"<{len(values)}q", *values))
    )


def number(name: str, value: float) -> bytes:
    """A TensorProto of no dimension."""
    return _field(2, FLOAT) + _field(8, name) + _field(9, struct.pack("<f", value))


def stored(name: str, tensor: Stored) -> bytes:
    """A TensorProto whose values stay in their file."""
    place = {"location": tensor.file, "offset": str(tensor.offset), "length": str(tensor.length)}
    entries = (_field(1, key) + _field(2, value) for key, value in place.items())
    what = _repeated(1, tensor.shape) + _field(2, tensor.data_type) + _field(8, name)
    return what + _repeated(13, entries) + _field(14, 1)


def value(name: str, data_type: int, dimensions: Sequence[int | str]) -> bytes:
    """A ValueInfoProto; a dimension that is a name may have any size."""
    shape = (_field(2 if isinstance(one, str) else 1, one) for one in dimensions)
    tensor = _field(1, data_type) + _field(2, _repeated(1, shape))
    return _field(1, name) + _field(2, _field(1, tensor))


def model(nodes: Sequence[bytes], tensors: Sequence[bytes], inputs: Sequence[bytes], outputs: Sequence[bytes]) -> bytes:
    """A ModelProto."""
    parts = chain(((1, one) for one in nodes), ((5, one) for one in tensors))
    ends = chain(((11, one) for one in inputs), ((12, one) for one in outputs))
    graph = _field(2, "graph") + b"".join(_field(place, one) for place, one in chain(parts, ends))
    return _field(1, IR_VERSION) + _field(7, graph) + _field(8, _field(1, "") + _field(2, OPSET))
